//! Issues, their comments, labels and reactions; pull requests are issues, too.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::access::{AccessLevel, AppPermission};
use super::super::changes::threads::NewIssue;
use super::super::fake_server::FakeServer;
use super::super::middleware::RequestContext;
use super::super::render::REACTIONS;
use super::super::response::{ApiRefusal, ApiResult, created, no_content, ok};
use super::super::state::{FakeComment, FakeReaction, FakeRepo, GitHubState, ReactionSubject};
use super::{RepoRoute, RepoRoute2, words};

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new()
        .route("/repos/{owner}/{repo}/issues", get(list).post(open))
        .route("/repos/{owner}/{repo}/issues/{number}", get(one).patch(change))
        .route("/repos/{owner}/{repo}/issues/{number}/comments", get(comments).post(comment))
        .route("/repos/{owner}/{repo}/issues/comments", get(all_comments))
        .route(
            "/repos/{owner}/{repo}/issues/comments/{id}",
            get(one_comment).patch(edit_comment).delete(delete_comment),
        )
        .route(
            "/repos/{owner}/{repo}/issues/comments/{id}/reactions",
            get(comment_reactions).post(react_to_comment),
        )
        .route("/repos/{owner}/{repo}/issues/comments/{id}/reactions/{reaction}", delete(unreact))
        .route("/repos/{owner}/{repo}/issues/{number}/reactions", post(react_to_issue))
        .route(
            "/repos/{owner}/{repo}/issues/{number}/labels",
            get(labels).post(add_labels).put(set_labels),
        )
        .route("/repos/{owner}/{repo}/issues/{number}/labels/{name}", delete(remove_label))
}

/// Issues need one permission, pull requests the other.
fn may_of<'a>(
    ctx: &RequestContext,
    state: &'a GitHubState,
    number: u64,
    access: AccessLevel,
) -> Result<&'a FakeRepo, ApiRefusal> {
    let pull = state.repos.get(&ctx.repo()).is_some_and(|it| it.pulls.contains_key(&number));
    let permission = if pull { AppPermission::PullRequests } else { AppPermission::Issues };
    let repo = ctx.may(state, permission, access)?;
    if repo.issues.contains_key(&number) { Ok(repo) } else { Err(ApiRefusal::missing()) }
}

async fn list(ctx: RequestContext) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Issues, AccessLevel::Read)?;
    let render = ctx.render(&state);
    let wanted = ctx.word("state").unwrap_or("open");
    let labels: Vec<&str> =
        ctx.word("labels").map(|it| it.split(',').collect()).unwrap_or_default();
    let fits = |issue: &&super::super::state::FakeIssue| {
        let right_state = wanted == "all" || (wanted == "open") == issue.open;
        right_state && labels.iter().all(|label| issue.labels.iter().any(|it| it == label))
    };
    let all = repo.issues.values().rev().filter(fits);
    ctx.paging().list(all.map(|issue| render.issue(repo, issue)).collect())
}

async fn open(ctx: RequestContext, Json(body): Json<Value>) -> ApiResult {
    let mut state = ctx.state();
    ctx.may(&state, AppPermission::Issues, AccessLevel::Write)?;
    let invalid = || ApiRefusal::invalid("Issue", "title", "missing_field");
    let title = body["title"].as_str().ok_or_else(invalid)?;
    let author = ctx.caller.login();
    let new = NewIssue {
        title,
        body: body["body"].as_str(),
        author: &author,
        labels: words(&body["labels"]),
    };
    let number = state.add_issue(ctx.repo(), new);
    state.emit_thread(ctx.repo(), number, "opened", &author, json!({}));
    let repo = ctx.may(&state, AppPermission::Issues, AccessLevel::Write)?;
    created(&ctx.render(&state).issue(repo, &repo.issues[&number]))
}

async fn one(ctx: RequestContext, Path((_, _, number)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = may_of(&ctx, &state, number, AccessLevel::Read)?;
    ok(&ctx.render(&state).issue(repo, &repo.issues[&number]))
}

async fn change(
    ctx: RequestContext,
    Path((_, _, number)): RepoRoute<u64>,
    Json(body): Json<Value>,
) -> ApiResult {
    let mut state = ctx.state();
    may_of(&ctx, &state, number, AccessLevel::Write)?;
    apply(&mut state, ctx.repo(), number, &body, &ctx.caller.login());
    let repo = may_of(&ctx, &state, number, AccessLevel::Write)?;
    ok(&ctx.render(&state).issue(repo, &repo.issues[&number]))
}

/// Changes title, body, labels and state, as far as they are named.
pub(crate) fn apply(state: &mut GitHubState, repo: u64, number: u64, body: &Value, by: &str) {
    let now = state.now_ms();
    if let Some(issue) = state.issue_mut(repo, number) {
        issue.updated_ms = now;
        if let Some(title) = body["title"].as_str() {
            title.clone_into(&mut issue.title);
        }
        if let Some(text) = body["body"].as_str() {
            issue.body = Some(text.to_owned());
        }
    }
    if body["labels"].is_array() {
        state.set_labels(repo, number, words(&body["labels"]), by);
    }
    match body["state"].as_str() {
        Some("closed") => state.set_open(repo, number, false, by),
        Some("open") => state.set_open(repo, number, true, by),
        _ => {}
    }
}

fn listed(ctx: &RequestContext, of: Option<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = match of {
        Some(number) => may_of(ctx, &state, number, AccessLevel::Read)?,
        None => ctx.may(&state, AppPermission::Issues, AccessLevel::Read)?,
    };
    let render = ctx.render(&state);
    let since = ctx.word("since").and_then(|it| chrono::DateTime::parse_from_rfc3339(it).ok());
    let since = since.map_or(i64::MIN, |it| it.timestamp_millis());
    let fits = |it: &&FakeComment| {
        let recent = i64::try_from(it.updated_ms).unwrap_or(i64::MAX) >= since;
        recent && of.is_none_or(|number| it.issue == number)
    };
    let mut all: Vec<&FakeComment> = repo.comments.values().filter(fits).collect();
    if of.is_none() && ctx.word("sort") == Some("updated") {
        all.sort_by_key(|it| it.updated_ms);
    }
    if of.is_none() && ctx.word("direction") == Some("desc") {
        all.reverse();
    }
    ctx.paging().list(all.into_iter().map(|it| render.comment(repo, it)).collect())
}

async fn comments(ctx: RequestContext, Path((_, _, number)): RepoRoute<u64>) -> ApiResult {
    listed(&ctx, Some(number))
}

async fn all_comments(ctx: RequestContext) -> ApiResult {
    listed(&ctx, None)
}

/// GitHub takes no more than this.
const LONGEST_BODY: usize = 65_536;

fn text_of(body: &Value) -> Result<&str, ApiRefusal> {
    let text = body["body"].as_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| ApiRefusal::invalid("IssueComment", "body", "missing_field"))?;
    if text.chars().count() > LONGEST_BODY {
        return Err(ApiRefusal::new(422, "Body is too long (maximum is 65536 characters)"));
    }
    Ok(text)
}

async fn comment(
    ctx: RequestContext,
    Path((_, _, number)): RepoRoute<u64>,
    Json(body): Json<Value>,
) -> ApiResult {
    let mut state = ctx.state();
    may_of(&ctx, &state, number, AccessLevel::Write)?;
    let text = text_of(&body)?;
    let id = state.add_comment(ctx.repo(), number, &ctx.caller.login(), text, ctx.caller.app());
    let repo = may_of(&ctx, &state, number, AccessLevel::Write)?;
    created(&ctx.render(&state).comment(repo, &repo.comments[&id]))
}

fn comment_of<'a>(
    ctx: &RequestContext,
    state: &'a GitHubState,
    id: u64,
    access: AccessLevel,
) -> Result<(&'a FakeRepo, &'a FakeComment), ApiRefusal> {
    let repo = state.repos.get(&ctx.repo()).ok_or_else(ApiRefusal::missing)?;
    let comment = repo.comments.get(&id).ok_or_else(ApiRefusal::missing)?;
    may_of(ctx, state, comment.issue, access)?;
    Ok((repo, comment))
}

async fn one_comment(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let (repo, comment) = comment_of(&ctx, &state, id, AccessLevel::Read)?;
    ok(&ctx.render(&state).comment(repo, comment))
}

async fn edit_comment(
    ctx: RequestContext,
    Path((_, _, id)): RepoRoute<u64>,
    Json(body): Json<Value>,
) -> ApiResult {
    let mut state = ctx.state();
    comment_of(&ctx, &state, id, AccessLevel::Write)?;
    let text = text_of(&body)?;
    state.edit_comment(ctx.repo(), id, text, &ctx.caller.login());
    let (repo, comment) = comment_of(&ctx, &state, id, AccessLevel::Write)?;
    ok(&ctx.render(&state).comment(repo, comment))
}

async fn delete_comment(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let mut state = ctx.state();
    comment_of(&ctx, &state, id, AccessLevel::Write)?;
    state.delete_comment(ctx.repo(), id, &ctx.caller.login());
    no_content()
}

async fn comment_reactions(ctx: RequestContext, Path((_, _, id)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let (repo, _) = comment_of(&ctx, &state, id, AccessLevel::Read)?;
    let render = ctx.render(&state);
    let on = ReactionSubject::Comment(id);
    let all = repo.reactions.iter().filter(|it| it.on == on).map(|it| render.reaction(it));
    ctx.paging().list(all.collect())
}

async fn react_to_comment(
    ctx: RequestContext,
    Path((_, _, id)): RepoRoute<u64>,
    Json(body): Json<Value>,
) -> ApiResult {
    let mut state = ctx.state();
    comment_of(&ctx, &state, id, AccessLevel::Write)?;
    react(&ctx, &mut state, ReactionSubject::Comment(id), &body)
}

async fn react_to_issue(
    ctx: RequestContext,
    Path((_, _, number)): RepoRoute<u64>,
    Json(body): Json<Value>,
) -> ApiResult {
    let mut state = ctx.state();
    may_of(&ctx, &state, number, AccessLevel::Write)?;
    react(&ctx, &mut state, ReactionSubject::Issue(number), &body)
}

/// The same reaction again is the same reaction.
fn react(
    ctx: &RequestContext,
    state: &mut GitHubState,
    on: ReactionSubject,
    body: &Value,
) -> ApiResult {
    let content = body["content"].as_str().filter(|it| REACTIONS.contains(it));
    let content = content.ok_or_else(|| ApiRefusal::invalid("Reaction", "content", "invalid"))?;
    let (author, id, created_ms) = (ctx.caller.login(), state.next_id(), state.now_ms());
    let repo = state.repos.get_mut(&ctx.repo()).ok_or_else(ApiRefusal::missing)?;
    let same = |it: &&FakeReaction| it.on == on && it.author == author && it.content == content;
    if let Some(known) = repo.reactions.iter().find(same).cloned() {
        return ok(&ctx.render(state).reaction(&known));
    }
    let new = FakeReaction { id, on, author, content: content.to_owned(), created_ms };
    repo.reactions.push(new.clone());
    created(&ctx.render(state).reaction(&new))
}

async fn unreact(
    ctx: RequestContext,
    Path((_, _, id, reaction)): RepoRoute2<u64, u64>,
) -> ApiResult {
    let mut state = ctx.state();
    comment_of(&ctx, &state, id, AccessLevel::Write)?;
    if let Some(repo) = state.repos.get_mut(&ctx.repo()) {
        repo.reactions.retain(|it| it.id != reaction);
    }
    no_content()
}

async fn labels(ctx: RequestContext, Path((_, _, number)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = may_of(&ctx, &state, number, AccessLevel::Read)?;
    ctx.paging().list(ctx.render(&state).labels(repo, &repo.issues[&number].labels))
}

fn put_labels(
    ctx: &RequestContext,
    number: u64,
    change: impl FnOnce(&mut Vec<String>),
) -> ApiResult {
    let mut state = ctx.state();
    let repo = may_of(ctx, &state, number, AccessLevel::Write)?;
    let mut labels = repo.issues[&number].labels.clone();
    change(&mut labels);
    state.set_labels(ctx.repo(), number, labels, &ctx.caller.login());
    let repo = may_of(ctx, &state, number, AccessLevel::Write)?;
    ok(&Value::Array(ctx.render(&state).labels(repo, &repo.issues[&number].labels)))
}

fn named(body: &Value) -> Vec<String> {
    words(if body.is_array() { body } else { &body["labels"] })
}

async fn add_labels(
    ctx: RequestContext,
    Path((_, _, number)): RepoRoute<u64>,
    Json(body): Json<Value>,
) -> ApiResult {
    put_labels(&ctx, number, |labels| {
        for name in named(&body) {
            if !labels.contains(&name) {
                labels.push(name);
            }
        }
    })
}

async fn set_labels(
    ctx: RequestContext,
    Path((_, _, number)): RepoRoute<u64>,
    Json(body): Json<Value>,
) -> ApiResult {
    put_labels(&ctx, number, |labels| *labels = named(&body))
}

async fn remove_label(
    ctx: RequestContext,
    Path((_, _, number, name)): RepoRoute2<u64, String>,
) -> ApiResult {
    let there =
        ctx.state().issue_mut(ctx.repo(), number).is_some_and(|it| it.labels.contains(&name));
    if !there {
        return Err(ApiRefusal::not_found("Label does not exist"));
    }
    put_labels(&ctx, number, |labels| labels.retain(|it| *it != name))
}
