//! This machine's sandbox, from settings.

use std::path::{Path, PathBuf};

use greenline_runtime::settings::{Walls, WorkerSettings};
use greenline_worker::egress::{Egress, NameSource, Proxies, ProxyFault, Upstream};
use greenline_worker::reproduce::SandboxPolicy;
use greenline_worker::sandbox::{
    Launcher, Sandbox, SandboxAccess, SandboxLayers, SandboxProbe, SandboxUnavailable,
};

/// Finds the best sandbox that holds here, by trying.
pub(crate) fn find(worker: &WorkerSettings) -> Result<SandboxProbe, SandboxUnavailable> {
    let reach = SandboxAccess {
        read: toolchains(worker),
        egress: egress(worker),
        ports: worker.sandbox_ports.clone(),
        users: worker.sandbox.users,
        workspaces: std::path::absolute(&worker.workspace).ok(),
    };
    Sandbox::find(Launcher::this_program(), reach, layers(worker))
}

/// The walls that the settings ask for.
pub(crate) fn layers(worker: &WorkerSettings) -> SandboxLayers {
    match worker.sandbox.walls {
        Walls::All => SandboxLayers::All,
        Walls::Landlock => SandboxLayers::LandlockAlone,
    }
}

/// The hosts that commands reach, by the settings. A worker with a proxy that is not understood
/// does not start: see [`proxies`].
fn egress(worker: &WorkerSettings) -> Egress {
    let sandbox = &worker.sandbox;
    let proxies = proxies().unwrap_or_default();
    let upstream = Upstream { names: NameSource::System, proxies };
    Egress::new(sandbox.hosts.clone(), sandbox.private_hosts.clone(), upstream)
}

/// The operator's proxies, by the variables that other programs read too.
pub(crate) fn proxies() -> Result<Proxies, ProxyFault> {
    Proxies::from_variables(|name| std::env::var(name).ok())
}

/// Returns the protection against other people's code, and logs it once.
pub(crate) fn safety(worker: &WorkerSettings) -> SandboxPolicy {
    match find(worker) {
        Ok(SandboxProbe { sandbox, no_namespaces, closed }) => {
            let isolation = sandbox.isolation();
            tracing::info!(
                sandbox.landlock = isolation.landlock,
                sandbox.namespaces = isolation.namespaces,
                sandbox.no_namespaces = no_namespaces,
                "sandbox: {isolation}"
            );
            for closed in closed {
                tracing::warn!("sandbox: {closed}, so commands don't see it ({OPEN_IT})");
            }
            SandboxPolicy::Sandbox(sandbox)
        }
        Err(why) if worker.without_isolation => {
            tracing::warn!("sandbox: none ({why}): what pull requests bring is run all the same");
            SandboxPolicy::RunInTheOpen
        }
        Err(why) => {
            tracing::warn!("sandbox: none ({why}): failures are not reproduced here");
            SandboxPolicy::Refuse(why.to_string())
        }
    }
}

/// What an operator does about a directory that tasks' users can't enter.
pub(crate) const OPEN_IT: &str =
    "move it to where all users may enter, run the worker as an ordinary user, or allow namespaces";

/// Describes it in a few words.
pub(crate) fn summary(safety: &SandboxPolicy) -> String {
    match safety {
        SandboxPolicy::Sandbox(sandbox) => sandbox.isolation().walls(),
        SandboxPolicy::Refuse(_) => {
            "none, so failures are not reproduced (`greenline doctor`)".to_owned()
        }
        SandboxPolicy::RunInTheOpen => {
            "none, and what pull requests bring is run all the same".to_owned()
        }
    }
}

/// Returns the configured paths, rustup's toolchains, and the directories of PATH: these hold
/// programs and no secrets, unless one holds a whole home or the workspaces of all tasks.
fn toolchains(worker: &WorkerSettings) -> Vec<PathBuf> {
    let home = std::env::home_dir().unwrap_or_default();
    let workspaces = std::path::absolute(&worker.workspace).unwrap_or_default();
    let holds_more = |dir: &Path| home.starts_with(dir) || workspaces.starts_with(dir);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let programs = std::env::split_paths(&path)
        .chain(rustup())
        .filter(|dir| dir.is_absolute() && dir.is_dir() && !holds_more(dir));
    worker.sandbox_read.iter().cloned().chain(programs).collect()
}

/// Returns the directory of rustup's toolchains.
pub(crate) fn rustup() -> Option<PathBuf> {
    let named = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let usual = || Some(std::env::home_dir()?.join(".rustup"));
    named.or_else(usual).filter(|dir| Path::is_dir(dir))
}
