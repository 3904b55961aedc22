//! Workflow runs, jobs, their logs, and running them again.

use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::super::JobEnd;
use super::super::access::{Access, Permission};
use super::super::answer::{Answer, Refusal, accepted, created, ok};
use super::super::changes::runs::{NotRerun, Rerun};
use super::super::front::Ask;
use super::super::logs;
use super::super::state::{Job, JobLog, Repo, WorkflowRun};
use super::super::world::World;
use super::{Of, Of2};

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/repos/{owner}/{repo}/actions/workflows", get(workflows))
        .route("/repos/{owner}/{repo}/actions/runs", get(runs))
        .route("/repos/{owner}/{repo}/actions/runs/{id}", get(one))
        .route("/repos/{owner}/{repo}/actions/runs/{id}/attempts/{attempt}", get(attempt))
        .route(
            "/repos/{owner}/{repo}/actions/runs/{id}/attempts/{attempt}/jobs",
            get(jobs_of_attempt),
        )
        .route(
            "/repos/{owner}/{repo}/actions/runs/{id}/attempts/{attempt}/logs",
            get(logs_of_attempt),
        )
        .route("/repos/{owner}/{repo}/actions/runs/{id}/jobs", get(jobs))
        .route("/repos/{owner}/{repo}/actions/runs/{id}/logs", get(logs_of_run))
        .route("/repos/{owner}/{repo}/actions/runs/{id}/rerun", post(rerun))
        .route("/repos/{owner}/{repo}/actions/runs/{id}/rerun-failed-jobs", post(rerun_failed))
        .route("/repos/{owner}/{repo}/actions/runs/{id}/cancel", post(cancel))
        .route("/repos/{owner}/{repo}/actions/jobs/{id}", get(job))
        .route("/repos/{owner}/{repo}/actions/jobs/{id}/logs", get(log_of_job))
        .route("/repos/{owner}/{repo}/actions/jobs/{id}/rerun", post(rerun_job))
}

fn find(repo: &Repo, id: u64) -> Result<&WorkflowRun, Refusal> {
    repo.runs.get(&id).ok_or_else(Refusal::missing)
}

async fn workflows(ask: Ask) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Actions, Access::Read)?;
    let render = ask.render(&state);
    let all = repo.workflows.iter().map(|(name, id)| render.workflow(repo, name, *id));
    ask.paging().counted("workflows", all.collect())
}

async fn runs(ask: Ask) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Actions, Access::Read)?;
    let render = ask.render(&state);
    let fits = |run: &&WorkflowRun| {
        let is =
            |name: &str, value: Option<&str>| ask.word(name).is_none_or(|it| Some(it) == value);
        let ends = [Some(run.status.as_str()), run.conclusion.as_deref()];
        is("head_sha", Some(&run.head_sha))
            && is("branch", run.head_branch.as_deref())
            && is("event", Some(&run.event))
            && is("actor", Some(&run.actor))
            && is("check_suite_id", Some(&run.suite.to_string()))
            && ask.word("status").is_none_or(|it| ends.contains(&Some(it)))
            && ask.word("created").is_none_or(|range| in_range(run.created_ms, range))
    };
    let all = repo.runs.values().rev().filter(fits);
    ask.paging().counted("workflow_runs", all.map(|run| render.run(repo, run)).collect())
}

/// Ranges as GitHub's search writes them: `>=T`, `<=T`, `T..T`.
fn in_range(ms: u64, range: &str) -> bool {
    let parse = |text: &str| {
        let day = format!("{text}T00:00:00Z");
        let time = chrono::DateTime::parse_from_rfc3339(if text.len() == 10 { &day } else { text });
        time.ok().and_then(|time| u64::try_from(time.timestamp_millis()).ok())
    };
    if let Some((from, to)) = range.split_once("..") {
        return parse(from).is_none_or(|it| it <= ms) && parse(to).is_none_or(|it| ms <= it);
    }
    if let Some(from) = range.strip_prefix(">=").or_else(|| range.strip_prefix('>')) {
        return parse(from).is_none_or(|it| it <= ms);
    }
    if let Some(to) = range.strip_prefix("<=").or_else(|| range.strip_prefix('<')) {
        return parse(to).is_none_or(|it| ms <= it);
    }
    true
}

async fn one(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Actions, Access::Read)?;
    ok(&ask.render(&state).run(repo, find(repo, id)?))
}

async fn attempt(ask: Ask, Path((_, _, id, attempt)): Of2<u64, u64>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Actions, Access::Read)?;
    let run = find(repo, id)?;
    ok(&ask.render(&state).run(repo, &run_at(repo, run, attempt)?))
}

/// A run as it was in an earlier attempt.
fn run_at(repo: &Repo, run: &WorkflowRun, attempt: u64) -> Result<WorkflowRun, Refusal> {
    if attempt == 0 || attempt > run.attempt {
        return Err(Refusal::missing());
    }
    let mut then = run.clone();
    if attempt < run.attempt {
        then.attempt = attempt;
        then.status = "completed".to_owned();
        let jobs = jobs_at(repo, run.id, attempt);
        let checks = jobs.iter().filter_map(|job| repo.check_runs.get(&job.id));
        let failed = checks.filter(|it| it.conclusion.as_deref() != Some("success")).count() > 0;
        then.conclusion = Some(if failed { "failure" } else { "success" }.to_owned());
    }
    Ok(then)
}

/// The jobs of an attempt: those that ran in it, and from before those that did not run again.
fn jobs_at(repo: &Repo, run: u64, attempt: u64) -> Vec<&Job> {
    let mut latest = std::collections::BTreeMap::new();
    for job in repo.jobs.values().filter(|job| job.run == run && job.attempt <= attempt) {
        latest.insert(job.name.as_str(), job);
    }
    latest.into_values().collect()
}

async fn jobs(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Actions, Access::Read)?;
    find(repo, id)?;
    let render = ask.render(&state);
    let all: Vec<&Job> = if ask.word("filter") == Some("all") {
        repo.jobs.values().filter(|job| job.run == id).collect()
    } else {
        repo.latest_jobs(id)
    };
    ask.paging().counted("jobs", all.into_iter().map(|job| render.job(repo, job)).collect())
}

async fn jobs_of_attempt(ask: Ask, Path((_, _, id, attempt)): Of2<u64, u64>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Actions, Access::Read)?;
    run_at(repo, find(repo, id)?, attempt)?;
    let render = ask.render(&state);
    let all = jobs_at(repo, id, attempt).into_iter().map(|job| render.job(repo, job));
    ask.paging().counted("jobs", all.collect())
}

async fn job(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Actions, Access::Read)?;
    let job = repo.jobs.get(&id).ok_or_else(Refusal::missing)?;
    ok(&ask.render(&state).job(repo, job))
}

async fn log_of_job(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let log = {
        let state = ask.state();
        let repo = ask.may(&state, Permission::Actions, Access::Read)?;
        repo.jobs.get(&id).ok_or_else(Refusal::missing)?.log.clone()
    };
    let bytes = bytes_of(&log)?.clone();
    Ok(elsewhere(&logs::link(&ask.world, bytes, "text/plain; charset=utf-8")))
}

fn bytes_of(log: &JobLog) -> Result<&Bytes, Refusal> {
    match log {
        JobLog::None => Err(Refusal::missing()),
        JobLog::Expired => Err(Refusal::new(410, "Server Error")),
        JobLog::Text(bytes) => Ok(bytes),
    }
}

fn elsewhere(to: &str) -> axum::response::Response {
    (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
}

async fn logs_of_run(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let attempt = {
        let state = ask.state();
        let repo = ask.may(&state, Permission::Actions, Access::Read)?;
        find(repo, id)?.attempt
    };
    zipped(&ask, id, attempt)
}

async fn logs_of_attempt(ask: Ask, Path((_, _, id, attempt)): Of2<u64, u64>) -> Answer {
    zipped(&ask, id, attempt)
}

fn zipped(ask: &Ask, id: u64, attempt: u64) -> Answer {
    let bytes = {
        let state = ask.state();
        let repo = ask.may(&state, Permission::Actions, Access::Read)?;
        run_at(repo, find(repo, id)?, attempt)?;
        archive(&jobs_at(repo, id, attempt))?
    };
    Ok(elsewhere(&logs::link(&ask.world, bytes.into(), "application/zip")))
}

/// One file a job, numbered, as GitHub packs them.
fn archive(jobs: &[&Job]) -> Result<Vec<u8>, Refusal> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (at, job) in jobs.iter().enumerate() {
        let text = bytes_of(&job.log)?;
        let name = format!("{at}_{}.txt", job.name.replace('/', "_"));
        let written = zip.start_file(name, SimpleFileOptions::default());
        let written = written.map_err(std::io::Error::other).and_then(|()| zip.write_all(text));
        written.map_err(|_| Refusal::new(500, "Server Error"))?;
    }
    let bytes = zip.finish().map_err(|_| Refusal::new(500, "Server Error"))?;
    Ok(bytes.into_inner())
}

fn again(ask: &Ask, run: u64, which: Rerun) -> Answer {
    let mut state = ask.state();
    find(ask.may(&state, Permission::Actions, Access::Write)?, run)?;
    match state.rerun(ask.repo(), run, which) {
        Ok(()) => created(&json!({})),
        Err(NotRerun::Missing) => Err(Refusal::missing()),
        Err(NotRerun::StillRunning) => Err(Refusal::new(403, "This workflow is already running")),
        Err(NotRerun::NothingFailed) => {
            Err(Refusal::new(403, "The workflow run has no failed jobs to rerun"))
        }
    }
}

async fn rerun(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    again(&ask, id, Rerun::All)
}

async fn rerun_failed(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    again(&ask, id, Rerun::Failed)
}

async fn rerun_job(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let run = {
        let state = ask.state();
        let repo = ask.may(&state, Permission::Actions, Access::Write)?;
        repo.jobs.get(&id).ok_or_else(Refusal::missing)?.run
    };
    again(&ask, run, Rerun::Job(id))
}

async fn cancel(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let mut state = ask.state();
    let repo = ask.may(&state, Permission::Actions, Access::Write)?;
    let run = find(repo, id)?;
    if run.status == "completed" {
        return Err(Refusal::new(409, "Cannot cancel a workflow run that is completed."));
    }
    let running =
        |job: &&&Job| repo.check_runs.get(&job.id).is_none_or(|it| it.status != "completed");
    let open: Vec<u64> = repo.latest_jobs(id).iter().filter(running).map(|job| job.id).collect();
    for job in open {
        state.end_job(ask.repo(), job, &JobEnd::Cancelled);
    }
    accepted(&Value::Object(serde_json::Map::new()))
}
