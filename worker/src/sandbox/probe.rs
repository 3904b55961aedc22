//! Finding out, once, what this machine allows: by doing it.
//!
//! Kernels, containers and security modules forbid namespaces in a dozen ways, and reading their
//! switches has been wrong before. So a child is shut in and tries to get out, and what it could
//! not do counts.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use landlock::{Access, AccessFs, LandlockStatus, Ruleset, RulesetAttr};

use super::entry::{FAILURE_MARK, arguments};
use super::files::NEWEST;
use super::plan::{KernelLimits, Network};
use super::{Isolation, Launcher, Reach, Sandbox};

/// Which walls to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layers {
    /// As many as there are.
    All,
    /// Landlock alone, as if the machine had no namespaces.
    LandlockAlone,
}

/// A sandbox that holds, and why it is not a better one.
#[derive(Debug, Clone)]
pub struct Found {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// What was in the way of namespaces, if they are not there.
    pub no_namespaces: Option<String>,
}

/// Why there is no sandbox at all.
#[derive(Debug, thiserror::Error)]
pub enum NoIsolation {
    /// The kernel has none of the rules everything else rests on.
    #[error("this kernel has no Landlock")]
    NoLandlock,
    /// It has, and a child that was shut in got out or could not work.
    #[error("Landlock does not hold here: {0}")]
    DoesNotHold(String),
    /// It could not be tried.
    #[error("failed to try it in a temporary directory")]
    NotTried(#[source] io::Error),
}

/// What the child tries: to be at home, and to read what is not its own.
const TRIAL: &str = "echo inside >\"$1/work/own\" && ! cat \"$2\" 2>/dev/null && echo kept";

impl Sandbox {
    /// Finds the best sandbox that holds here, by trying. Blocks for as long as a few programs take
    /// to start.
    ///
    /// # Errors
    /// When nothing holds: then nobody else's code should run here.
    pub fn find(launcher: Launcher, reach: Reach, layers: Layers) -> Result<Found, NoIsolation> {
        let landlock = landlock_abi().ok_or(NoIsolation::NoLandlock)?;
        let with = |namespaces| Self {
            launcher: launcher.clone(),
            reach: reach.clone(),
            isolation: Isolation { landlock, namespaces },
        };
        let mut no_namespaces = None;
        if layers == Layers::All {
            let sandbox = with(true);
            match sandbox.hold().map_err(NoIsolation::NotTried)? {
                Ok(()) => return Ok(Found { sandbox, no_namespaces }),
                Err(why) => no_namespaces = Some(why),
            }
        }
        let sandbox = with(false);
        match sandbox.hold().map_err(NoIsolation::NotTried)? {
            Ok(()) => Ok(Found { sandbox, no_namespaces }),
            Err(why) => Err(NoIsolation::DoesNotHold(why)),
        }
    }

    /// Shuts a child in, once with each kind of network, and says what was wrong.
    fn hold(&self) -> io::Result<Result<(), String>> {
        let (inside, outside) = (temporary()?, temporary()?);
        for part in ["work", "home", "tmp"] {
            fs::create_dir(inside.path().join(part))?;
        }
        let secret = outside.path().join("secret");
        fs::write(&secret, "got out\n")?;
        for network in [Network::Off, Network::Ports(Vec::new())] {
            if let Err(why) = judge(&self.try_with(network, inside.path(), &secret)?) {
                return Ok(Err(why));
            }
        }
        Ok(Ok(()))
    }

    fn try_with(&self, network: Network, inside: &Path, secret: &Path) -> io::Result<Output> {
        let limits =
            KernelLimits { file_bytes: 1 << 20, open_files: 64, threads: 4096, tag_bytes: 1 << 52 };
        let plan = self.plan(inside, network, limits);
        let shell = ["/bin/sh", "-c", TRIAL, "sh"].map(Into::into).into_iter();
        let paths = [inside.into(), secret.into()];
        Command::new(&self.launcher.0)
            .args(arguments(&plan, shell.chain(paths)))
            .env_clear()
            .stdin(Stdio::null())
            .output()
    }
}

fn judge(output: &Output) -> Result<(), String> {
    if output.status.success() && output.stdout == b"kept\n" {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let why = said.lines().find_map(|line| line.strip_prefix(FAILURE_MARK));
    Err(why.map_or_else(|| format!("the trial {}", output.status), str::to_owned))
}

fn temporary() -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("greenline-sandbox-").tempdir()
}

/// The version that the kernel says it has. Known only to a thread that has restricted itself, so
/// one does, and ends.
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
