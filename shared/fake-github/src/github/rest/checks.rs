//! Check runs and suites. Only Apps may write them.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::DateTime;
use serde_json::{Value, json};

use super::super::access::{AccessLevel, AppPermission};
use super::super::fake_server::FakeServer;
use super::super::middleware::RequestContext;
use super::super::response::{ApiRefusal, ApiResult, created, json_response, ok};
use super::super::state::{FakeCheckRun, FakeRepo, FakeSuite, GitHubState};
use super::RepoRoute;

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new()
        .route("/repos/{owner}/{repo}/check-runs", post(create))
        .route("/repos/{owner}/{repo}/check-runs/{id}", get(one).patch(change))
        .route("/repos/{owner}/{repo}/check-runs/{id}/annotations", get(annotations))
        .route("/repos/{owner}/{repo}/check-runs/{id}/rerequest", post(rerequest))
        .route("/repos/{owner}/{repo}/check-suites/{id}", get(suite))
        .route("/repos/{owner}/{repo}/check-suites/{id}/check-runs", get(runs_of_suite))
        .route("/repos/{owner}/{repo}/check-suites/{id}/rerequest", post(rerequest_suite))
        .route("/repos/{owner}/{repo}/commits/{reference}/check-runs", get(runs_of_commit))
        .route("/repos/{owner}/{repo}/commits/{reference}/check-suites", get(suites_of_commit))
}

/// GitHub takes no more annotations in one call.
const MOST_ANNOTATIONS: usize = 50;

fn find(repo: &FakeRepo, id: u64) -> Result<&FakeCheckRun, ApiRefusal> {
    repo.check_runs.get(&id).ok_or_else(ApiRefusal::missing)
}

fn app_of(ctx: &RequestContext) -> Result<u64, ApiRefusal> {
    ctx.caller.app().ok_or_else(|| ApiRefusal::new(403, "You must authenticate via a GitHub App."))
}

async fn create(ctx: RequestContext, Json(body): Json<Value>) -> ApiResult {
    let app = app_of(&ctx)?;
    let mut state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Checks, AccessLevel::Write)?;
    let missing = |field| move || ApiRefusal::invalid("CheckRun", field, "missing_field");
    let name = body["name"].as_str().ok_or_else(missing("name"))?.to_owned();
    let sha = body["head_sha"].as_str().ok_or_else(missing("head_sha"))?;
    if !repo.commits.contains_key(sha) {
        return Err(ApiRefusal::new(422, format!("No commit found for SHA: {sha}")));
    }
    let head_sha = sha.to_owned();
    let suite = state.suite_for(ctx.repo(), app, &head_sha, false);
    let mut run = FakeCheckRun {
        id: state.next_id(),
        suite,
        name,
        head_sha,
        status: "queued".to_owned(),
        conclusion: None,
        started_ms: Some(state.now_ms()),
        completed_ms: None,
        details_url: None,
        external_id: String::new(),
        title: None,
        summary: None,
        text: None,
        annotations: Vec::new(),
        actions: Vec::new(),
    };
    apply(&mut run, &body, state.now_ms())?;
    let id = run.id;
    state.put_check_run(ctx.repo(), run, &ctx.caller.login());
    created(&shown(&ctx, &state, id)?)
}

async fn change(
    ctx: RequestContext,
    Path((_, _, id)): RepoRoute<u64>,
    Json(body): Json<Value>,
) -> ApiResult {
    let app = app_of(&ctx)?;
    let mut state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Checks, AccessLevel::Write)?;
    let mut run = find(repo, id)?.clone();
    if repo.suites.get(&run.suite).map(|suite| suite.app) != Some(app) {
        let text =
            "Invalid app_id `check_run` can only be modified by the GitHub App that created it.";
        return Err(ApiRefusal::new(403, text));
    }
    apply(&mut run, &body, state.now_ms())?;
    state.put_check_run(ctx.repo(), run, &ctx.caller.login());
    ok(&shown(&ctx, &state, id)?)
}

fn shown(ctx: &RequestContext, state: &GitHubState, id: u64) -> Result<Value, ApiRefusal> {
    let repo = state.repos.get(&ctx.repo()).ok_or_else(ApiRefusal::missing)?;
    Ok(ctx.render(state).check_run(repo, find(repo, id)?))
}

/// Takes over what is named, and refuses what can't be.
fn apply(run: &mut FakeCheckRun, body: &Value, now: u64) -> Result<(), ApiRefusal> {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let when = |name: &str| {
        let time = DateTime::parse_from_rfc3339(body[name].as_str()?).ok()?;
        u64::try_from(time.timestamp_millis()).ok()
    };
    run.status = text("status").unwrap_or_else(|| run.status.clone());
    if let Some(conclusion) = text("conclusion") {
        run.conclusion = Some(conclusion);
        run.status = "completed".to_owned();
    }
    if run.status == "completed" {
        if run.conclusion.is_none() {
            return Err(ApiRefusal::invalid("CheckRun", "conclusion", "missing_field"));
        }
        run.completed_ms = when("completed_at").or(run.completed_ms).or(Some(now));
    }
    run.started_ms = when("started_at").or(run.started_ms);
    run.details_url = text("details_url").or(run.details_url.take());
    run.external_id = text("external_id").unwrap_or_else(|| run.external_id.clone());
    if let Some(actions) = body["actions"].as_array() {
        run.actions.clone_from(actions);
    }
    apply_output(run, &body["output"])
}

fn apply_output(run: &mut FakeCheckRun, output: &Value) -> Result<(), ApiRefusal> {
    if output.is_null() {
        return Ok(());
    }
    let text = |name: &str| output[name].as_str().map(str::to_owned);
    if text("summary").is_none() {
        return Err(ApiRefusal::invalid("CheckRun", "output.summary", "missing_field"));
    }
    run.title = text("title").or(run.title.take());
    run.summary = text("summary");
    run.text = text("text").or(run.text.take());
    let added = output["annotations"].as_array().map(Vec::as_slice).unwrap_or_default();
    if added.len() > MOST_ANNOTATIONS {
        return Err(ApiRefusal::invalid("CheckRun", "annotations", "exceeds 50 items"));
    }
    for annotation in added {
        run.annotations.push(annotation_of(annotation)?);
    }
    Ok(())
}

fn annotation_of(given: &Value) -> Result<Value, ApiRefusal> {
    for field in ["path", "start_line", "end_line", "annotation_level", "message"] {
        if given[field].is_null() {
            return Err(ApiRefusal::invalid("CheckRun", field, "missing_field"));
        }
    }
    Ok(json!({
        "path": given["path"], "blob_href": "",
        "start_line": given["start_line"], "end_line": given["end_line"],
        "start_column": given["start_column"], "end_column": given["end_column"],
        "annotation_level": given["annotation_level"], "title": given["title"],
        "message": given["message"], "raw_details": given["raw_details"],
    }))
}

async fn one(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Checks, AccessLevel::Read)?;
    ok(&ctx.render(&state).check_run(repo, find(repo, id)?))
}

async fn annotations(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Checks, AccessLevel::Read)?;
    ctx.paging().list(find(repo, id)?.annotations.clone())
}

async fn rerequest(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let mut state = ctx.state();
    find(ctx.may(&state, AppPermission::Checks, AccessLevel::Write)?, id)?;
    state.emit_check_run(ctx.repo(), id, "rerequested", &ctx.caller.login());
    Ok(json_response(axum::http::StatusCode::CREATED, &json!({})))
}

async fn rerequest_suite(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let mut state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Checks, AccessLevel::Write)?;
    repo.suites.get(&id).ok_or_else(ApiRefusal::missing)?;
    state.emit_suite(ctx.repo(), id, "rerequested", &ctx.caller.login());
    Ok(json_response(axum::http::StatusCode::CREATED, &json!({})))
}

async fn suite(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Checks, AccessLevel::Read)?;
    ok(&ctx.render(&state).suite(repo, repo.suites.get(&id).ok_or_else(ApiRefusal::missing)?))
}

fn runs(ctx: &RequestContext, wanted: impl Fn(&FakeCheckRun) -> bool) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Checks, AccessLevel::Read)?;
    let render = ctx.render(&state);
    let mut all = if ctx.word("filter") == Some("all") {
        repo.check_runs.values().filter(|run| wanted(run)).collect()
    } else {
        repo.latest_check_runs(wanted)
    };
    all.retain(|run| ctx.word("check_name").is_none_or(|name| run.name == name));
    all.retain(|run| ctx.word("status").is_none_or(|status| run.status == status));
    let app = |run: &FakeCheckRun| repo.suites.get(&run.suite).map(|it| it.app.to_string());
    all.retain(|run| ctx.word("app_id").is_none_or(|id| app(run).as_deref() == Some(id)));
    ctx.paging()
        .counted("check_runs", all.into_iter().map(|run| render.check_run(repo, run)).collect())
}

async fn runs_of_suite(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    runs(&ctx, |run| run.suite == id)
}

fn sha_of(ctx: &RequestContext, reference: &str) -> Result<String, ApiRefusal> {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Checks, AccessLevel::Read)?;
    let none = || ApiRefusal::new(422, format!("No commit found for SHA: {reference}"));
    repo.resolve(reference).ok_or_else(none)
}

async fn runs_of_commit(
    ctx: RequestContext,
    Path((_, _, reference)): RepoRoute<String>,
) -> ApiResult {
    let sha = sha_of(&ctx, &reference)?;
    runs(&ctx, |run| run.head_sha == sha)
}

async fn suites_of_commit(
    ctx: RequestContext,
    Path((_, _, reference)): RepoRoute<String>,
) -> ApiResult {
    let sha = sha_of(&ctx, &reference)?;
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Checks, AccessLevel::Read)?;
    let render = ctx.render(&state);
    let all: Vec<&FakeSuite> = repo.suites.values().filter(|suite| suite.head_sha == sha).collect();
    ctx.paging()
        .counted("check_suites", all.into_iter().map(|suite| render.suite(repo, suite)).collect())
}
