//! Pull requests.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::access::{AccessLevel, AppPermission};
use super::super::changes::merging::NotMerged;
use super::super::changes::threads::difference;
use super::super::fake_server::FakeServer;
use super::super::git::{self, MergeKind};
use super::super::middleware::RequestContext;
use super::super::response::{ApiRefusal, ApiResult, created, ok};
use super::super::state::{FakePull, FakeRepo};
use super::RepoRoute;

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new()
        .route("/repos/{owner}/{repo}/pulls", get(list))
        .route("/repos/{owner}/{repo}/pulls/{number}", get(one).patch(change))
        .route("/repos/{owner}/{repo}/pulls/{number}/files", get(files))
        .route("/repos/{owner}/{repo}/pulls/{number}/commits", get(commits))
        .route("/repos/{owner}/{repo}/pulls/{number}/merge", put(merge))
        .route(
            "/repos/{owner}/{repo}/pulls/{number}/requested_reviewers",
            get(reviewers).post(ask_reviewers).delete(dismiss_reviewers),
        )
}

fn find(repo: &FakeRepo, number: u64) -> Result<&FakePull, ApiRefusal> {
    repo.pulls.get(&number).ok_or_else(ApiRefusal::missing)
}

async fn list(ctx: RequestContext) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::PullRequests, AccessLevel::Read)?;
    let render = ctx.render(&state);
    let wanted = ctx.word("state").unwrap_or("open");
    let mut all: Vec<&FakePull> = repo.pulls.values().collect();
    all.retain(|pull| wanted == "all" || (wanted == "open") == repo.issues[&pull.number].open);
    if let Some(base) = ctx.word("base") {
        all.retain(|pull| pull.base_branch == base);
    }
    if let Some(head) = ctx.word("head") {
        all.retain(|pull| format!("{}:{}", pull.head_owner, pull.head_branch) == head);
    }
    if ctx.word("sort") == Some("updated") {
        all.sort_by_key(|pull| repo.issues[&pull.number].updated_ms);
    }
    if ctx.word("direction") != Some("asc") {
        all.reverse();
    }
    ctx.paging().list(all.into_iter().map(|pull| render.simple_pull(repo, pull)).collect())
}

async fn one(ctx: RequestContext, Path((_, _, number)): RepoRoute<u64>) -> ApiResult {
    if ctx.wants("vnd.github.diff") || ctx.wants("v3.diff") {
        return diff(ctx, number).await;
    }
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::PullRequests, AccessLevel::Read)?;
    ok(&ctx.render(&state).pull(repo, find(repo, number)?))
}

async fn diff(ctx: RequestContext, number: u64) -> ApiResult {
    let (git, base, head) = {
        let state = ctx.state();
        let repo = ctx.may(&state, AppPermission::PullRequests, AccessLevel::Read)?;
        let pull = find(repo, number)?;
        (repo.git.clone(), pull.base_sha.clone(), pull.head_sha.clone())
    };
    let range = format!("{base}...{head}");
    let text = git::diff_range(&git, &range).await.map_err(|_| ApiRefusal::missing())?;
    let kind = [(axum::http::header::CONTENT_TYPE, "application/vnd.github.diff; charset=utf-8")];
    Ok(axum::response::IntoResponse::into_response((kind, text)))
}

async fn files(ctx: RequestContext, Path((_, _, number)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::PullRequests, AccessLevel::Read)?;
    let (render, pull) = (ctx.render(&state), find(repo, number)?);
    // GitHub lists no more than three thousand.
    let files = pull.files.iter().take(3_000);
    ctx.paging().list(files.map(|file| render.file(repo, &pull.head_sha, file)).collect())
}

async fn commits(ctx: RequestContext, Path((_, _, number)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::PullRequests, AccessLevel::Read)?;
    let (render, pull) = (ctx.render(&state), find(repo, number)?);
    let mut all = Vec::new();
    let mut next = Some(pull.head_sha.clone());
    while let Some(commit) = next.and_then(|sha| repo.commits.get(&sha)) {
        if all.len() as u64 >= pull.commits {
            break;
        }
        all.push(render.commit(repo, commit));
        next = commit.parents.first().cloned();
    }
    all.reverse();
    ctx.paging().list(all)
}

async fn change(
    ctx: RequestContext,
    Path((_, _, number)): RepoRoute<u64>,
    Json(body): Json<Value>,
) -> ApiResult {
    let mut state = ctx.state();
    find(ctx.may(&state, AppPermission::PullRequests, AccessLevel::Write)?, number)?;
    super::issues::apply(&mut state, ctx.repo(), number, &body, &ctx.caller.login());
    let repo = ctx.may(&state, AppPermission::PullRequests, AccessLevel::Write)?;
    ok(&ctx.render(&state).pull(repo, find(repo, number)?))
}

async fn merge(
    ctx: RequestContext,
    Path((_, _, number)): RepoRoute<u64>,
    body: Option<Json<Value>>,
) -> ApiResult {
    ctx.may(&ctx.state(), AppPermission::Contents, AccessLevel::Write)?;
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let squash = matches!(body["merge_method"].as_str(), Some("squash" | "rebase"));
    let kind = if squash { MergeKind::Squash } else { MergeKind::Merge };
    let expected = body["sha"].as_str();
    let by = ctx.caller.login();
    match ctx.server.merge(ctx.repo(), number, expected, kind, &by).await {
        Ok(sha) => {
            let message = "Pull Request successfully merged";
            ok(&json!({"sha": sha, "merged": true, "message": message}))
        }
        Err(why) => Err(not_merged(why)),
    }
}

fn not_merged(why: NotMerged) -> ApiRefusal {
    match why {
        NotMerged::Missing => ApiRefusal::missing(),
        NotMerged::HeadMoved => {
            ApiRefusal::new(409, "Head branch was modified. Review and try the merge again.")
        }
        NotMerged::NotMergeable => ApiRefusal::new(405, "Pull Request is not mergeable"),
        NotMerged::Draft => ApiRefusal::new(405, "Pull Request is still a draft"),
        NotMerged::Blocked => ApiRefusal::new(405, "Required status check is expected."),
    }
}

async fn reviewers(ctx: RequestContext, Path((_, _, number)): RepoRoute<u64>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::PullRequests, AccessLevel::Read)?;
    let render = ctx.render(&state);
    let users: Vec<Value> =
        find(repo, number)?.reviewers.iter().map(|it| render.user(it)).collect();
    ok(&json!({"users": users, "teams": []}))
}

async fn ask_reviewers(
    ctx: RequestContext,
    Path((_, _, number)): RepoRoute<u64>,
    Json(body): Json<Value>,
) -> ApiResult {
    let answer = change_reviewers(&ctx, number, |reviewers| {
        for login in super::words(&body["reviewers"]) {
            if !reviewers.contains(&login) {
                reviewers.push(login);
            }
        }
    })?;
    created(&answer)
}

async fn dismiss_reviewers(
    ctx: RequestContext,
    Path((_, _, number)): RepoRoute<u64>,
    Json(body): Json<Value>,
) -> ApiResult {
    let gone = super::words(&body["reviewers"]);
    let answer = change_reviewers(&ctx, number, |all| all.retain(|it| !gone.contains(it)))?;
    ok(&answer)
}

fn change_reviewers(
    ctx: &RequestContext,
    number: u64,
    change: impl FnOnce(&mut Vec<String>),
) -> Result<Value, ApiRefusal> {
    let mut state = ctx.state();
    let repo = ctx.may(&state, AppPermission::PullRequests, AccessLevel::Write)?;
    let before = find(repo, number)?.reviewers.clone();
    let mut after = before.clone();
    change(&mut after);
    if let Some(stranger) = after.iter().find(|login| !state.users.contains_key(*login)) {
        let text = format!("Reviews may only be requested from collaborators: {stranger}");
        return Err(ApiRefusal::new(422, text));
    }
    let found = state.repos.get_mut(&ctx.repo()).and_then(|repo| repo.pulls.get_mut(&number));
    if let Some(pull) = found {
        pull.reviewers.clone_from(&after);
    }
    let changed = [
        ("review_requested", difference(&after, &before)),
        ("review_request_removed", difference(&before, &after)),
    ];
    for (action, logins) in changed {
        for login in logins {
            let more = json!({"requested_reviewer": state.render().user(&login)});
            state.emit_pull(ctx.repo(), number, action, &ctx.caller.login(), more);
        }
    }
    let repo = ctx.may(&state, AppPermission::PullRequests, AccessLevel::Write)?;
    Ok(ctx.render(&state).simple_pull(repo, find(repo, number)?))
}
