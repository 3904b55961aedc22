//! One attempt at a task, as directories and processes are named after it.
//!
//! Ids are foreign text and may be `..`: only this type turns one into a path component, always
//! with the fence after it, so that no id can choose a directory name.

use std::fmt;

/// A task id with the fence of the claim under which it runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskAttempt {
    id: String,
    fence: u64,
}

/// A name that does not match `[A-Za-z0-9._-]{1,128}`.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an id: 1 to 128 of A-Z a-z 0-9 . _ - are allowed")]
pub struct InvalidAttempt(pub(super) String);

impl TaskAttempt {
    /// Names the attempt at task `id` that holds `fence`.
    ///
    /// # Errors
    /// When `id` does not match `[A-Za-z0-9._-]{1,128}`.
    pub fn new(id: &str, fence: u64) -> Result<Self, InvalidAttempt> {
        if !is_id(id) {
            return Err(InvalidAttempt(id.to_owned()));
        }
        Ok(Self { id: id.to_owned(), fence })
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn directory_name(&self) -> String {
        format!("{}.{}", self.id, self.fence)
    }
}

impl fmt::Display for TaskAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.id, self.fence)
    }
}

pub(super) fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Component, Path};

    #[test]
    fn every_id_is_one_ordinary_path_component() {
        for id in [".", "..", "...", "a", "-rf", &"x".repeat(128)] {
            let name = TaskAttempt::new(id, 0).unwrap().directory_name();
            let parts: Vec<_> = Path::new(&name).components().collect();
            assert!(matches!(parts[..], [Component::Normal(_)]), "{name}");
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for id in ["", "a/b", "a b", "a\n", "a\0", "ä", &"x".repeat(129)] {
            assert!(TaskAttempt::new(id, 1).is_err(), "{id:?}");
        }
    }
}
