//! Issues, their comments, labels and reactions; pull requests are issues, too.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::access::{Access, Permission};
use super::super::answer::{Answer, Refusal, created, no_content, ok};
use super::super::changes::threads::NewIssue;
use super::super::front::Ask;
use super::super::render::REACTIONS;
use super::super::state::{Comment, Reaction, Repo, State, Subject};
use super::super::world::World;
use super::{Of, Of2, words};

pub(crate) fn router() -> Router<Arc<World>> {
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
    ask: &Ask,
    state: &'a State,
    number: u64,
    access: Access,
) -> Result<&'a Repo, Refusal> {
    let pull = state.repos.get(&ask.repo()).is_some_and(|it| it.pulls.contains_key(&number));
    let permission = if pull { Permission::PullRequests } else { Permission::Issues };
    let repo = ask.may(state, permission, access)?;
    if repo.issues.contains_key(&number) { Ok(repo) } else { Err(Refusal::missing()) }
}

async fn list(ask: Ask) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Issues, Access::Read)?;
    let render = ask.render(&state);
    let wanted = ask.word("state").unwrap_or("open");
    let labels: Vec<&str> =
        ask.word("labels").map(|it| it.split(',').collect()).unwrap_or_default();
    let fits = |issue: &&super::super::state::Issue| {
        let right_state = wanted == "all" || (wanted == "open") == issue.open;
        right_state && labels.iter().all(|label| issue.labels.iter().any(|it| it == label))
    };
    let all = repo.issues.values().rev().filter(fits);
    ask.paging().list(all.map(|issue| render.issue(repo, issue)).collect())
}

async fn open(ask: Ask, Json(body): Json<Value>) -> Answer {
    let mut state = ask.state();
    ask.may(&state, Permission::Issues, Access::Write)?;
    let invalid = || Refusal::invalid("Issue", "title", "missing_field");
    let title = body["title"].as_str().ok_or_else(invalid)?;
    let author = ask.caller.login();
    let new = NewIssue {
        title,
        body: body["body"].as_str(),
        author: &author,
        labels: words(&body["labels"]),
    };
    let number = state.add_issue(ask.repo(), new);
    state.tell_of_thread(ask.repo(), number, "opened", &author, json!({}));
    let repo = ask.may(&state, Permission::Issues, Access::Write)?;
    created(&ask.render(&state).issue(repo, &repo.issues[&number]))
}

async fn one(ask: Ask, Path((_, _, number)): Of<u64>) -> Answer {
    let state = ask.state();
    let repo = may_of(&ask, &state, number, Access::Read)?;
    ok(&ask.render(&state).issue(repo, &repo.issues[&number]))
}

async fn change(ask: Ask, Path((_, _, number)): Of<u64>, Json(body): Json<Value>) -> Answer {
    let mut state = ask.state();
    may_of(&ask, &state, number, Access::Write)?;
    apply(&mut state, ask.repo(), number, &body, &ask.caller.login());
    let repo = may_of(&ask, &state, number, Access::Write)?;
    ok(&ask.render(&state).issue(repo, &repo.issues[&number]))
}

/// Changes title, body, labels and state, as far as they are named.
pub(crate) fn apply(state: &mut State, repo: u64, number: u64, body: &Value, by: &str) {
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

fn listed(ask: &Ask, of: Option<u64>) -> Answer {
    let state = ask.state();
    let repo = match of {
        Some(number) => may_of(ask, &state, number, Access::Read)?,
        None => ask.may(&state, Permission::Issues, Access::Read)?,
    };
    let render = ask.render(&state);
    let since = ask.word("since").and_then(|it| chrono::DateTime::parse_from_rfc3339(it).ok());
    let since = since.map_or(i64::MIN, |it| it.timestamp_millis());
    let fits = |it: &&Comment| {
        let recent = i64::try_from(it.updated_ms).unwrap_or(i64::MAX) >= since;
        recent && of.is_none_or(|number| it.issue == number)
    };
    let mut all: Vec<&Comment> = repo.comments.values().filter(fits).collect();
    if of.is_none() && ask.word("sort") == Some("updated") {
        all.sort_by_key(|it| it.updated_ms);
    }
    if of.is_none() && ask.word("direction") == Some("desc") {
        all.reverse();
    }
    ask.paging().list(all.into_iter().map(|it| render.comment(repo, it)).collect())
}

async fn comments(ask: Ask, Path((_, _, number)): Of<u64>) -> Answer {
    listed(&ask, Some(number))
}

async fn all_comments(ask: Ask) -> Answer {
    listed(&ask, None)
}

/// GitHub takes no more than this.
const LONGEST_BODY: usize = 65_536;

fn text_of(body: &Value) -> Result<&str, Refusal> {
    let text = body["body"].as_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Refusal::invalid("IssueComment", "body", "missing_field"))?;
    if text.chars().count() > LONGEST_BODY {
        return Err(Refusal::new(422, "Body is too long (maximum is 65536 characters)"));
    }
    Ok(text)
}

async fn comment(ask: Ask, Path((_, _, number)): Of<u64>, Json(body): Json<Value>) -> Answer {
    let mut state = ask.state();
    may_of(&ask, &state, number, Access::Write)?;
    let text = text_of(&body)?;
    let id = state.add_comment(ask.repo(), number, &ask.caller.login(), text, ask.caller.app());
    let repo = may_of(&ask, &state, number, Access::Write)?;
    created(&ask.render(&state).comment(repo, &repo.comments[&id]))
}

fn comment_of<'a>(
    ask: &Ask,
    state: &'a State,
    id: u64,
    access: Access,
) -> Result<(&'a Repo, &'a Comment), Refusal> {
    let repo = state.repos.get(&ask.repo()).ok_or_else(Refusal::missing)?;
    let comment = repo.comments.get(&id).ok_or_else(Refusal::missing)?;
    may_of(ask, state, comment.issue, access)?;
    Ok((repo, comment))
}

async fn one_comment(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let state = ask.state();
    let (repo, comment) = comment_of(&ask, &state, id, Access::Read)?;
    ok(&ask.render(&state).comment(repo, comment))
}

async fn edit_comment(ask: Ask, Path((_, _, id)): Of<u64>, Json(body): Json<Value>) -> Answer {
    let mut state = ask.state();
    comment_of(&ask, &state, id, Access::Write)?;
    let text = text_of(&body)?;
    state.edit_comment(ask.repo(), id, text, &ask.caller.login());
    let (repo, comment) = comment_of(&ask, &state, id, Access::Write)?;
    ok(&ask.render(&state).comment(repo, comment))
}

async fn delete_comment(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let mut state = ask.state();
    comment_of(&ask, &state, id, Access::Write)?;
    state.delete_comment(ask.repo(), id, &ask.caller.login());
    no_content()
}

async fn comment_reactions(ask: Ask, Path((_, _, id)): Of<u64>) -> Answer {
    let state = ask.state();
    let (repo, _) = comment_of(&ask, &state, id, Access::Read)?;
    let render = ask.render(&state);
    let on = Subject::Comment(id);
    let all = repo.reactions.iter().filter(|it| it.on == on).map(|it| render.reaction(it));
    ask.paging().list(all.collect())
}

async fn react_to_comment(ask: Ask, Path((_, _, id)): Of<u64>, Json(body): Json<Value>) -> Answer {
    let mut state = ask.state();
    comment_of(&ask, &state, id, Access::Write)?;
    react(&ask, &mut state, Subject::Comment(id), &body)
}

async fn react_to_issue(
    ask: Ask,
    Path((_, _, number)): Of<u64>,
    Json(body): Json<Value>,
) -> Answer {
    let mut state = ask.state();
    may_of(&ask, &state, number, Access::Write)?;
    react(&ask, &mut state, Subject::Issue(number), &body)
}

/// The same reaction again is the same reaction.
fn react(ask: &Ask, state: &mut State, on: Subject, body: &Value) -> Answer {
    let content = body["content"].as_str().filter(|it| REACTIONS.contains(it));
    let content = content.ok_or_else(|| Refusal::invalid("Reaction", "content", "invalid"))?;
    let (author, id, created_ms) = (ask.caller.login(), state.next_id(), state.now_ms());
    let repo = state.repos.get_mut(&ask.repo()).ok_or_else(Refusal::missing)?;
    let same = |it: &&Reaction| it.on == on && it.author == author && it.content == content;
    if let Some(known) = repo.reactions.iter().find(same).cloned() {
        return ok(&ask.render(state).reaction(&known));
    }
    let new = Reaction { id, on, author, content: content.to_owned(), created_ms };
    repo.reactions.push(new.clone());
    created(&ask.render(state).reaction(&new))
}

async fn unreact(ask: Ask, Path((_, _, id, reaction)): Of2<u64, u64>) -> Answer {
    let mut state = ask.state();
    comment_of(&ask, &state, id, Access::Write)?;
    if let Some(repo) = state.repos.get_mut(&ask.repo()) {
        repo.reactions.retain(|it| it.id != reaction);
    }
    no_content()
}

async fn labels(ask: Ask, Path((_, _, number)): Of<u64>) -> Answer {
    let state = ask.state();
    let repo = may_of(&ask, &state, number, Access::Read)?;
    ask.paging().list(ask.render(&state).labels(repo, &repo.issues[&number].labels))
}

fn put_labels(ask: &Ask, number: u64, change: impl FnOnce(&mut Vec<String>)) -> Answer {
    let mut state = ask.state();
    let repo = may_of(ask, &state, number, Access::Write)?;
    let mut labels = repo.issues[&number].labels.clone();
    change(&mut labels);
    state.set_labels(ask.repo(), number, labels, &ask.caller.login());
    let repo = may_of(ask, &state, number, Access::Write)?;
    ok(&Value::Array(ask.render(&state).labels(repo, &repo.issues[&number].labels)))
}

fn named(body: &Value) -> Vec<String> {
    words(if body.is_array() { body } else { &body["labels"] })
}

async fn add_labels(ask: Ask, Path((_, _, number)): Of<u64>, Json(body): Json<Value>) -> Answer {
    put_labels(&ask, number, |labels| {
        for name in named(&body) {
            if !labels.contains(&name) {
                labels.push(name);
            }
        }
    })
}

async fn set_labels(ask: Ask, Path((_, _, number)): Of<u64>, Json(body): Json<Value>) -> Answer {
    put_labels(&ask, number, |labels| *labels = named(&body))
}

async fn remove_label(ask: Ask, Path((_, _, number, name)): Of2<u64, String>) -> Answer {
    let there =
        ask.state().issue_mut(ask.repo(), number).is_some_and(|it| it.labels.contains(&name));
    if !there {
        return Err(Refusal::not_found("Label does not exist"));
    }
    put_labels(&ask, number, |labels| labels.retain(|it| *it != name))
}
