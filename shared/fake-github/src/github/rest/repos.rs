//! Repositories, branches and their protection, collaborators, commits.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use serde_json::{Value, json};

use super::super::access::{AccessLevel, AppPermission, RepoRole, role};
use super::super::fake_server::FakeServer;
use super::super::middleware::RequestContext;
use super::super::render::{extend, node_id};
use super::super::response::{ApiRefusal, ApiResult, ok};
use super::RepoRoute;

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new()
        .route("/repos/{owner}/{repo}", get(one))
        .route("/repos/{owner}/{repo}/branches", get(branches))
        .route("/repos/{owner}/{repo}/branches/{branch}", get(branch))
        .route("/repos/{owner}/{repo}/branches/{branch}/protection", get(protection))
        .route("/repos/{owner}/{repo}/rules/branches/{*branch}", get(rules))
        .route("/repos/{owner}/{repo}/collaborators/{login}/permission", get(permission))
        .route("/repos/{owner}/{repo}/commits/{reference}", get(commit))
        .route("/repos/{owner}/{repo}/commits/{reference}/pulls", get(pulls_of_commit))
        .route("/repos/{owner}/{repo}/git/ref/{*reference}", get(git_ref))
}

async fn one(ctx: RequestContext) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Metadata, AccessLevel::Read)?;
    ok(&ctx.render(&state).full_repo(repo))
}

async fn branches(ctx: RequestContext) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Contents, AccessLevel::Read)?;
    let render = ctx.render(&state);
    let all = repo.branches.iter().map(|(name, it)| render.short_branch(repo, name, it));
    ctx.paging().list(all.collect())
}

async fn branch(ctx: RequestContext, Path((_, _, name)): RepoRoute<String>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Contents, AccessLevel::Read)?;
    let branch =
        repo.branches.get(&name).ok_or_else(|| ApiRefusal::not_found("Branch not found"))?;
    ok(&ctx.render(&state).branch(repo, &name, branch))
}

async fn protection(ctx: RequestContext, Path((_, _, name)): RepoRoute<String>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Administration, AccessLevel::Read)?;
    let branch =
        repo.branches.get(&name).ok_or_else(|| ApiRefusal::not_found("Branch not found"))?;
    let rules = branch.protection.as_ref();
    let rules = rules.ok_or_else(|| ApiRefusal::not_found("Branch not protected"))?;
    ok(&ctx.render(&state).protection(repo, &name, rules))
}

/// There are no rulesets here; what protects a branch is its protection.
async fn rules(ctx: RequestContext) -> ApiResult {
    let state = ctx.state();
    ctx.may(&state, AppPermission::Metadata, AccessLevel::Read)?;
    ctx.paging().list(Vec::new())
}

async fn permission(ctx: RequestContext, Path((_, _, login)): RepoRoute<String>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Metadata, AccessLevel::Read)?;
    let mut user = match ctx.render(&state).user(&login) {
        Value::Null => return Err(ApiRefusal::not_found(&format!("{login} is not a user"))),
        user => user,
    };
    let role = role(repo, &login);
    let flags = json!({
        "admin": role >= RepoRole::Admin, "maintain": role >= RepoRole::Maintain,
        "push": role >= RepoRole::Write, "triage": role >= RepoRole::Triage, "pull": role >= RepoRole::Read,
    });
    extend(&mut user, json!({"permissions": flags, "role_name": role.name()}));
    ok(&json!({"permission": role.permission(), "role_name": role.name(), "user": user}))
}

async fn commit(ctx: RequestContext, Path((_, _, reference)): RepoRoute<String>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Contents, AccessLevel::Read)?;
    let commit = repo.resolve(&reference).and_then(|sha| repo.commits.get(&sha));
    let none = || ApiRefusal::new(422, format!("No commit found for SHA: {reference}"));
    ok(&ctx.render(&state).commit(repo, commit.ok_or_else(none)?))
}

async fn pulls_of_commit(ctx: RequestContext, Path((_, _, sha)): RepoRoute<String>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::PullRequests, AccessLevel::Read)?;
    let render = ctx.render(&state);
    let at = repo.pulls.values().filter(|pull| pull.head_sha == sha);
    ctx.paging().list(at.map(|pull| render.simple_pull(repo, pull)).collect())
}

async fn git_ref(ctx: RequestContext, Path((_, _, reference)): RepoRoute<String>) -> ApiResult {
    let state = ctx.state();
    let repo = ctx.may(&state, AppPermission::Contents, AccessLevel::Read)?;
    let name = reference.strip_prefix("heads/").ok_or_else(ApiRefusal::missing)?;
    let branch = repo.branches.get(name).ok_or_else(ApiRefusal::missing)?;
    let url = ctx.render(&state).repo_url(repo);
    ok(&json!({
        "ref": format!("refs/{reference}"), "node_id": node_id("Ref", repo.id),
        "url": format!("{url}/git/refs/{reference}"),
        "object": {"type": "commit", "sha": branch.sha, "url": format!("{url}/git/commits/{}", branch.sha)},
    }))
}
