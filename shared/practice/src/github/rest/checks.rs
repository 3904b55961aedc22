//! Check runs and suites. Only Apps may write them.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::DateTime;
use serde_json::{Value, json};

use super::super::access::{Access, Permission};
use super::super::answer::{Answer, Refusal, created, json_response, ok};
use super::super::front::Ask;
use super::super::state::{CheckRun, Repo, State, Suite};
use super::super::world::World;
use super::Of;

pub(crate) fn router() -> Router<Arc<World>> {
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

fn find(repo: &Repo, id: u64) -> Result<&CheckRun, Refusal> {
    repo.check_runs.get(&id).ok_or_else(Refusal::missing)
}

fn app_of(ask: &Ask) -> Result<u64, Refusal> {
    ask.caller.app().ok_or_else(|| Refusal::new(403, "You must authenticate via a GitHub App."))
}

async fn create(ask: Ask, Json(body): Json<Value>) -> Answer {
    let app = app_of(&ask)?;
    let mut state = ask.state();
    let repo = ask.may(&state, Permission::Checks, Access::Write)?;
    let missing = |field| move || Refusal::invalid("CheckRun", field, "missing_field");
    let name = body["name"].as_str().ok_or_else(missing("name"))?.to_owned();
    let sha = body["head_sha"].as_str().ok_or_else(missing("head_sha"))?;
    if !repo.commits.contains_key(sha) {
        return Err(Refusal::new(422, format!("No commit found for SHA: {sha}")));
    }
    let head_sha = sha.to_owned();
    let suite = state.suite_for(ask.repo(), app, &head_sha, false);
    let mut run = CheckRun {
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
    state.put_check_run(ask.repo(), run, &ask.caller.login());
    created(&shown(&ask, &state, id)?)
}

async fn change(ask: Ask, Path((_, _, id)): Of<u64>, Json(body): Json<Value>) -> Answer {
    let app = app_of(&ask)?;
    let mut state = ask.state();
    let repo = ask.may(&state, Permission::Checks, Access::Write)?;
    let mut run = find(repo, id)?.clone();
    if repo.suites.get(&run.suite).map(|suite| suite.app) != Some(app) {
        let text =
            "Invalid app_id `check_run` can only be modified by the GitHub App that created it.";
        return Err(Refusal::new(403, text));
    }
    apply(&mut run, &body, state.now_ms())?;
    state.put_check_run(ask.repo(), run, &ask.caller.login());
    ok(&shown(&ask, &state, id)?)
}

fn shown(ask: &Ask, state: &State, id: u64) -> Result<Value, Refusal> {
    let repo = state.repos.get(&ask.repo()).ok_or_else(Refusal::missing)?;
    Ok(ask.render(state).check_run(repo, find(repo, id)?))
}

/// Takes over what is named, and refuses what can't be.
fn apply(run: &mut CheckRun, body: &Value, now: u64) -> Result<(), Refusal> {
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
            return Err(Refusal::invalid("CheckRun", "conclusion", "missing_field"));
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

fn apply_output(run: &mut CheckRun, output: &Value) -> Result<(), Refusal> {
    if output.is_null() {
        return Ok(());
    }
    let text = |name: &str| output[name].as_str().map(str::to_owned);
    if text("summary").is_none() {
        return Err(Refusal::invalid("CheckRun", "output.summary", "missing_field"));
    }
    run.title = text("title").or(run.title.take());
    run.summary = text("summary");
    run.text = text("text").or(run.text.take());
    let added = output["annotations"].as_array().map(Vec::as_slice).unwrap_or_default();
    if added.len() > MOST_ANNOTATIONS {
        return Err(Refusal::invalid("CheckRun", "annotations", "exceeds 50 items"));
    }
    for annotation in added {
        run.annotations.push(annotation_of(annotation)?);
    }
    Ok(())
}

fn annotation_of(given: &Value) -> Result<Value, Refusal> {
    for field in ["path", "start_line", "end_line", "annotation_level", "message"] {
        if given[field].is_null() {
            return Err(Refusal::invalid("CheckRun", field, "missing_field"));
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

async fn one(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Checks, Access::Read)?;
    ok(&ask.render(&state).check_run(repo, find(repo, id)?))
}

async fn annotations(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Checks, Access::Read)?;
    ask.paging().list(find(repo, id)?.annotations.clone())
}

async fn rerequest(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let mut state = ask.state();
    find(ask.may(&state, Permission::Checks, Access::Write)?, id)?;
    state.tell_of_check_run(ask.repo(), id, "rerequested", &ask.caller.login());
    Ok(json_response(axum::http::StatusCode::CREATED, &json!({})))
}

async fn rerequest_suite(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let mut state = ask.state();
    let repo = ask.may(&state, Permission::Checks, Access::Write)?;
    repo.suites.get(&id).ok_or_else(Refusal::missing)?;
    state.tell_of_suite(ask.repo(), id, "rerequested", &ask.caller.login());
    Ok(json_response(axum::http::StatusCode::CREATED, &json!({})))
}

async fn suite(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Checks, Access::Read)?;
    ok(&ask.render(&state).suite(repo, repo.suites.get(&id).ok_or_else(Refusal::missing)?))
}

fn runs(ask: &Ask, wanted: impl Fn(&CheckRun) -> bool) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Checks, Access::Read)?;
    let render = ask.render(&state);
    let mut all = if ask.word("filter") == Some("all") {
        repo.check_runs.values().filter(|run| wanted(run)).collect()
    } else {
        repo.latest_check_runs(wanted)
    };
    all.retain(|run| ask.word("check_name").is_none_or(|name| run.name == name));
    all.retain(|run| ask.word("status").is_none_or(|status| run.status == status));
    let app = |run: &CheckRun| repo.suites.get(&run.suite).map(|it| it.app.to_string());
    all.retain(|run| ask.word("app_id").is_none_or(|id| app(run).as_deref() == Some(id)));
    ask.paging()
        .counted("check_runs", all.into_iter().map(|run| render.check_run(repo, run)).collect())
}

async fn runs_of_suite(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    runs(&ask, |run| run.suite == id)
}

fn sha_of(ask: &Ask, reference: &str) -> Result<String, Refusal> {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Checks, Access::Read)?;
    let none = || Refusal::new(422, format!("No commit found for SHA: {reference}"));
    repo.resolve(reference).ok_or_else(none)
}

async fn runs_of_commit(ask: Ask, Path((_, _, reference)): Of<String>) -> Answer {
    let sha = sha_of(&ask, &reference)?;
    runs(&ask, |run| run.head_sha == sha)
}

async fn suites_of_commit(ask: Ask, Path((_, _, reference)): Of<String>) -> Answer {
    let sha = sha_of(&ask, &reference)?;
    let state = ask.state();
    let repo = ask.may(&state, Permission::Checks, Access::Read)?;
    let render = ask.render(&state);
    let all: Vec<&Suite> = repo.suites.values().filter(|suite| suite.head_sha == sha).collect();
    ask.paging()
        .counted("check_suites", all.into_iter().map(|suite| render.suite(repo, suite)).collect())
}
