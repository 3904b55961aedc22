//! Translates GitHub's events and pages of a sweep into news. Pure.
//!
//! StoreUpdate are red and green ends of checks, moved heads, closed pull requests, comments that mention
//! Greenline, and changes of the list of repositories. Everything else is skipped without an error.

use greenline_forge::model::{
    CheckRun, Conclusion, IssueComment, PullRequest, Repository, StatusState, WorkflowJob,
};
use greenline_forge::webhook::{
    CheckRunEvent, IssueCommentEvent, PullRequestEvent, PushEvent, StatusEvent, WebhookEvent,
    WorkflowJobEvent,
};
use greenline_forge::{
    CheckRunId, JobId, PullNumber, RepoName, RunId, Sha, Sweep, SweptCheck, SweptHead, Timestamp,
};

use super::event::{BranchPush, HeadMoved, Mention, PullClosed, RepoEvent, mentions_us};
use super::event_store::{OpenPull, StoreUpdate};
use crate::check::{CheckName, CheckSource, CheckedPull, FailedCheck, PassedCheck};

/// Returns the news in a webhook.
pub(crate) fn updates_of_event(event: &WebhookEvent) -> Vec<StoreUpdate> {
    match event {
        WebhookEvent::CheckRun(event) => check_run(event),
        WebhookEvent::WorkflowJob(event) => workflow_job(event),
        WebhookEvent::Status(event) => status(event),
        WebhookEvent::PullRequest(event) => pull_request(event),
        WebhookEvent::IssueComment(event) => issue_comment(event),
        WebhookEvent::Push(event) => push(event),
        WebhookEvent::Installation(_)
        | WebhookEvent::InstallationRepositories(_)
        | WebhookEvent::Repository(_) => {
            vec![StoreUpdate::Event(RepoEvent::RepositoriesChanged)]
        }
        _ => Vec::new(),
    }
}

/// The repository whose checks this event shows to come by webhook.
pub(crate) fn checked_repo(event: &WebhookEvent) -> Option<&RepoName> {
    let of_checks = matches!(
        event,
        WebhookEvent::CheckRun(_) | WebhookEvent::WorkflowJob(_) | WebhookEvent::Status(_)
    );
    event.repository().filter(|_| of_checks).map(|repository| &repository.full_name)
}

/// The end of a check, before it is sorted into red and green.
struct EndedCheck<'a> {
    repo: &'a RepoName,
    name: &'a str,
    source: CheckSource,
    conclusion: Conclusion,
    sha: &'a Sha,
    branch: &'a str,
    pull: Option<CheckedPull>,
    on_default_branch: bool,
    details_url: &'a str,
    completed_at: Option<Timestamp>,
}

impl EndedCheck<'_> {
    fn into_update(self) -> Option<StoreUpdate> {
        let check = CheckName::new(self.name);
        if check.is_ours() {
            return None;
        }
        let (repo, head_sha) = (self.repo.clone(), self.sha.clone());
        let branch = self.branch.to_owned();
        let EndedCheck { source, conclusion, pull, on_default_branch, completed_at, .. } = self;
        let event = match conclusion {
            red if red.is_red() => RepoEvent::CheckFailed(FailedCheck {
                repo,
                check,
                source,
                conclusion: red,
                head_sha,
                branch,
                pull,
                on_default_branch,
                details_url: self.details_url.to_owned(),
                completed_at,
            }),
            Conclusion::Success => RepoEvent::CheckPassed(PassedCheck {
                repo,
                check,
                source,
                head_sha,
                branch,
                pull,
                on_default_branch,
                completed_at,
            }),
            _ => return None,
        };
        Some(StoreUpdate::Event(event))
    }
}

/// A branch that is named like the default one. A fork's may be, so whoever acts on it looks up
/// the commit.
fn is_default(repository: &Repository, branch: &str) -> bool {
    !branch.is_empty() && repository.default_branch == branch
}

fn check_run(event: &CheckRunEvent) -> Vec<StoreUpdate> {
    let CheckRunEvent { check_run: run, repository, .. } = event;
    let Some(conclusion) = run.conclusion.clone() else { return Vec::new() };
    let suite = run.check_suite.as_ref();
    let branch = suite.and_then(|suite| suite.head_branch.as_deref()).unwrap_or_default();
    let end = EndedCheck {
        repo: &repository.full_name,
        name: &run.name,
        source: source_of_run(run),
        conclusion,
        sha: &run.head_sha,
        branch,
        pull: pull_of_run(run, &repository.full_name),
        on_default_branch: is_default(repository, branch),
        details_url: if run.html_url.is_empty() { &run.details_url } else { &run.html_url },
        completed_at: run.completed_at,
    };
    end.into_update().into_iter().collect()
}

fn source_of_run(run: &CheckRun) -> CheckSource {
    let app = run.app.as_ref().map_or("", |app| app.slug.as_str());
    source(run.id, app, None, &run.details_url)
}

/// A check run of Actions is a job under the same number.
fn source(id: CheckRunId, app: &str, run: Option<RunId>, details_url: &str) -> CheckSource {
    let run_in_url = run_in(details_url, id);
    if app == "github-actions" || run_in_url.is_some() {
        return CheckSource::Job { job: JobId(id.0), run: run.or(run_in_url), attempt: None };
    }
    CheckSource::CheckRun { id }
}

/// The run in `…/actions/runs/RUN/job/JOB`, if that is this job.
fn run_in(details_url: &str, id: CheckRunId) -> Option<RunId> {
    let (_, after) = details_url.split_once("/actions/runs/")?;
    let (run, after) = after.split_once("/job/")?;
    let job = after.split(['?', '#', '/']).next()?;
    (job.parse() == Ok(id)).then(|| run.parse().ok())?
}

/// The first that it is the head of. Those from forks are not said here.
fn pull_of_run(run: &CheckRun, repo: &RepoName) -> Option<CheckedPull> {
    let pull = run.pull_requests.iter().find(|pull| {
        let head = pull.head.as_ref();
        head.is_none_or(|head| head.sha == run.head_sha) && targets(pull.base.as_ref(), repo)
    })?;
    let base = pull.base.as_ref().map(|base| base.branch.clone()).unwrap_or_default();
    let of = |end: &Option<greenline_forge::model::Head>| {
        end.as_ref().and_then(|end| end.repo.as_ref()).map(|repo| repo.id)
    };
    let from_fork = of(&pull.head) != of(&pull.base);
    Some(CheckedPull { number: pull.number, from_fork, base })
}

/// A commit is in all forks at once, and pull requests between them are not ours.
fn targets(base: Option<&greenline_forge::model::Head>, repo: &RepoName) -> bool {
    let named = base.and_then(|base| base.repo.as_ref()).and_then(|it| it.full_name.as_ref());
    named.is_none_or(|named| named == repo)
}

fn workflow_job(event: &WorkflowJobEvent) -> Vec<StoreUpdate> {
    let WorkflowJobEvent { workflow_job: job, repository, .. } = event;
    let Some(conclusion) = job.conclusion.clone() else { return Vec::new() };
    if event.action != "completed" {
        return Vec::new();
    }
    let branch = job.head_branch.as_deref().unwrap_or_default();
    let end = EndedCheck {
        repo: &repository.full_name,
        name: &job.name,
        source: source_of_job(job),
        conclusion,
        sha: &job.head_sha,
        branch,
        pull: None,
        on_default_branch: is_default(repository, branch),
        details_url: &job.html_url,
        completed_at: job.completed_at,
    };
    end.into_update().into_iter().collect()
}

fn source_of_job(job: &WorkflowJob) -> CheckSource {
    let attempt = (job.run_attempt > 0).then_some(job.run_attempt);
    CheckSource::Job { job: job.id, run: Some(job.run_id), attempt }
}

/// A status is red or green in other words than a check.
fn conclusion_of(state: &StatusState) -> Option<Conclusion> {
    match state {
        StatusState::Success => Some(Conclusion::Success),
        red if red.is_red() => Some(Conclusion::Failure),
        _ => None,
    }
}

fn status(event: &StatusEvent) -> Vec<StoreUpdate> {
    let repository = &event.repository;
    let Some(conclusion) = conclusion_of(&event.state) else { return Vec::new() };
    let default = event.branches.iter().find(|branch| is_default(repository, &branch.name));
    let branch = default.or(event.branches.first()).map_or("", |branch| branch.name.as_str());
    let end = EndedCheck {
        repo: &repository.full_name,
        name: &event.context,
        source: CheckSource::Status,
        conclusion,
        sha: &event.sha,
        branch,
        pull: None,
        on_default_branch: default.is_some(),
        details_url: &event.target_url,
        completed_at: event.created_at,
    };
    end.into_update().into_iter().collect()
}

fn pull_request(event: &PullRequestEvent) -> Vec<StoreUpdate> {
    let repo = &event.repository.full_name;
    vec![update_of_pull(repo, &event.pull_request)]
}

/// Returns the head of a pull request as news.
pub(crate) fn update_of_pull(repo: &RepoName, pull: &PullRequest) -> StoreUpdate {
    if pull.is_open() {
        let (head_moved, updated_at) = (head_moved(repo, pull), pull.updated_at);
        return StoreUpdate::PullOpen(OpenPull { head_moved, updated_at });
    }
    StoreUpdate::PullClosed(PullClosed {
        repo: repo.clone(),
        number: pull.number,
        head: pull.head.sha.clone(),
        merged: Some(pull.merged || pull.merged_at.is_some()),
    })
}

fn head_moved(repo: &RepoName, pull: &PullRequest) -> HeadMoved {
    HeadMoved { repo: repo.clone(), pull: pull_ref(pull), head: pull.head.sha.clone() }
}

/// A pull request as a check remembers it.
pub(crate) fn pull_ref(pull: &PullRequest) -> CheckedPull {
    CheckedPull {
        number: pull.number,
        from_fork: pull.is_from_fork(),
        base: pull.base.branch.clone(),
    }
}

fn issue_comment(event: &IssueCommentEvent) -> Vec<StoreUpdate> {
    if event.action != "created" || !event.issue.is_pull_request() {
        return Vec::new();
    }
    mention(&event.repository.full_name, event.issue.number, &event.comment).into_iter().collect()
}

/// A comment, if it mentions us.
pub(crate) fn mention(
    repo: &RepoName,
    number: PullNumber,
    comment: &IssueComment,
) -> Option<StoreUpdate> {
    if !mentions_us(&comment.body) {
        return None;
    }
    Some(StoreUpdate::Event(RepoEvent::Command(Mention {
        repo: repo.clone(),
        number,
        comment: comment.id,
        author: comment.user.login.clone(),
        author_id: comment.user.id,
        body: comment.body.clone(),
        at: comment.created_at,
    })))
}

fn push(event: &PushEvent) -> Vec<StoreUpdate> {
    let repo = event.repository.full_name.clone();
    let (Some(branch), Some(head)) = (event.branch(), event.after.clone()) else {
        return Vec::new();
    };
    if event.deleted || head.is_zero() {
        return Vec::new();
    }
    let is_default = is_default(&event.repository, branch);
    let on_main =
        is_default.then(|| StoreUpdate::OnDefaultBranch { repo: repo.clone(), sha: head.clone() });
    let branch = branch.to_owned();
    let pushed = BranchPush { repo, branch, head, is_default, forced: event.forced };
    on_main.into_iter().chain([StoreUpdate::Event(RepoEvent::Push(pushed))]).collect()
}

/// Returns the news in a page of a sweep. Pull requests come before their checks, so that a lookup
/// by commit finds them.
pub(crate) fn updates_of_sweep(repo: &RepoName, page: &Sweep) -> Vec<StoreUpdate> {
    let mut updates = Vec::new();
    if let Some(main) = &page.default_branch {
        updates.push(StoreUpdate::OnDefaultBranch { repo: repo.clone(), sha: main.sha.clone() });
        updates.extend(main.checks.iter().filter_map(|check| swept_check(repo, main, None, check)));
    }
    for pull in &page.pulls {
        let (number, base) = (pull.number, pull.base.clone());
        let pull_ref = CheckedPull { number, from_fork: pull.from_fork, base };
        let (repo, head) = (repo.clone(), pull.head.sha.clone());
        let head_moved = HeadMoved { repo: repo.clone(), pull: pull_ref.clone(), head };
        updates.push(StoreUpdate::PullOpen(OpenPull { head_moved, updated_at: pull.updated_at }));
        let checks = pull.head.checks.iter();
        updates.extend(
            checks.filter_map(|check| swept_check(&repo, &pull.head, Some(&pull_ref), check)),
        );
    }
    updates
}

fn swept_check(
    repo: &RepoName,
    head: &SweptHead,
    pull: Option<&CheckedPull>,
    check: &SweptCheck,
) -> Option<StoreUpdate> {
    let (source, conclusion, details_url, completed_at) = match check {
        SweptCheck::Run { id, conclusion, details_url, completed_at, app, run, .. } => {
            (source(*id, app, *run, details_url), conclusion.clone()?, details_url, *completed_at)
        }
        SweptCheck::Status { state, target_url, created_at, .. } => {
            (CheckSource::Status, conclusion_of(state)?, target_url, *created_at)
        }
    };
    let end = EndedCheck {
        repo,
        name: check.name(),
        source,
        conclusion,
        sha: &head.sha,
        branch: &head.branch,
        pull: pull.cloned(),
        on_default_branch: pull.is_none(),
        details_url,
        completed_at,
    };
    end.into_update()
}
