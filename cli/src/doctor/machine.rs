//! This machine: the sandbox, git, disk, and the keys at hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use greenline_runtime::say;
use greenline_runtime::settings::{GitHubLogin, Settings};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope,
};

use super::finding::Finding;

/// Less room than this for workspaces is a failure, in bytes.
const LEAST_ROOM: u64 = 100 << 20;

/// Looks at the machine; what depends on settings only if they could be read.
pub(super) fn look(settings: Option<&Settings>) -> Vec<Finding> {
    let mut findings = vec![sandbox(), git()];
    if let Some(settings) = settings {
        findings.push(disk(settings));
        findings.extend(keys(settings));
    }
    findings
}

fn sandbox() -> Finding {
    let namespaces = if user_namespaces() { "user namespaces" } else { "no user namespaces" };
    match landlock_abi() {
        Some(abi) => Finding::ok("sandbox", format!("landlock ABI {abi}, {namespaces}")),
        None => Finding::warn(
            "sandbox",
            format!("no landlock, {namespaces}: repairs will be refused here"),
        )
        .mend("use Linux 5.13 or later, with landlock in its lsm= list"),
    }
}

/// The newest Landlock ABI that the kernel has, found by asking for what came with each.
/// A ruleset that is made and dropped restricts nothing.
fn landlock_abi() -> Option<i32> {
    let has = |abi: ABI| {
        let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let with_files = ruleset.handle_access(AccessFs::from_all(abi))?;
        let net = AccessNet::from_all(abi);
        let with_net = if net.is_empty() { with_files } else { with_files.handle_access(net)? };
        let scope = Scope::from_all(abi);
        let with_scope = if scope.is_empty() { with_net } else { with_net.scope(scope)? };
        with_scope.create().map(drop)
    };
    let known = [ABI::V6, ABI::V5, ABI::V4, ABI::V3, ABI::V2, ABI::V1];
    known.into_iter().find(|abi| has(*abi).is_ok()).map(|abi| abi as i32)
}

fn user_namespaces() -> bool {
    let number = |name: &str| {
        let text = std::fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let most = number("user/max_user_namespaces").unwrap_or(0);
    // Debian and Ubuntu have switches of their own.
    let debian = number("kernel/unprivileged_userns_clone").unwrap_or(1);
    let ubuntu = number("kernel/apparmor_restrict_unprivileged_userns").unwrap_or(0);
    most > 0 && debian == 1 && ubuntu == 0
}

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

/// The nearest directory above that is there already.
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
