//! Checks this machine: sandbox, git, disk, and keys.

use std::path::{Path, PathBuf};
use std::process::Command;

use greenline_runtime::say;
use greenline_runtime::settings::{GitHubLogin, Settings, WorkerSettings};
use greenline_worker::sandbox::{Layers, NoIsolation};

use super::finding::Finding;
use crate::daemon;

/// Less free space for workspaces than this, in bytes, is a failure.
const LEAST_ROOM: u64 = 100 << 20;

/// Checks the machine; parts that depend on settings are skipped without them.
pub(super) fn look(settings: Option<&Settings>) -> Vec<Finding> {
    let mut findings = vec![git()];
    if let Some(settings) = settings {
        findings.extend(sandbox(&settings.worker));
        findings.extend(proxy());
        findings.push(disk(settings));
        findings.extend(keys(settings));
    }
    findings
}

/// Tries the sandbox, as a worker does at its start.
fn sandbox(worker: &WorkerSettings) -> Vec<Finding> {
    let about = "sandbox";
    let found = match daemon::sandbox::find(worker) {
        Ok(found) => found,
        Err(why) if worker.without_isolation => {
            let says = format!("none ({why}), and what pull requests bring is run all the same");
            return vec![Finding::fail(about, says).mend(NO_SANDBOX)];
        }
        Err(why) => {
            let says = format!("none ({why}): failures are not reproduced here");
            return vec![match why {
                NoIsolation::NoUsers(_) => Finding::fail(about, says).mend(NO_USERS),
                NoIsolation::ClosedWorkspaces(_) => Finding::fail(about, says).mend(NO_WAY),
                _ => Finding::warn(about, says).mend(NO_SANDBOX),
            }];
        }
    };
    let isolation = found.sandbox.isolation();
    let namespaces = if isolation.namespaces { "user namespaces" } else { "no user namespaces" };
    let namespaces = match daemon::sandbox::layers(worker) {
        Layers::All => namespaces,
        Layers::LandlockAlone => "no user namespaces (GREENLINE_SANDBOX_WALLS=landlock)",
    };
    let users = if isolation.task_users { ", a user for each task" } else { "" };
    let says = format!("landlock ABI {}, {namespaces}{users}", isolation.landlock);
    let mut findings = vec![Finding::ok(about, says)];
    for closed in &found.closed {
        let says = format!("{closed}, so commands don't see it");
        findings.push(Finding::warn(about, says).mend(daemon::sandbox::OPEN_IT));
    }
    if let Some(why) = found.no_namespaces {
        let costs = isolation.costs().join("; ");
        let finding = Finding::info(about, format!("no namespaces ({why}): {costs}"));
        findings.push(finding.mend(NO_NAMESPACES));
    }
    let gaps = isolation.gaps();
    if !gaps.is_empty() {
        let finding = Finding::info(about, format!("not kept out: {}", gaps.join("; ")));
        findings.push(finding.mend("use a newer kernel: Linux 6.12 leaves the least"));
    }
    findings
}

/// The proxy that sandboxed commands go through, if there is one and it is not understood.
fn proxy() -> Option<Finding> {
    let fault = daemon::sandbox::proxies().err()?;
    let says = format!("{fault}: workers don't start");
    Some(Finding::fail("proxy", says).mend("write http://host:port, or unset it"))
}

const NO_SANDBOX: &str = "use Linux 5.13 or later, with landlock in its lsm= list";

const NO_USERS: &str = "run the worker as an ordinary user, or as a root with CHOWN, DAC_OVERRIDE, \
                        FOWNER, KILL, SETGID and SETUID and with GREENLINE_SANDBOX_USERS that exist";

const NO_WAY: &str = "point GREENLINE_WORKSPACE to where all users may enter, such as below /var/lib, \
                      or run the worker as an ordinary user";

const NO_NAMESPACES: &str = "outside of containers: sysctl user.max_user_namespaces=10000; on Ubuntu \
                             also kernel.apparmor_restrict_unprivileged_userns=0";

fn git() -> Finding {
    let version =
        Command::new("git").arg("--version").output().ok().filter(|out| out.status.success());
    match version {
        Some(output) => {
            Finding::ok("git", String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        None => Finding::fail("git", "it is not installed: workers can't check out anything")
            .mend("install git"),
    }
}

fn disk(settings: &Settings) -> Finding {
    let wanted = &settings.worker.workspace;
    let there = existing(wanted);
    let place = wanted.display();
    let stat = match nix::sys::statvfs::statvfs(&there) {
        Ok(stat) => stat,
        Err(error) => return Finding::warn("disk", format!("{place} can't be looked at: {error}")),
    };
    let free = stat.blocks_available().saturating_mul(stat.fragment_size());
    let limit = settings.worker.workspace_limit;
    let says = format!("{} free for workspaces in {place}", say::bytes(free));
    let mend = "free some, or point GREENLINE_WORKSPACE elsewhere";
    match free {
        0..LEAST_ROOM => Finding::fail("disk", says).mend(mend),
        free if free < limit => {
            let limit = say::bytes(limit);
            Finding::warn("disk", format!("{says}, and they may take {limit}"))
                .mend(format!("{mend}, or lower GREENLINE_WORKSPACE_LIMIT"))
        }
        _ => Finding::ok("disk", says),
    }
}

/// Returns the nearest existing directory above.
fn existing(path: &Path) -> PathBuf {
    let here = PathBuf::from(".");
    let above = path.ancestors().find(|path| path.is_dir());
    above.map(Path::to_owned).unwrap_or(here)
}

fn keys(settings: &Settings) -> Vec<Finding> {
    let github = match settings.github.login {
        Some(GitHubLogin::Token(_)) => Finding::ok("github", "GITHUB_TOKEN is set"),
        Some(GitHubLogin::App { .. }) => Finding::ok("github", "GITHUB_APP_ID is set"),
        None => Finding::info("github", "no token: set GITHUB_TOKEN to watch repositories"),
    };
    let models: Vec<&str> = settings.keys.models.iter().map(|model| model.env).collect();
    let model = match models.as_slice() {
        [] => Finding::info("model", "no key: failures are explained, repairs are off"),
        models => Finding::ok("model", format!("{} set", models.join(", "))),
    };
    vec![github, model]
}
