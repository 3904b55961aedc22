//! The grounds: who runs the workers, and which walls their sandbox has.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Who runs `greenline up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum User {
    Root,
    Ordinary,
}

/// Which walls the sandbox has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Walls {
    /// Landlock and namespaces.
    Namespaces,
    /// Landlock alone, as in most containers.
    Landlock,
}

/// A place to attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ground {
    /// Root, with namespaces
    RootNamespaces,
    /// Root, with Landlock alone
    RootLandlock,
    /// An ordinary user, with namespaces
    UserNamespaces,
    /// An ordinary user, with Landlock alone
    UserLandlock,
    /// The container of docker-compose.yml
    Compose,
    /// Redis, HTTP, logs and secrets, which are the same on all of the others
    Services,
}

impl Ground {
    /// Who and which walls, for the grounds that are a sandbox of this machine.
    pub(crate) fn sandbox(self) -> Option<(User, Walls)> {
        match self {
            Self::RootNamespaces => Some((User::Root, Walls::Namespaces)),
            Self::RootLandlock => Some((User::Root, Walls::Landlock)),
            Self::UserNamespaces => Some((User::Ordinary, Walls::Namespaces)),
            Self::UserLandlock => Some((User::Ordinary, Walls::Landlock)),
            Self::Compose | Self::Services => None,
        }
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RootNamespaces => "root, Landlock and namespaces",
            Self::RootLandlock => "root, Landlock alone",
            Self::UserNamespaces => "ordinary user, Landlock and namespaces",
            Self::UserLandlock => "ordinary user, Landlock alone",
            Self::Compose => "the compose file's container",
            Self::Services => "Redis, HTTP, logs and secrets",
        })
    }
}
