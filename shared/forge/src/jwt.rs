//! How an app proves who it is: a JSON Web Token that lasts minutes, signed with its key.
//!
//! The signature is made by the TLS library that is there anyway. The client's own way would bring
//! a second implementation of RSA, and looks at the machine's clock instead of ours.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::SigningKey;
use serde_json::json;

use crate::error::ForgeError;

/// GitHub wants no more than ten minutes; its clock and ours may differ by one.
const BEFORE_S: u64 = 60;
const AFTER_S: u64 = 9 * 60;

/// An app's private key. Never printed.
#[derive(Clone)]
pub struct AppKey(Arc<dyn SigningKey>);

impl AppKey {
    /// Reads the PEM file that GitHub gave.
    ///
    /// # Errors
    ///
    /// When it holds no RSA key.
    pub fn from_pem(pem: &str) -> Result<Self, ForgeError> {
        let wrong = || {
            let mend =
                "the app's private key can't be read: give the .pem file from GitHub as it is";
            ForgeError::Settings(mend.to_owned())
        };
        // Environment variables often carry the line breaks as two characters.
        let pem = pem.replace("\\n", "\n");
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong())?;
        let key = any_supported_type(&der).map_err(|_| wrong())?;
        match key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]) {
            Some(_) => Ok(Self(key)),
            None => Err(wrong()),
        }
    }

    /// A token for the app `id`, that begins to count at `now_ms`.
    pub(crate) fn token(&self, id: &str, now_ms: u64) -> Result<String, ForgeError> {
        let now = now_ms / 1_000;
        let header = BASE64URL.encode(json!({ "alg": "RS256", "typ": "JWT" }).to_string());
        let claims =
            json!({ "iat": now.saturating_sub(BEFORE_S), "exp": now + AFTER_S, "iss": id });
        let signed = format!("{header}.{}", BASE64URL.encode(claims.to_string()));
        let failed = || ForgeError::Settings("the app's private key can't sign".to_owned());
        let signer = self.0.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]);
        let signature = signer.ok_or_else(failed)?.sign(signed.as_bytes()).map_err(|_| failed())?;
        Ok(format!("{signed}.{}", BASE64URL.encode(signature)))
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
