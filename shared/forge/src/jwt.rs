//! JSON Web Tokens by which an app proves its identity: short-lived, signed with the app's key.
//!
//! The TLS library, which is a dependency anyway, makes the signature. octocrab's own way would add
//! a second implementation of RSA, and reads the machine's clock instead of the injected one.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::SigningKey;
use serde::Serialize;

use crate::error::ForgeError;

/// GitHub accepts at most ten minutes, and the two clocks may differ by one.
const BEFORE_S: u64 = 60;
const AFTER_S: u64 = 9 * 60;

const HEADER: &str = r#"{"alg":"RS256","typ":"JWT"}"#;

#[derive(Serialize)]
struct Claims<'a> {
    exp: u64,
    iat: u64,
    iss: &'a str,
}

/// An app's private key. It is never printed.
#[derive(Clone)]
pub struct AppKey(Arc<dyn SigningKey>);

impl AppKey {
    /// Parses the PEM file from GitHub.
    ///
    /// # Errors
    ///
    /// When it holds no RSA key.
    pub fn from_pem(pem: &str) -> Result<Self, ForgeError> {
        let wrong = || {
            let hint =
                "the app's private key can't be read: give the .pem file from GitHub as it is";
            ForgeError::Settings(hint.to_owned())
        };
        // Environment variables often hold line breaks as two characters.
        let pem = pem.replace("\\n", "\n");
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong())?;
        let key = any_supported_type(&der).map_err(|_| wrong())?;
        match key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]) {
            Some(_) => Ok(Self(key)),
            None => Err(wrong()),
        }
    }

    /// Creates a token for the app `id` that is valid from `now_ms`.
    pub(crate) fn token(&self, id: &str, now_ms: u64) -> Result<String, ForgeError> {
        let now = now_ms / 1_000;
        let failed = || ForgeError::Settings("the app's private key can't sign".to_owned());
        let claims = Claims { exp: now + AFTER_S, iat: now.saturating_sub(BEFORE_S), iss: id };
        let claims = serde_json::to_vec(&claims).map_err(|_| failed())?;
        let signed = format!("{}.{}", BASE64URL.encode(HEADER), BASE64URL.encode(claims));
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

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = include_str!("../tests/app-key-for-tests.pem");

    /// Created by `openssl dgst -sha256 -sign`.
    const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3MDAwMDA1NDAsImlhdCI6MTY5OTk5OTk0MCwiaXNzIjoiNDcxMSJ9.LlgUhW9UneZQKXUbG3fwvT9M54xIvcoUTMg1J5kj_aeo4sm84FIsS8KxJ-CJtNjDkUp_obQMBImVa2eZ80h6JO4C5vOS2tH6yNNkvF3AVntbtt6-EAJuLtwFloqAL-IXNhqhCjlTMpAcwNpq8MvfhSaa0st839cyEKQ0kywFZsPj0QtmQH_ZrGBtgASHynZMUzJZ9fwzVdJdGdPDBkssQvHFiklOl-Vdjf9p3Sa2JfC0IOydmA7PddhzegDnAd2NCsBiManJc27cTKk-0vhY7RW-32xUvbBbwR9oklhTJu4x0GGx0n9oJ6F6PoomOlaCstQS3V0LXyUSs-PTwivvJg";

    #[test]
    fn a_token_is_signed_as_others_sign_it() {
        let key = AppKey::from_pem(PEM).unwrap();
        assert_eq!(key.token("4711", 1_700_000_000_999).unwrap(), TOKEN);
    }

    #[test]
    fn a_key_is_read_with_its_line_breaks_spelt_out_and_never_shown() {
        let key = AppKey::from_pem(&PEM.replace('\n', "\\n")).unwrap();
        assert_eq!(format!("{key:?}"), "[redacted]");
    }

    #[test]
    fn what_is_no_key_says_what_to_give() {
        for wrong in ["", "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
        {
            let error = AppKey::from_pem(wrong).unwrap_err().to_string();
            assert!(error.contains(".pem"), "{error}");
        }
    }
}
