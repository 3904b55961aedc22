//! The grounds: who runs the workers, and which walls their sandbox has.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Who runs `greenline up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DaemonUser {
    Root,
    Ordinary,
}

/// Which walls the sandbox has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SandboxWalls {
    /// Landlock and namespaces.
    Namespaces,
    /// Landlock alone, as in most containers.
    Landlock,
}

/// A place to attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AttackTarget {
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

impl AttackTarget {
    /// Who and which walls, for the grounds that are a sandbox of this machine.
    pub(crate) fn sandbox(self) -> Option<(DaemonUser, SandboxWalls)> {
        match self {
            Self::RootNamespaces => Some((DaemonUser::Root, SandboxWalls::Namespaces)),
            Self::RootLandlock => Some((DaemonUser::Root, SandboxWalls::Landlock)),
            Self::UserNamespaces => Some((DaemonUser::Ordinary, SandboxWalls::Namespaces)),
            Self::UserLandlock => Some((DaemonUser::Ordinary, SandboxWalls::Landlock)),
            Self::Compose | Self::Services => None,
        }
    }
}

impl fmt::Display for AttackTarget {
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
