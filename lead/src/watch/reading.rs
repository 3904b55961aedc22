//! Translates GitHub's events and pages of a sweep into news. Pure.
//!
//! News are red and green ends of checks, moved heads, closed pull requests, comments that mention
//! Greenline, and changes of the list of repositories. Everything else is skipped without an error.

use greenline_forge::model::{
    CheckRun, Comment, Conclusion, Job, PullRequest, Repository, StatusState,
};
use greenline_forge::webhook::{
    CheckRunEvent, Event, IssueCommentEvent, PullRequestEvent, PushEvent, StatusEvent,
    WorkflowJobEvent,
};
use greenline_forge::{
    CheckRunId, JobId, Moment, PullNumber, RepoName, RunId, Sha, Sweep, SweptCheck, SweptHead,
};

use super::funnel::{News, OpenPull};
use super::sighting::{HeadMoved, Mention, PullClosed, Pushed, Sighting, mentions_us};
use crate::failure::{CheckName, FailedCheck, PassedCheck, PullSeen, Source};

/// Returns the news in a webhook.
pub(crate) fn of_event(event: &Event) -> Vec<News> {
    match event {
        Event::CheckRun(event) => check_run(event),
        Event::WorkflowJob(event) => workflow_job(event),
        Event::Status(event) => status(event),
        Event::PullRequest(event) => pull_request(event),
        Event::IssueComment(event) => issue_comment(event),
        Event::Push(event) => push(event),
        Event::Installation(_) | Event::InstallationRepositories(_) | Event::Repository(_) => {
            vec![News::Seen(Sighting::Repositories)]
        }
        _ => Vec::new(),
    }
}

/// The repository whose checks this event shows to come by webhook.
pub(crate) fn heard(event: &Event) -> Option<&RepoName> {
    let of_checks = matches!(event, Event::CheckRun(_) | Event::WorkflowJob(_) | Event::Status(_));
    event.repository().filter(|_| of_checks).map(|repository| &repository.full_name)
}

/// The end of a check, before it is sorted into red and green.
struct End<'a> {
    repo: &'a RepoName,
    name: &'a str,
    source: Source,
    conclusion: Conclusion,
    sha: &'a Sha,
    branch: &'a str,
    pull: Option<PullSeen>,
    on_default_branch: bool,
    details_url: &'a str,
    completed_at: Option<Moment>,
}

impl End<'_> {
    fn news(self) -> Option<News> {
        let check = CheckName::new(self.name);
        if check.is_ours() {
            return None;
        }
        let (repo, head_sha) = (self.repo.clone(), self.sha.clone());
        let branch = self.branch.to_owned();
        let End { source, conclusion, pull, on_default_branch, completed_at, .. } = self;
        let sighting = match conclusion {
            red if red.is_red() => Sighting::Failed(FailedCheck {
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
            Conclusion::Success => Sighting::Passed(PassedCheck {
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
        Some(News::Seen(sighting))
    }
}

/// A branch that is named like the default one. A fork's may be, so whoever acts on it looks up
/// the commit.
fn is_default(repository: &Repository, branch: &str) -> bool {
    !branch.is_empty() && repository.default_branch == branch
}

fn check_run(event: &CheckRunEvent) -> Vec<News> {
    let CheckRunEvent { check_run: run, repository, .. } = event;
    let Some(conclusion) = run.conclusion.clone() else { return Vec::new() };
    let suite = run.check_suite.as_ref();
    let branch = suite.and_then(|suite| suite.head_branch.as_deref()).unwrap_or_default();
    let end = End {
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
    end.news().into_iter().collect()
}

fn source_of_run(run: &CheckRun) -> Source {
    let app = run.app.as_ref().map_or("", |app| app.slug.as_str());
    source(run.id, app, None, &run.details_url)
}

/// A check run of Actions is a job under the same number.
fn source(id: CheckRunId, app: &str, run: Option<RunId>, details_url: &str) -> Source {
    let said = run_in(details_url, id);
    if app == "github-actions" || said.is_some() {
        return Source::Job { job: JobId(id.0), run: run.or(said), attempt: None };
    }
    Source::CheckRun { id }
}

/// The run in `…/actions/runs/RUN/job/JOB`, if that is this job.
fn run_in(details_url: &str, id: CheckRunId) -> Option<RunId> {
    let (_, after) = details_url.split_once("/actions/runs/")?;
    let (run, after) = after.split_once("/job/")?;
    let job = after.split(['?', '#', '/']).next()?;
    (job.parse() == Ok(id)).then(|| run.parse().ok())?
}

/// The first that it is the head of. Those from forks are not said here.
fn pull_of_run(run: &CheckRun, repo: &RepoName) -> Option<PullSeen> {
    let pull = run.pull_requests.iter().find(|pull| {
        let head = pull.head.as_ref();
        head.is_none_or(|head| head.sha == run.head_sha) && targets(pull.base.as_ref(), repo)
    })?;
    let base = pull.base.as_ref().map(|base| base.branch.clone()).unwrap_or_default();
    let of = |end: &Option<greenline_forge::model::Head>| {
        end.as_ref().and_then(|end| end.repo.as_ref()).map(|repo| repo.id)
    };
    let from_fork = of(&pull.head) != of(&pull.base);
    Some(PullSeen { number: pull.number, from_fork, base })
}

/// A commit is in all forks at once, and pull requests between them are not ours.
fn targets(base: Option<&greenline_forge::model::Head>, repo: &RepoName) -> bool {
    let named = base.and_then(|base| base.repo.as_ref()).and_then(|it| it.full_name.as_ref());
    named.is_none_or(|named| named == repo)
}

fn workflow_job(event: &WorkflowJobEvent) -> Vec<News> {
    let WorkflowJobEvent { workflow_job: job, repository, .. } = event;
    let Some(conclusion) = job.conclusion.clone() else { return Vec::new() };
    if event.action != "completed" {
        return Vec::new();
    }
    let branch = job.head_branch.as_deref().unwrap_or_default();
    let end = End {
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
    end.news().into_iter().collect()
}

fn source_of_job(job: &Job) -> Source {
    let attempt = (job.run_attempt > 0).then_some(job.run_attempt);
    Source::Job { job: job.id, run: Some(job.run_id), attempt }
}

/// A status is red or green in other words than a check.
fn conclusion_of(state: &StatusState) -> Option<Conclusion> {
    match state {
        StatusState::Success => Some(Conclusion::Success),
        red if red.is_red() => Some(Conclusion::Failure),
        _ => None,
    }
}

fn status(event: &StatusEvent) -> Vec<News> {
    let repository = &event.repository;
    let Some(conclusion) = conclusion_of(&event.state) else { return Vec::new() };
    let default = event.branches.iter().find(|branch| is_default(repository, &branch.name));
    let branch = default.or(event.branches.first()).map_or("", |branch| branch.name.as_str());
    let end = End {
        repo: &repository.full_name,
        name: &event.context,
        source: Source::Status,
        conclusion,
        sha: &event.sha,
        branch,
        pull: None,
        on_default_branch: default.is_some(),
        details_url: &event.target_url,
        completed_at: event.created_at,
    };
    end.news().into_iter().collect()
}

fn pull_request(event: &PullRequestEvent) -> Vec<News> {
    let repo = &event.repository.full_name;
    vec![of_pull(repo, &event.pull_request)]
}

/// Returns the head of a pull request as news.
pub(crate) fn of_pull(repo: &RepoName, pull: &PullRequest) -> News {
    if pull.is_open() {
        let (moved, updated_at) = (moved(repo, pull), pull.updated_at);
        return News::Open(OpenPull { moved, updated_at });
    }
    News::Closed(PullClosed {
        repo: repo.clone(),
        number: pull.number,
        head: pull.head.sha.clone(),
        merged: Some(pull.merged || pull.merged_at.is_some()),
    })
}

fn moved(repo: &RepoName, pull: &PullRequest) -> HeadMoved {
    HeadMoved { repo: repo.clone(), pull: seen(pull), head: pull.head.sha.clone() }
}

/// A pull request as a check remembers it.
pub(crate) fn seen(pull: &PullRequest) -> PullSeen {
    PullSeen { number: pull.number, from_fork: pull.is_from_fork(), base: pull.base.branch.clone() }
}

fn issue_comment(event: &IssueCommentEvent) -> Vec<News> {
    if event.action != "created" || !event.issue.is_pull_request() {
        return Vec::new();
    }
    mention(&event.repository.full_name, event.issue.number, &event.comment).into_iter().collect()
}

/// A comment, if it mentions us.
pub(crate) fn mention(repo: &RepoName, number: PullNumber, comment: &Comment) -> Option<News> {
    if !mentions_us(&comment.body) {
        return None;
    }
    Some(News::Seen(Sighting::Command(Mention {
        repo: repo.clone(),
        number,
        comment: comment.id,
        author: comment.user.login.clone(),
        author_id: comment.user.id,
        body: comment.body.clone(),
        at: comment.created_at,
    })))
}

fn push(event: &PushEvent) -> Vec<News> {
    let repo = event.repository.full_name.clone();
    let (Some(branch), Some(head)) = (event.branch(), event.after.clone()) else {
        return Vec::new();
    };
    if event.deleted || head.is_zero() {
        return Vec::new();
    }
    let is_default = is_default(&event.repository, branch);
    let on_main = is_default.then(|| News::OnMain { repo: repo.clone(), sha: head.clone() });
    let branch = branch.to_owned();
    let pushed = Pushed { repo, branch, head, is_default, forced: event.forced };
    on_main.into_iter().chain([News::Seen(Sighting::Push(pushed))]).collect()
}

/// Returns the news in a page of a sweep. Pull requests come before their checks, so that a lookup
/// by commit finds them.
pub(crate) fn of_sweep(repo: &RepoName, page: &Sweep) -> Vec<News> {
    let mut news = Vec::new();
    if let Some(main) = &page.default_branch {
        news.push(News::OnMain { repo: repo.clone(), sha: main.sha.clone() });
        news.extend(main.checks.iter().filter_map(|check| swept(repo, main, None, check)));
    }
    for pull in &page.pulls {
        let (number, base) = (pull.number, pull.base.clone());
        let seen = PullSeen { number, from_fork: pull.from_fork, base };
        let (repo, head) = (repo.clone(), pull.head.sha.clone());
        let moved = HeadMoved { repo: repo.clone(), pull: seen.clone(), head };
        news.push(News::Open(OpenPull { moved, updated_at: pull.updated_at }));
        let checks = pull.head.checks.iter();
        news.extend(checks.filter_map(|check| swept(&repo, &pull.head, Some(&seen), check)));
    }
    news
}

fn swept(
    repo: &RepoName,
    head: &SweptHead,
    pull: Option<&PullSeen>,
    check: &SweptCheck,
) -> Option<News> {
    let (source, conclusion, details_url, completed_at) = match check {
        SweptCheck::Run { id, conclusion, details_url, completed_at, app, run, .. } => {
            (source(*id, app, *run, details_url), conclusion.clone()?, details_url, *completed_at)
        }
        SweptCheck::Status { state, target_url, created_at, .. } => {
            (Source::Status, conclusion_of(state)?, target_url, *created_at)
        }
    };
    let end = End {
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
    end.news()
}
