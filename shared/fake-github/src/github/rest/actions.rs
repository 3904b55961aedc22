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
use super::super::access::{AccessLevel, AppPermission};
use super::super::changes::runs::{NotRerun, RerunScope};
use super::super::fake_server::FakeServer;
use super::super::logs;
use super::super::middleware::RequestContext;
use super::super::response::{ApiRefusal, ApiResult, accepted, created, ok};
use super::super::state::{FakeJob, FakeRepo, FakeWorkflowRun, JobLog};
use super::{RepoRoute, RepoRoute2};

pub(crate) fn router() -> Router<Arc<FakeServer>> {
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

fn find(repo: &FakeRepo, id: u64) -> Result<&FakeWorkflowRun, ApiRefusal> {
    repo.runs.get(&id).ok_or_else(ApiRefusal::missing)
}

async fn workflows(ctx: RequestContext) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Read)?;
    let render = ctx.render(&state);
    let all = repo.workflows.iter().map(|(name, id)| render.workflow(repo, name, *id));
    ctx.paging().counted("workflows", all.collect())
}

async fn runs(ctx: RequestContext) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Read)?;
    let render = ctx.render(&state);
    let fits = |run: &&FakeWorkflowRun| {
        let is =
            |name: &str, value: Option<&str>| ctx.word(name).is_none_or(|it| Some(it) == value);
        let ends = [Some(run.status.as_str()), run.conclusion.as_deref()];
        is("head_sha", Some(&run.head_sha))
            && is("branch", run.head_branch.as_deref())
            && is("event", Some(&run.event))
            && is("actor", Some(&run.actor))
            && is("check_suite_id", Some(&run.suite.to_string()))
            && ctx.word("status").is_none_or(|it| ends.contains(&Some(it)))
            && ctx.word("created").is_none_or(|range| in_range(run.created_ms, range))
    };
    let all = repo.runs.values().rev().filter(fits);
    ctx.paging().counted("workflow_runs", all.map(|run| render.run(repo, run)).collect())
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

async fn one(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Read)?;
    ok(&ctx.render(&state).run(repo, find(repo, id)?))
}

async fn attempt(
    ctx: RequestContext,
    Path((_, _, id, attempt)): RepoRoute2<u64, u64>,
) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Read)?;
    let run = find(repo, id)?;
    ok(&ctx.render(&state).run(repo, &run_at(repo, run, attempt)?))
}

/// A run as it was in an earlier attempt.
fn run_at(
    repo: &FakeRepo,
    run: &FakeWorkflowRun,
    attempt: u64,
) -> Result<FakeWorkflowRun, ApiRefusal> {
    if attempt == 0 || attempt > run.attempt {
        return Err(ApiRefusal::missing());
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
fn jobs_at(repo: &FakeRepo, run: u64, attempt: u64) -> Vec<&FakeJob> {
    let mut latest = std::collections::BTreeMap::new();
    for job in repo.jobs.values().filter(|job| job.run == run && job.attempt <= attempt) {
        latest.insert(job.name.as_str(), job);
    }
    latest.into_values().collect()
}

async fn jobs(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Read)?;
    find(repo, id)?;
    let render = ctx.render(&state);
    let all: Vec<&FakeJob> = if ctx.word("filter") == Some("all") {
        repo.jobs.values().filter(|job| job.run == id).collect()
    } else {
        repo.latest_jobs(id)
    };
    ctx.paging().counted("jobs", all.into_iter().map(|job| render.job(repo, job)).collect())
}

async fn jobs_of_attempt(
    ctx: RequestContext,
    Path((_, _, id, attempt)): RepoRoute2<u64, u64>,
) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Read)?;
    run_at(repo, find(repo, id)?, attempt)?;
    let render = ctx.render(&state);
    let all = jobs_at(repo, id, attempt).into_iter().map(|job| render.job(repo, job));
    ctx.paging().counted("jobs", all.collect())
}

async fn job(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Read)?;
    let job = repo.jobs.get(&id).ok_or_else(ApiRefusal::missing)?;
    ok(&ctx.render(&state).job(repo, job))
}

async fn log_of_job(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let log = {
        let state = ctx.state();
        let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Read)?;
        repo.jobs.get(&id).ok_or_else(ApiRefusal::missing)?.log.clone()
    };
    let bytes = bytes_of(&log)?.clone();
    Ok(elsewhere(&logs::link(&ctx.server, bytes, "text/plain; charset=utf-8")))
}

fn bytes_of(log: &JobLog) -> Result<&Bytes, ApiRefusal> {
    match log {
        JobLog::None => Err(ApiRefusal::missing()),
        JobLog::Expired => Err(ApiRefusal::new(410, "Server Error")),
        JobLog::Text(bytes) => Ok(bytes),
    }
}

fn elsewhere(to: &str) -> axum::response::Response {
    (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
}

async fn logs_of_run(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let attempt = {
        let state = ctx.state();
        let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Read)?;
        find(repo, id)?.attempt
    };
    zipped(&ctx, id, attempt)
}

async fn logs_of_attempt(
    ctx: RequestContext,
    Path((_, _, id, attempt)): RepoRoute2<u64, u64>,
) -> ApiResult {
    zipped(&ctx, id, attempt)
}

fn zipped(ctx: &RequestContext, id: u64, attempt: u64) -> ApiResult {
    let bytes = {
        let state = ctx.state();
        let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Read)?;
        run_at(repo, find(repo, id)?, attempt)?;
        archive(&jobs_at(repo, id, attempt))?
    };
    Ok(elsewhere(&logs::link(&ctx.server, bytes.into(), "application/zip")))
}

/// One file a job, numbered, as GitHub packs them.
fn archive(jobs: &[&FakeJob]) -> Result<Vec<u8>, ApiRefusal> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (at, job) in jobs.iter().enumerate() {
        let text = bytes_of(&job.log)?;
        let name = format!("{at}_{}.txt", job.name.replace('/', "_"));
        let written = zip.start_file(name, SimpleFileOptions::default());
        let written = written.map_err(std::io::Error::other).and_then(|()| zip.write_all(text));
        written.map_err(|_| ApiRefusal::new(500, "Server Error"))?;
    }
    let bytes = zip.finish().map_err(|_| ApiRefusal::new(500, "Server Error"))?;
    Ok(bytes.into_inner())
}

fn again(ctx: &RequestContext, run: u64, which: RerunScope) -> ApiResult {
    let mut state = ctx.state();
    find(ctx.may(&state, AppPermission::Actions, AccessLevel::Write)?, run)?;
    match state.rerun(ctx.repo(), run, which) {
        Ok(()) => created(&json!({})),
        Err(NotRerun::Missing) => Err(ApiRefusal::missing()),
        Err(NotRerun::StillRunning) => {
            Err(ApiRefusal::new(403, "This workflow is already running"))
        }
        Err(NotRerun::NothingFailed) => {
            Err(ApiRefusal::new(403, "The workflow run has no failed jobs to rerun"))
        }
    }
}

async fn rerun(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    again(&ctx, id, RerunScope::All)
}

async fn rerun_failed(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    again(&ctx, id, RerunScope::Failed)
}

async fn rerun_job(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let run = {
        let state = ctx.state();
        let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Write)?;
        repo.jobs.get(&id).ok_or_else(ApiRefusal::missing)?.run
    };
    again(&ctx, run, RerunScope::Job(id))
}

async fn cancel(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let mut state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Actions, AccessLevel::Write)?;
    let run = find(repo, id)?;
    if run.status == "completed" {
        return Err(ApiRefusal::new(409, "Cannot cancel a workflow run that is completed."));
    }
    let running =
        |job: &&&FakeJob| repo.check_runs.get(&job.id).is_none_or(|it| it.status != "completed");
    let open: Vec<u64> = repo.latest_jobs(id).iter().filter(running).map(|job| job.id).collect();
    for job in open {
        state.end_job(ctx.repo(), job, &JobEnd::Cancelled);
    }
    accepted(&Value::Object(serde_json::Map::new()))
}
