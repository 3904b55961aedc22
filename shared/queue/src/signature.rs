//! Signed tasks: with a key set, only those who have it can give work.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::TaskId;

/// A key that tasks are signed with (`GREENLINE_TASK_KEY`).
#[derive(Clone)]
pub struct TaskKey(Vec<u8>);

impl TaskKey {
    /// A key from its text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }

    /// The signature of a task: over its id and its whole text.
    pub(crate) fn sign(&self, id: &TaskId, payload: &str) -> String {
        hex(&self.mac(id, payload).finalize().into_bytes())
    }

    /// Whether a signature is right; in constant time.
    pub(crate) fn verifies(&self, id: &TaskId, payload: &str, signature: &str) -> bool {
        let Some(bytes) = unhex(signature) else { return false };
        self.mac(id, payload).verify_slice(&bytes).is_ok()
    }

    fn mac(&self, id: &TaskId, payload: &str) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(id.as_str().as_bytes());
        mac.update(b"\n");
        mac.update(payload.as_bytes());
        mac
    }
}

/// The hash that an approval is bound to.
#[must_use]
pub fn content_hash(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_one_task_and_one_text() {
        let key = TaskKey::new("secret");
        let (a, b): (TaskId, TaskId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let signature = key.sign(&a, "{}");
        assert!(key.verifies(&a, "{}", &signature));
        assert!(!key.verifies(&b, "{}", &signature));
        assert!(!key.verifies(&a, "{ }", &signature));
        assert!(!key.verifies(&a, "{}", ""));
        assert!(!key.verifies(&a, "{}", "zz"));
        assert!(!TaskKey::new("other").verifies(&a, "{}", &signature));
    }
}
