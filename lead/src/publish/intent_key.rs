//! Signatures of intents: which of those in Redis a lead has written.
//!
//! An intent is obeyed by whichever lead comes next, so anyone who can write to Redis could command a
//! commit. The key is not in Redis. A signature holds for one content under one id in one
//! namespace; the content says what kind of action it is. Two keys hold while one replaces the
//! other: the current one signs, both are believed.
//!
//! A copy of an intent under its own id is left out: each action looks first whether its effect is
//! there, and does nothing twice.

use greenline_runtime::settings::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The keys that intents are signed with.
#[derive(Debug, Clone)]
pub struct IntentKeys {
    current: Secret,
    previous: Option<Secret>,
}

/// What a signature is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) namespace: &'a str,
    /// The action's id, by which its intent is found.
    pub(super) id: &'a str,
    pub(super) order: u64,
    /// The whole action, as JSON.
    pub(super) action: &'a str,
}

impl IntentKeys {
    /// Signs with `current`; believes what was signed with either.
    #[must_use]
    pub fn new(current: Secret, previous: Option<Secret>) -> Self {
        Self { current, previous }
    }

    /// The signature by the current key, in hexadecimal digits.
    pub(super) fn sign(&self, signed: Signed<'_>) -> String {
        let bytes = mac(&self.current, signed).finalize().into_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn believe(&self, signed: Signed<'_>, signature: &str) -> bool {
        let Some(signature) = bytes(signature) else { return false };
        let keys = [Some(&self.current), self.previous.as_ref()];
        let right = |key: &&Secret| mac(key, signed).verify_slice(&signature).is_ok();
        // Both are tried, whichever is right.
        keys.into_iter().flatten().filter(right).count() > 0
    }
}

fn mac(key: &Secret, signed: Signed<'_>) -> Hmac<Sha256> {
    let Signed { namespace, id, order, action } = signed;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .expect("a key of HMAC may have any length");
    // Each part with its length: no two contents make the same bytes.
    for part in ["greenline intent 1", namespace, id, &order.to_string(), action] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac
}

fn bytes(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: Signed<'_> = Signed { namespace: "", id: "a", order: 1, action: "{}" };

    fn keys(current: &str, previous: Option<&str>) -> IntentKeys {
        let secret = |text: &str| Secret::from(text.to_owned());
        IntentKeys::new(secret(current), previous.map(secret))
    }

    #[test]
    fn a_signature_holds_for_one_content_under_one_id() {
        let ours = keys("one", None);
        let signature = ours.sign(CONTENT);
        assert!(ours.believe(CONTENT, &signature));
        let others = [
            Signed { namespace: "b:", ..CONTENT },
            Signed { id: "b", ..CONTENT },
            Signed { order: 2, ..CONTENT },
            Signed { action: "[]", ..CONTENT },
            Signed { id: "a1", order: 1, action: "{}", namespace: "" },
        ];
        for other in others {
            assert!(!ours.believe(other, &signature), "{other:?}");
        }
        for odd in ["", "00", &format!("{signature}00"), &signature.replace(char::is_numeric, "x")]
        {
            assert!(!ours.believe(CONTENT, odd), "{odd}");
        }
    }

    #[test]
    fn the_key_before_is_believed_and_a_foreign_one_is_not() {
        let signature = keys("one", None).sign(CONTENT);
        assert!(keys("two", Some("one")).believe(CONTENT, &signature));
        assert!(!keys("two", None).believe(CONTENT, &signature));
        assert!(!keys("three", Some("two")).believe(CONTENT, &signature));
        assert_ne!(keys("two", Some("one")).sign(CONTENT), signature, "the new key signs");
    }
}
