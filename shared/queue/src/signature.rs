//! Signed tasks: whoever gives work signs it, and workers check that what they
//! are about to run is what was signed.
//!
//! - The private half of the key pair signs; lead and operator hold it. Workers
//!   hold the public half, with which nothing can be signed.
//! - A signature covers a task's id and its payload, byte for byte; so also its labels and
//!   `not_before`, which workers compare. Neither the order of tasks nor how often one runs is
//!   covered.
//! - Two public keys may be trusted at a time, so that a key pair can be replaced
//!   while tasks that the old one signed still wait.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};

use crate::TaskId;

/// The number of bytes of each half of a key pair.
const KEY_BYTES: usize = 32;

/// What stands before the signed text, so that no signature for another purpose
/// is one of a task.
const DOMAIN: &[u8] = b"greenline task\n";

/// The private half of a key pair (`GREENLINE_TASK_KEY`).
#[derive(Clone)]
pub struct TaskSigningKey {
    pair: Arc<Ed25519KeyPair>,
    public: TaskPublicKey,
}

/// The public half of a key pair (`GREENLINE_TASK_PUBLIC_KEY`). Its text is 64
/// hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskPublicKey([u8; KEY_BYTES]);

/// A text that is no half of a key pair. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a task key is 64 hexadecimal digits, as `greenline keys` prints it")]
pub struct NoTaskKey;

/// The treatment of tasks that carry no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unsigned {
    /// They run: a person with redis-cli can give work.
    #[default]
    Run,
    /// They go to quarantine.
    Quarantine,
}

/// The keys that a process signs and checks tasks with. Without any public key
/// nothing is checked.
#[derive(Clone, Default)]
pub struct TaskKeys {
    signing: Option<TaskSigningKey>,
    trusted: Vec<TaskPublicKey>,
    unsigned: Unsigned,
}

/// A task's origin, as far as its signature shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// There is no key to check with.
    Unchecked,
    /// A trusted key signed exactly this.
    Signed,
    /// It has no signature, and may run without one.
    Unsigned,
}

impl TaskSigningKey {
    /// The key pair that grows from these random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; KEY_BYTES]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        let mut public = [0; KEY_BYTES];
        public.copy_from_slice(pair.public_key().as_ref());
        Self { pair: Arc::new(pair), public: TaskPublicKey(public) }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> TaskPublicKey {
        self.public
    }

    fn sign(&self, id: &TaskId, payload: &[u8]) -> String {
        hex(self.pair.sign(&signed_text(id, payload)).as_ref())
    }
}

impl FromStr for TaskSigningKey {
    type Err = NoTaskKey;

    fn from_str(text: &str) -> Result<Self, NoTaskKey> {
        key_bytes(text).map(|seed| Self::from_seed(&seed))
    }
}

impl TaskPublicKey {
    fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(text, signature).is_ok()
    }
}

impl FromStr for TaskPublicKey {
    type Err = NoTaskKey;

    fn from_str(text: &str) -> Result<Self, NoTaskKey> {
        key_bytes(text).map(Self)
    }
}

impl fmt::Display for TaskPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl TaskKeys {
    /// Keys to sign with, if this process gives work, and to check with. Whoever
    /// signs also trusts what it has signed.
    #[must_use]
    pub fn new(
        signing: Option<TaskSigningKey>,
        mut trusted: Vec<TaskPublicKey>,
        unsigned: Unsigned,
    ) -> Self {
        let own = signing.as_ref().map(TaskSigningKey::public);
        trusted.extend(own.filter(|own| !trusted.contains(own)));
        Self { signing, trusted, unsigned }
    }

    /// Returns the signature of a task, if there is a key to sign with.
    pub(crate) fn sign(&self, id: &TaskId, payload: &str) -> Option<String> {
        self.signing.as_ref().map(|key| key.sign(id, payload.as_bytes()))
    }

    /// Returns `true` if signatures are checked.
    pub(crate) fn check_signatures(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// Returns `true` if a task without a signature is refused.
    pub(crate) fn refuse_unsigned(&self) -> bool {
        self.check_signatures() && self.unsigned == Unsigned::Quarantine
    }

    /// Returns the origin of what is about to run, or why it must not run.
    pub(crate) fn origin(
        &self,
        id: &TaskId,
        payload: &[u8],
        signature: &str,
    ) -> Result<Origin, &'static str> {
        if !self.check_signatures() {
            return Ok(Origin::Unchecked);
        }
        if signature.is_empty() {
            return match self.unsigned {
                Unsigned::Run => Ok(Origin::Unsigned),
                Unsigned::Quarantine => Err(NOT_SIGNED),
            };
        }
        let text = signed_text(id, payload);
        let right = unhex(signature).is_some_and(|signature| {
            self.trusted.iter().any(|key| key.verifies(&text, &signature))
        });
        if right { Ok(Origin::Signed) } else { Err(WRONG_SIGNATURE) }
    }
}

const WRONG_SIGNATURE: &str =
    "its signature is wrong: it was changed since, or signed with a key that is not trusted here";
const NOT_SIGNED: &str = "it is not signed, and unsigned tasks do not run here";

fn signed_text(id: &TaskId, payload: &[u8]) -> Vec<u8> {
    [DOMAIN, id.as_str().as_bytes(), b"\n", payload].concat()
}

/// Returns the hash that an approval is bound to.
#[must_use]
pub fn content_hash(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

fn key_bytes(text: &str) -> Result<[u8; KEY_BYTES], NoTaskKey> {
    unhex(text.trim()).and_then(|bytes| bytes.try_into().ok()).ok_or(NoTaskKey)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> TaskSigningKey {
        TaskSigningKey::from_seed(&[seed; KEY_BYTES])
    }

    fn id(text: &str) -> TaskId {
        text.parse().unwrap()
    }

    #[test]
    fn a_signature_holds_for_one_task_and_one_text() {
        let keys = TaskKeys::new(Some(key(1)), vec![], Unsigned::Run);
        let signature = keys.sign(&id("a"), "{}").unwrap();
        let origin =
            |name: &str, text: &[u8], signature: &str| keys.origin(&id(name), text, signature);
        assert_eq!(origin("a", b"{}", &signature), Ok(Origin::Signed));
        assert_eq!(origin("a", b"{}", ""), Ok(Origin::Unsigned));
        for (name, text, signature) in [
            ("b", &b"{}"[..], signature.as_str()),
            ("a", b"{ }", &signature),
            ("a", b"{}", "zz"),
            ("a", b"{}", &signature[2..]),
            ("a", b"{}", &format!("{signature}00")),
        ] {
            assert_eq!(origin(name, text, signature), Err(WRONG_SIGNATURE), "{name} {signature}");
        }
    }

    #[test]
    fn who_holds_the_public_half_checks_and_can_not_sign() {
        let (old, new) = (key(1), key(2));
        let worker = TaskKeys::new(None, vec![new.public(), old.public()], Unsigned::Quarantine);
        assert_eq!(worker.sign(&id("a"), "{}"), None);
        for signer in [old, new] {
            let signature = signer.sign(&id("a"), b"{}");
            assert_eq!(worker.origin(&id("a"), b"{}", &signature), Ok(Origin::Signed));
        }
        let stranger = key(3).sign(&id("a"), b"{}");
        assert_eq!(worker.origin(&id("a"), b"{}", &stranger), Err(WRONG_SIGNATURE));
        assert_eq!(worker.origin(&id("a"), b"{}", ""), Err(NOT_SIGNED));
        let without = TaskKeys::new(None, vec![], Unsigned::Quarantine);
        assert_eq!(without.origin(&id("a"), b"{}", "zz"), Ok(Origin::Unchecked));
    }

    /// RFC 8032, section 7.1, test 1: what openssl makes of the same bytes.
    #[test]
    fn a_key_pair_grows_from_its_text() {
        let private = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let key: TaskSigningKey = private.parse().unwrap();
        assert_eq!(key.public().to_string(), public);
        assert_eq!(format!("{public}\n").parse(), Ok(key.public()));
        assert_eq!("d75a".parse::<TaskPublicKey>(), Err(NoTaskKey));
        assert!("+".repeat(64).parse::<TaskPublicKey>().is_err());
    }
}
