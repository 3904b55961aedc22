//! Checks this machine: sandbox, git, disk, and keys.

use std::path::{Path, PathBuf};
use std::process::Command;

use greenline_runtime::human;
use greenline_runtime::settings::{GitHubLogin, Settings, WorkerSettings};
use greenline_worker::sandbox::{SandboxLayers, SandboxUnavailable};

use super::finding::DoctorFinding;
use crate::daemon;

/// Less free space for workspaces than this, in bytes, is a failure.
const LEAST_ROOM: u64 = 100 << 20;

/// Checks the machine; parts that depend on settings are skipped without them.
pub(super) fn check(settings: Option<&Settings>) -> Vec<DoctorFinding> {
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
fn sandbox(worker: &WorkerSettings) -> Vec<DoctorFinding> {
    let about = "sandbox";
    let found = match daemon::sandbox::find(worker) {
        Ok(found) => found,
        Err(why) if worker.without_isolation => {
            let message = format!("none ({why}), and what pull requests bring is run all the same");
            return vec![DoctorFinding::fail(about, message).hint(NO_SANDBOX)];
        }
        Err(why) => {
            let message = format!("none ({why}): failures are not reproduced here");
            return vec![match why {
                SandboxUnavailable::NoUsers(_) => {
                    DoctorFinding::fail(about, message).hint(NO_USERS)
                }
                SandboxUnavailable::ClosedWorkspaces(_) => {
                    DoctorFinding::fail(about, message).hint(NO_WAY)
                }
                _ => DoctorFinding::warn(about, message).hint(NO_SANDBOX),
            }];
        }
    };
    let isolation = found.sandbox.isolation();
    let namespaces = if isolation.namespaces { "user namespaces" } else { "no user namespaces" };
    let namespaces = match daemon::sandbox::layers(worker) {
        SandboxLayers::All => namespaces,
        SandboxLayers::LandlockAlone => "no user namespaces (GREENLINE_SANDBOX_WALLS=landlock)",
    };
    let users = if isolation.task_users { ", a user for each task" } else { "" };
    let message = format!("landlock ABI {}, {namespaces}{users}", isolation.landlock);
    let mut findings = vec![DoctorFinding::ok(about, message)];
    for closed in &found.closed {
        let message = format!("{closed}, so commands don't see it");
        findings.push(DoctorFinding::warn(about, message).hint(daemon::sandbox::OPEN_IT));
    }
    if let Some(why) = found.no_namespaces {
        let costs = isolation.costs().join("; ");
        let finding = DoctorFinding::info(about, format!("no namespaces ({why}): {costs}"));
        findings.push(finding.hint(NO_NAMESPACES));
    }
    let gaps = isolation.gaps();
    if !gaps.is_empty() {
        let finding = DoctorFinding::info(about, format!("not kept out: {}", gaps.join("; ")));
        findings.push(finding.hint("use a newer kernel: Linux 6.12 leaves the least"));
    }
    findings
}

/// The proxy that sandboxed commands go through, if there is one and it is not understood.
fn proxy() -> Option<DoctorFinding> {
    let fault = daemon::sandbox::proxies().err()?;
    let message = format!("{fault}: workers don't start");
    Some(DoctorFinding::fail("proxy", message).hint("write http://host:port, or unset it"))
}

const NO_SANDBOX: &str = "use Linux 5.13 or later, with landlock in its lsm= list";

const NO_USERS: &str = "run the worker as an ordinary user, or as a root with CHOWN, DAC_OVERRIDE, \
                        FOWNER, KILL, SETGID and SETUID and with GREENLINE_SANDBOX_USERS that exist";

const NO_WAY: &str = "point GREENLINE_WORKSPACE to where all users may enter, such as below /var/lib, \
                      or run the worker as an ordinary user";

const NO_NAMESPACES: &str = "outside of containers: sysctl user.max_user_namespaces=10000; on Ubuntu \
                             also kernel.apparmor_restrict_unprivileged_userns=0";

fn git() -> DoctorFinding {
    let version =
        Command::new("git").arg("--version").output().ok().filter(|out| out.status.success());
    match version {
        Some(output) => {
            DoctorFinding::ok("git", String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        None => DoctorFinding::fail("git", "it is not installed: workers can't check out anything")
            .hint("install git"),
    }
}

fn disk(settings: &Settings) -> DoctorFinding {
    let wanted = &settings.worker.workspace;
    let there = existing(wanted);
    let place = wanted.display();
    let stat = match nix::sys::statvfs::statvfs(&there) {
        Ok(stat) => stat,
        Err(error) => {
            return DoctorFinding::warn("disk", format!("{place} can't be looked at: {error}"));
        }
    };
    let free = stat.blocks_available().saturating_mul(stat.fragment_size());
    let limit = settings.worker.workspace_limit;
    let message = format!("{} free for workspaces in {place}", human::bytes(free));
    let hint = "free some, or point GREENLINE_WORKSPACE elsewhere";
    match free {
        0..LEAST_ROOM => DoctorFinding::fail("disk", message).hint(hint),
        free if free < limit => {
            let limit = human::bytes(limit);
            DoctorFinding::warn("disk", format!("{message}, and they may take {limit}"))
                .hint(format!("{hint}, or lower GREENLINE_WORKSPACE_LIMIT"))
        }
        _ => DoctorFinding::ok("disk", message),
    }
}

/// Returns the nearest existing directory above.
fn existing(path: &Path) -> PathBuf {
    let here = PathBuf::from(".");
    let above = path.ancestors().find(|path| path.is_dir());
    above.map(Path::to_owned).unwrap_or(here)
}

fn keys(settings: &Settings) -> Vec<DoctorFinding> {
    let github = match settings.github.login {
        Some(GitHubLogin::Token(_)) => DoctorFinding::ok("github", "GITHUB_TOKEN is set"),
        Some(GitHubLogin::App { .. }) => DoctorFinding::ok("github", "GITHUB_APP_ID is set"),
        None => DoctorFinding::info("github", "no token: set GITHUB_TOKEN to watch repositories"),
    };
    let models: Vec<&str> = settings.keys.models.iter().map(|model| model.env).collect();
    let model = match models.as_slice() {
        [] => DoctorFinding::info("model", "no key: failures are explained, repairs are off"),
        models => DoctorFinding::ok("model", format!("{} set", models.join(", "))),
    };
    vec![github, model]
}
