//! Webhook signatures: `X-Hub-Signature-256`, an HMAC over the raw body.

use std::fmt;

use greenline_runtime::settings::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The reason why a webhook is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature: the webhook was set up without a secret.
    #[error("the webhook is not signed: set its secret on GitHub")]
    Missing,
    /// The signature is not `sha256=` and 64 hexadecimal digits.
    #[error("the webhook's signature can't be read")]
    Malformed,
    /// No secret produces this signature.
    #[error("the webhook's signature is wrong: the secrets differ, or it is not from GitHub")]
    Wrong,
}

/// The secrets of a webhook: one, or two during a rotation.
#[derive(Debug, Clone)]
pub struct WebhookSecrets(Vec<Secret>);

impl WebhookSecrets {
    /// Collects the secrets that are set. An empty secret counts as not set. Returns `None` if none
    /// is left to check against.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Option<Self> {
        let some = |secret: &Secret| !secret.expose().is_empty();
        let secrets: Vec<Secret> = secrets.into_iter().filter(some).collect();
        (!secrets.is_empty()).then_some(Self(secrets))
    }

    /// Checks a signature against the body as it came. The time that this takes tells nothing
    /// about how much of the signature is right.
    ///
    /// # Errors
    ///
    /// When the body is not to be believed.
    pub fn check(&self, body: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let signed = |secret: &Secret| {
            // An HMAC key may have any length, so this can't fail; if it did, no signature would
            // match.
            let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes());
            mac.is_ok_and(|mac| mac.chain_update(body).verify_slice(&signature.0).is_ok())
        };
        // Every secret is tried, so that the time does not show which one matched.
        let right = self.0.iter().filter(|secret| signed(secret)).count();
        if right > 0 { Ok(()) } else { Err(SignatureError::Wrong) }
    }
}

/// The bytes of a signature. Upper and lower case of its text are the same signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 32]);

impl Signature {
    /// Reads the value of `X-Hub-Signature-256`: exactly `sha256=` and 64 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// When there is none, or it is anything else.
    pub fn read(header: Option<&str>) -> Result<Self, SignatureError> {
        let text = header.ok_or(SignatureError::Missing)?;
        let digits = text.strip_prefix("sha256=").ok_or(SignatureError::Malformed)?;
        if digits.len() != 64 {
            return Err(SignatureError::Malformed);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(SignatureError::Malformed);
            let value = digit(pair[0])? * 16 + digit(pair[1])?;
            *byte = u8::try_from(value).map_err(|_| SignatureError::Malformed)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in GitHub's documentation.
    const BODY: &[u8] = b"Hello, World!";
    const SIGNED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secrets(texts: &[&str]) -> Option<WebhookSecrets> {
        WebhookSecrets::new(texts.iter().map(|text| Secret::from((*text).to_owned())))
    }

    fn signed() -> Signature {
        Signature::read(Some(SIGNED)).unwrap()
    }

    #[test]
    fn the_documented_example_is_believed_with_either_secret() {
        let right = "It's a Secret to Everybody";
        assert_eq!(secrets(&[right]).unwrap().check(BODY, &signed()), Ok(()));
        assert_eq!(secrets(&["new", right]).unwrap().check(BODY, &signed()), Ok(()));
    }

    #[test]
    fn everything_else_is_not() {
        let right = secrets(&["It's a Secret to Everybody"]).unwrap();
        let wrong = Err(SignatureError::Wrong);
        assert_eq!(right.check(b"Hello, World?", &signed()), wrong);
        assert_eq!(secrets(&["other", "others"]).unwrap().check(BODY, &signed()), wrong);
        assert_eq!(Signature::read(None), Err(SignatureError::Missing));
        for odd in [
            "",
            "sha1=00",
            "sha256=",
            &SIGNED[..70],
            &SIGNED.replace('7', "g"),
            "sha256=é",
            &format!("sha256={}", "é".repeat(32)),
            &SIGNED.replace("sha256=", ""),
            &SIGNED.replace("sha256", "SHA256"),
        ] {
            assert_eq!(Signature::read(Some(odd)), Err(SignatureError::Malformed), "{odd}");
        }
    }

    #[test]
    fn a_signature_with_text_around_it_is_none() {
        for odd in [
            format!("{SIGNED}00"),
            format!("{SIGNED}0"),
            format!("{SIGNED} "),
            format!(" {SIGNED}"),
            format!("{SIGNED},{SIGNED}"),
        ] {
            assert_eq!(Signature::read(Some(&odd)), Err(SignatureError::Malformed), "{odd}");
        }
    }

    #[test]
    fn a_signature_is_its_bytes_whatever_their_case() {
        let upper = SIGNED.to_uppercase().replace("SHA256", "sha256");
        assert_eq!(Signature::read(Some(&upper)), Ok(signed()));
        assert_eq!(format!("sha256={}", signed()), SIGNED);
    }

    #[test]
    fn an_empty_secret_is_none() {
        assert!(secrets(&[]).is_none() && secrets(&["", ""]).is_none());
        assert_eq!(secrets(&["", "x"]).unwrap().0.len(), 1);
    }
}
