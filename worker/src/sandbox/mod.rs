//! The sandbox: where code of other people runs.
//!
//! A command in it sees the system's programs, its own workspace, and what the operator named;
//! everything else is out of its reach: the worker's environment and memory, other processes and
//! other tasks, Redis, the container engine, and, except during `setup`, the network. There it is
//! the hosts that the operator lists ([`crate::egress`]); with Landlock alone, TCP ports of any host.
//!
//! Two walls, of which the first is always there:
//!
//! - **Landlock** (files, TCP ports, signals, abstract sockets) with a seccomp filter, no
//!   privileges and no way to new ones. It needs no right and holds inside containers.
//! - **Namespaces**, where the kernel and the container engine let them be made: a file tree with
//!   nothing else in it, processes of its own that all end with the command, a network with
//!   nothing but its own loopback.
//!
//! Without namespaces the first wall alone must do. Where it can't tell good from bad, it refuses:
//! [`Isolation::costs`] lists what ordinary work then misses, and [`Isolation::gaps`] what still
//! is not kept out. Without Landlock there is no sandbox, and [`Sandbox::find`] says so.
//!
//! How it is done without unsafe code: the command is started by this same program, which shuts
//! itself in ([`entry`]) and then becomes, or starts, the command. Nothing is done between fork and
//! exec. A plan on its command line says what to allow; there is no secret in it.
//!
//! What it is not: a virtual machine. A hole in the kernel is a hole in the sandbox.

mod entry;
mod files;
mod ipc;
pub(crate) mod loopback;
mod mounts;
mod namespaces;
mod plan;
mod privileges;
mod probe;
mod reachable;
mod root;
mod seccomp;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

pub use entry::{FAILED, FAILURE_MARK, entry};
pub(crate) use plan::{KernelLimits, Namespaces, Network, Plan};
pub use probe::{SandboxLayers, SandboxProbe, SandboxUnavailable};
pub use reachable::Closed;

use greenline_runtime::user_range::UserRange;

use crate::egress::Egress;
use crate::task_user::{NoTaskUser, TaskUserId};
use crate::workspace::Workspace;

/// The program that confines itself before it runs a command.
#[derive(Debug, Clone)]
pub struct Launcher(PathBuf);

impl Launcher {
    /// Uses this program, even after its file was replaced by a newer one. Its `main` must call
    /// [`entry`] before anything else.
    #[must_use]
    pub fn this_program() -> Self {
        Self("/proc/self/exe".into())
    }

    /// Uses another program, for tests.
    #[must_use]
    pub fn program(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

/// What commands in the sandbox may reach beyond the usual, and as whom.
#[derive(Debug, Clone, Default)]
pub struct SandboxAccess {
    /// Files and directories that they may read and execute: toolchains.
    pub read: Vec<PathBuf>,
    /// Hosts that they may reach during `setup`, where there are namespaces.
    pub egress: Egress,
    /// TCP ports that they may connect to during `setup`, where Landlock is alone.
    pub ports: Vec<u16>,
    /// The ids that tasks' users are taken from where the worker is root; those that fit this
    /// machine when absent.
    pub users: Option<UserRange>,
    /// The directory that will hold all workspaces, which tasks' users have to be able to enter.
    pub workspaces: Option<PathBuf>,
}

/// What a command reaches on the network.
#[derive(Debug, Clone)]
pub enum Outbound {
    /// Nothing; with namespaces, its own loopback.
    Nothing,
    /// These TCP ports of any host, and UDP: what Landlock alone can tell apart.
    Ports(Vec<u16>),
    /// These hosts, through the worker.
    Hosts(Egress),
}

impl Outbound {
    fn to_plan(&self) -> Network {
        match self {
            Self::Nothing => Network::Off,
            Self::Ports(ports) => Network::Ports(ports.clone()),
            Self::Hosts(egress) => Network::Relayed(egress.listeners()),
        }
    }
}

/// The active layers of isolation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isolation {
    /// The kernel's Landlock ABI version.
    pub landlock: i32,
    /// Namespaces are available.
    pub namespaces: bool,
    /// Whether each task has a user of its own.
    pub task_users: bool,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "landlock ABI {} {}", self.landlock, self.beside_landlock())
    }
}

impl Isolation {
    /// The first ABI that restricts connections to sockets in the file system.
    const RULES_FOR_SOCKET_FILES: i32 = 9;

    /// Names the layers without versions.
    #[must_use]
    pub fn walls(self) -> String {
        format!("landlock {}", self.beside_landlock())
    }

    fn beside_landlock(self) -> &'static str {
        if self.namespaces { "+ namespaces" } else { "alone" }
    }

    /// Lists what commands can still reach here and should not.
    #[must_use]
    pub fn gaps(self) -> Vec<&'static str> {
        let alone = !self.namespaces;
        let gaps = [
            (alone && self.landlock < 3, "files that the worker may write can be cut to nothing"),
            (
                alone && self.landlock >= 4,
                "`setup` can reach any host on the ports it is given, and send UDP anywhere",
            ),
            (
                alone && self.landlock < 4,
                "`setup` can connect to any TCP port of any host, and send UDP anywhere",
            ),
            (alone && self.landlock < 6, "the worker and other tasks can be sent signals"),
            (
                alone && !self.task_users,
                "modes, times and attributes of files that the worker's user owns can be changed, \
                 those of other tasks included",
            ),
            (alone, "names and arguments of other processes can be seen"),
        ];
        gaps.into_iter().filter(|(open, _)| *open).map(|(_, gap)| gap).collect()
    }

    /// Lists what ordinary work lacks here, because it could not be allowed safely.
    #[must_use]
    pub fn costs(self) -> Vec<&'static str> {
        let mut costs = Vec::new();
        if !self.namespaces {
            costs.push("`validation` has no network at all, not even loopback");
            costs.push("no /tmp (TMPDIR is there), no /dev/shm, no pseudo-terminals");
        }
        if !self.socket_files() {
            costs.push("no unix sockets");
        }
        costs
    }

    /// Returns `true` if unix sockets can be allowed.
    fn socket_files(self) -> bool {
        self.namespaces || self.landlock >= Self::RULES_FOR_SOCKET_FILES
    }
}

/// A sandbox that was tried and holds.
#[derive(Debug, Clone)]
pub struct Sandbox {
    launcher: Launcher,
    reach: SandboxAccess,
    isolation: Isolation,
    namespaces: Namespaces,
    users: Option<UserRange>,
}

impl Sandbox {
    #[must_use]
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// What commands reach while they have the network.
    #[must_use]
    pub fn outbound(&self) -> Outbound {
        self.outbound_by(&self.reach.egress, &[])
    }

    /// The same by another list of hosts, or, where Landlock is alone, with these ports too.
    pub(crate) fn outbound_by(&self, egress: &Egress, ports: &[u16]) -> Outbound {
        if self.isolation.namespaces {
            return Outbound::Hosts(egress.clone());
        }
        Outbound::Ports(self.reach.ports.iter().chain(ports).copied().collect())
    }

    /// The hosts that commands may reach during `setup`.
    pub(crate) fn egress(&self) -> &Egress {
        &self.reach.egress
    }

    /// Gives the workspace to a user of its own, where the worker is root.
    ///
    /// # Errors
    /// When no user is free, or the workspace can't be given away.
    pub(crate) async fn prepare(&self, workspace: &Workspace) -> Result<(), NoTaskUser> {
        if let Some(range) = self.users {
            workspace.give_to_a_user(range).await?;
        }
        Ok(())
    }

    /// Returns the program that runs `command` by `sh -c` in this sandbox, and its arguments.
    pub(crate) fn invocation(
        &self,
        workspace: &Workspace,
        outbound: &Outbound,
        limits: KernelLimits,
        command: &str,
    ) -> (&Path, Vec<OsString>) {
        let shell = ["/bin/sh", "-c", "--", command];
        let plan = self.plan(workspace.path(), workspace.user(), outbound.to_plan(), limits);
        (&self.launcher.0, entry::arguments(&plan, shell.map(OsString::from)))
    }

    fn plan(
        &self,
        workspace: &Path,
        user: Option<TaskUserId>,
        network: Network,
        limits: KernelLimits,
    ) -> Plan {
        Plan {
            namespaces: self.namespaces,
            user,
            socket_files: self.isolation.socket_files(),
            workspace: workspace.to_owned(),
            read: self.reach.read.clone(),
            network,
            limits,
        }
    }
}
