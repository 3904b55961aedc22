//! The plan that the worker passes to the confined process.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::egress::Listeners;
use crate::task_user::TaskUserId;

/// The network access of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Network {
    /// None; with namespaces, a separate loopback.
    Off,
    /// Connect to these TCP ports, wherever, and ask name servers: without namespaces.
    Ports(Vec<u16>),
    /// Reach the hosts that the worker relays to, and nothing else: with namespaces.
    Relayed(Listeners),
}

/// Limits that the kernel enforces per process or per user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KernelLimits {
    /// The largest file.
    pub(crate) file_bytes: u64,
    /// Memory of the whole run. The kernel enforces a part of it, for System V IPC.
    pub(crate) memory_bytes: u64,
    /// Open files of one process.
    pub(crate) open_files: u64,
    /// Processes and threads.
    pub(crate) threads: u64,
    /// The label that identifies a run's processes: see `command::process_tree`.
    pub(crate) tag_bytes: u64,
}

/// Who makes the namespaces of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Namespaces {
    /// Nobody: Landlock is alone.
    None,
    /// Root, who builds the file tree before it becomes the task's user.
    ByRoot,
    /// An ordinary user, in a user namespace of its own.
    ByUser,
}

/// The allowed access. It stands on a command line that every user of this machine can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) namespaces: Namespaces,
    /// The user that the command runs as, where the worker is root.
    pub(crate) user: Option<TaskUserId>,
    /// Unix sockets can be distinguished, and so be allowed.
    pub(crate) socket_files: bool,
    /// The directory that holds `work`, `home` and `tmp`.
    pub(crate) workspace: PathBuf,
    /// Readable paths beside the system's own.
    pub(crate) read: Vec<PathBuf>,
    pub(crate) network: Network,
    pub(crate) limits: KernelLimits,
}

impl Plan {
    pub(super) fn work(&self) -> PathBuf {
        self.workspace.join("work")
    }

    /// Whether it gets namespaces of its own.
    pub(super) fn has_namespaces(&self) -> bool {
        self.namespaces != Namespaces::None
    }

    /// Returns `true` if the command gets a separate network.
    pub(super) fn own_network(&self) -> bool {
        self.has_namespaces() && !matches!(self.network, Network::Ports(_))
    }
}
