//! Checks GitHub: identity, permissions, and whether the configured repositories exist. Makes three
//! calls and one per repository, and changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use greenline_forge::model::Installation;
use greenline_forge::{Forge, ForgeConfig, ForgeError, RepoName, RetryLimits};
use greenline_runtime::clock::Clock;
use greenline_runtime::settings::{GitHubSettings, Settings};

use super::finding::DoctorFinding;

const ABOUT: &str = "github";

/// The time limit of a call to GitHub.
const DEADLINE: Duration = Duration::from_secs(10);

/// The most repositories to check one by one.
const MOST: usize = 20;

/// The permissions that an app needs, with their names on GitHub's pages.
const NEEDED: [(&str, &str, &str); 5] = [
    ("actions", "write", "Actions"),
    ("checks", "write", "Checks"),
    ("contents", "write", "Contents"),
    ("issues", "write", "Issues"),
    ("pull_requests", "write", "Pull requests"),
];

pub(super) async fn check(settings: &Settings) -> Vec<DoctorFinding> {
    let github = &settings.github;
    if github.login.is_none() {
        let message = "no login: nothing is watched";
        let hint = "set GITHUB_TOKEN and GREENLINE_REPOS, or an app; docs/github.md says how";
        return vec![DoctorFinding::info(ABOUT, message).hint(hint)];
    }
    let mut findings = match open(github) {
        Ok(forge) => asked(&forge, github).await,
        Err(error) => vec![failed(&error)],
    };
    if github.webhook_secrets.is_empty() {
        let message = format!(
            "no webhook secret: GitHub is asked every {}",
            humantime::format_duration(github.poll_interval)
        );
        findings.push(DoctorFinding::info(ABOUT, message));
    }
    findings
}

fn open(github: &GitHubSettings) -> Result<Forge, ForgeError> {
    let mut config = ForgeConfig::of(github, Clock::system())?;
    config.retry_limits = RetryLimits {
        attempts: 1,
        longest_wait: DEADLINE,
        answer: DEADLINE,
        ..config.retry_limits
    };
    Forge::new(config)
}

async fn asked(forge: &Forge, github: &GitHubSettings) -> Vec<DoctorFinding> {
    let mut findings = match who(forge).await {
        Ok(findings) => findings,
        // With invalid credentials, further calls are pointless.
        Err(error) => return vec![failed(&error)],
    };
    for repo in github.repos.iter().take(MOST) {
        findings.extend(of_repository(forge, repo.as_str()).await);
    }
    if github.repos.is_empty() && !forge.is_app() {
        let finding =
            DoctorFinding::warn(ABOUT, "a token is set and no repository: nothing is watched");
        findings.push(finding.hint("set GREENLINE_REPOS=owner/name"));
    }
    findings.extend(points_left(forge));
    findings
}

async fn who(forge: &Forge) -> Result<Vec<DoctorFinding>, ForgeError> {
    if !forge.is_app() {
        let login = forge.viewer().await?.login;
        let message = format!("{login} by a token; GitHub lets tokens write no check runs");
        return Ok(vec![DoctorFinding::ok(ABOUT, message)]);
    }
    let slug = forge.app_slug().await?;
    let installations = forge.installations().await?.items;
    let mut findings = vec![DoctorFinding::ok(ABOUT, format!("the app {slug}"))];
    if installations.is_empty() {
        let finding = DoctorFinding::fail(ABOUT, format!("the app {slug} is installed nowhere"));
        findings.push(finding.hint("install it in the account whose repositories it is to watch"));
    }
    findings.extend(installations.iter().flat_map(of_installation));
    Ok(findings)
}

fn of_installation(installation: &Installation) -> Vec<DoctorFinding> {
    let account = &installation.account.login;
    if installation.suspended_at.is_some() {
        let finding = DoctorFinding::fail(ABOUT, format!("the app is suspended in {account}"));
        return vec![finding.hint(format!("an owner of {account} can let it work again"))];
    }
    let lacks = NEEDED.iter().filter(|(name, needed, _)| {
        installation.permissions.get(*name).is_none_or(|has| has != needed)
    });
    lacks
        .map(|(name, _, called)| {
            let has = has(&installation.permissions);
            let message = format!("the app can't write {name} in {account} (has: {has})");
            DoctorFinding::fail(ABOUT, message)
                .hint(format!("give the app \"{called}: read and write\""))
        })
        .collect()
}

fn has(permissions: &BTreeMap<String, String>) -> String {
    let all: Vec<String> =
        permissions.iter().map(|(name, level)| format!("{name}:{level}")).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

async fn of_repository(forge: &Forge, name: &str) -> Option<DoctorFinding> {
    let repo: RepoName = match name.parse() {
        Ok(repo) => repo,
        Err(error) => return Some(DoctorFinding::fail(ABOUT, format!("{name:?}: {error}"))),
    };
    match forge.repo(&repo).await {
        Ok(found) if found.archived || found.disabled => {
            Some(DoctorFinding::warn(ABOUT, format!("{repo} is read-only: it is not watched")))
        }
        Ok(found) => {
            let new = found.renamed_from(&repo)?;
            let finding = DoctorFinding::warn(ABOUT, format!("{repo} is called {new} now"));
            Some(finding.hint("write the new name in GREENLINE_REPOS"))
        }
        Err(error) if error.is_absent() => {
            let finding =
                DoctorFinding::fail(ABOUT, format!("{repo} is not there, or not to be seen"));
            Some(finding.hint("check the name; give the token or app access to it"))
        }
        Err(error) => Some(failed(&error)),
    }
}

fn points_left(forge: &Forge) -> Vec<DoctorFinding> {
    let low = forge.rate_limits().into_iter().filter(|it| it.remaining < it.limit / 10);
    low.map(|it| {
        let message = format!(
            "{} of {} calls an hour are left for {} ({})",
            it.remaining, it.limit, it.account, it.resource
        );
        DoctorFinding::warn(ABOUT, message)
            .hint("ask less often: GREENLINE_POLL_INTERVAL, or use webhooks")
    })
    .collect()
}

fn failed(error: &ForgeError) -> DoctorFinding {
    let hint = match error {
        ForgeError::Unauthorized { .. } => "check the token, or the app's id and key",
        ForgeError::Forbidden { .. } => "give the token or app this permission",
        _ => "check GITHUB_API_URL and the way there",
    };
    DoctorFinding::fail(ABOUT, error.to_string()).hint(hint)
}
