//! Finds out once what this machine allows, by trying it.
//!
//! Kernels, containers and security modules forbid namespaces in many ways, and reading their
//! switches has been wrong before. So a child confines itself and tries to get out; the result
//! counts.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output};

use landlock::{Access, AccessFs, LandlockStatus, Ruleset, RulesetAttr};
use nix::unistd::geteuid;

use super::entry::{FAILURE_MARK, arguments};
use super::files::NEWEST;
use super::plan::{KernelLimits, Namespaces, Network};
use super::reachable::{self, Closed};
use super::{Isolation, Launcher, Sandbox, SandboxAccess};
use crate::egress::Listeners;
use crate::handler::with_causes;
use crate::task_user::{NoTaskUser, TaskUser, TaskUsers, obstacle, range_here};
use crate::workspace::Parts;

/// The layers to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxLayers {
    /// As many as there are.
    All,
    /// Landlock alone, as if the machine had no namespaces.
    LandlockAlone,
}

/// A sandbox that holds, and the reason why it is not a better one.
#[derive(Debug, Clone)]
pub struct SandboxProbe {
    pub sandbox: Sandbox,
    /// The reason why namespaces are missing, if they are.
    pub no_namespaces: Option<String>,
    /// What was to be read and can't be entered by the tasks' users.
    pub closed: Vec<Closed>,
}

/// The reason why there is no sandbox at all.
#[derive(Debug, thiserror::Error)]
pub enum SandboxUnavailable {
    /// The kernel lacks Landlock, on which everything else rests.
    #[error("this kernel has no Landlock")]
    NoLandlock,
    /// The worker is root, and can't give tasks users of their own.
    #[error("this worker is root, and other people's code never runs as root: {0}")]
    NoUsers(String),
    /// The worker is root, and its tasks' users can't get to their workspaces.
    #[error("this worker is root, and {0}")]
    ClosedWorkspaces(Closed),
    /// A confined child got out or could not work.
    #[error("Landlock does not hold here: {0}")]
    DoesNotHold(String),
    /// The trial itself failed.
    #[error("failed to try it in a temporary directory")]
    NotTried(#[source] io::Error),
}

/// The trial: write in the workspace, and read a foreign file.
const TRIAL: &str = "echo inside >\"$1/work/own\" && ! cat \"$2\" 2>/dev/null && echo kept";

impl Sandbox {
    /// Finds the best sandbox that holds here, by trying. Blocks while a few programs start.
    ///
    /// # Errors
    ///
    /// When nothing holds: then no foreign code should run here.
    pub fn find(
        launcher: Launcher,
        reach: SandboxAccess,
        layers: SandboxLayers,
    ) -> Result<SandboxProbe, SandboxUnavailable> {
        let landlock = landlock_abi().ok_or(SandboxUnavailable::NoLandlock)?;
        let users = geteuid().is_root().then(|| reach.users.unwrap_or_else(range_here));
        if let Some(why) = users.and_then(obstacle) {
            return Err(SandboxUnavailable::NoUsers(why));
        }
        let mut no_namespaces = None;
        for namespaces in candidates(layers, users.is_some()) {
            // Whoever builds the file tree has to reach what it shows.
            let (reach, closed) = match users {
                Some(_) if namespaces != Namespaces::ByRoot => reachable::by_others(&reach),
                _ => (reach.clone(), Vec::new()),
            };
            let isolation = Isolation {
                landlock,
                namespaces: namespaces != Namespaces::None,
                task_users: users.is_some(),
            };
            let launcher = launcher.clone();
            let sandbox = Self { launcher, reach, isolation, namespaces, users };
            match sandbox.closed_workspaces() {
                Some(closed) if namespaces == Namespaces::None => {
                    return Err(SandboxUnavailable::ClosedWorkspaces(closed));
                }
                Some(closed) => {
                    no_namespaces = no_namespaces.or(Some(closed.to_string()));
                    continue;
                }
                None => {}
            }
            match sandbox.hold().map_err(SandboxUnavailable::NotTried)? {
                Ok(()) => return Ok(SandboxProbe { sandbox, no_namespaces, closed }),
                Err(why) if namespaces == Namespaces::None => {
                    return Err(SandboxUnavailable::DoesNotHold(why));
                }
                Err(why) => no_namespaces = no_namespaces.or(Some(why)),
            }
        }
        Err(SandboxUnavailable::NoLandlock)
    }

    /// Shuts a child in, once with each kind of network, and returns what was wrong.
    fn hold(&self) -> io::Result<Result<(), String>> {
        let (inside, outside) = (temporary()?, temporary()?);
        for part in ["work", "home", "tmp"] {
            fs::create_dir(inside.path().join(part))?;
        }
        let secret = outside.path().join("secret");
        fs::write(&secret, "got out\n")?;
        let user = match self.user_for(inside.path(), outside.path()) {
            Ok(user) => user,
            Err(error) => return Ok(Err(with_causes(&error))),
        };
        let during_setup = match self.isolation.namespaces {
            true => Network::Relayed(Listeners::default()),
            false => Network::Ports(Vec::new()),
        };
        for network in [Network::Off, during_setup] {
            if let Err(why) =
                judge(&self.try_with(network, inside.path(), user.as_ref(), &secret)?)
            {
                return Ok(Err(why));
            }
        }
        Ok(Ok(()))
    }

    /// What keeps tasks' users from their workspaces, where no root puts the file tree together.
    fn closed_workspaces(&self) -> Option<Closed> {
        let root = self.reach.workspaces.as_ref()?;
        let others = self.users.is_some() && self.namespaces != Namespaces::ByRoot;
        if others { reachable::way_to(root) } else { None }
    }

    fn user_for(&self, inside: &Path, locks: &Path) -> Result<Option<TaskUser>, NoTaskUser> {
        let Some(range) = self.users else { return Ok(None) };
        let user = TaskUsers::locked_in(locks.join("users")).lease(range)?;
        let parts = Parts::open(inside).map_err(|error| error.source);
        let given = parts.and_then(|parts| parts.hand_over(user.id()));
        given.map_err(|source| NoTaskUser::HandOver { path: inside.to_owned(), source })?;
        Ok(Some(user))
    }

    fn try_with(
        &self,
        network: Network,
        inside: &Path,
        user: Option<&TaskUser>,
        secret: &Path,
    ) -> io::Result<Output> {
        let limits = KernelLimits {
            file_bytes: 1 << 20,
            memory_bytes: 1 << 30,
            open_files: 64,
            threads: 4096,
            tag_bytes: 1 << 52,
        };
        let plan = self.plan(inside, user.map(TaskUser::id), network, limits);
        let shell = ["/bin/sh", "-c", TRIAL, "sh"].map(Into::into).into_iter();
        let paths = [inside.into(), secret.into()];
        // Who makes sockets hands them over; here nobody serves them.
        let (_to_nobody, channel) = UnixStream::pair()?;
        Command::new(&self.launcher.0)
            .args(arguments(&plan, shell.chain(paths)))
            .env_clear()
            .stdin(OwnedFd::from(channel))
            .output()
    }
}

/// The kinds of sandbox to try, the best one first.
fn candidates(layers: SandboxLayers, is_root: bool) -> Vec<Namespaces> {
    let mut all = vec![Namespaces::None];
    if layers == SandboxLayers::All {
        all.insert(0, Namespaces::ByUser);
        if is_root {
            all.insert(0, Namespaces::ByRoot);
        }
    }
    all
}

fn judge(output: &Output) -> Result<(), String> {
    if output.status.success() && output.stdout == b"kept\n" {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let why = stderr.lines().find_map(|line| line.strip_prefix(FAILURE_MARK));
    Err(why.map_or_else(|| format!("the trial {}", output.status), str::to_owned))
}

fn temporary() -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("greenline-sandbox-").tempdir()
}

/// Returns the kernel's Landlock version. Only a thread that has restricted itself learns it, so a
/// temporary thread does.
fn landlock_abi() -> Option<i32> {
    let restricted = std::thread::spawn(|| {
        let rules = Ruleset::default().handle_access(AccessFs::from_all(NEWEST))?;
        rules.create()?.restrict_self()
    });
    match restricted.join().ok()?.ok()?.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            Some(kernel_abi.unwrap_or(effective_abi as i32))
        }
        _ => None,
    }
}
