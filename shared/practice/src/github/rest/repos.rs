//! Repositories, branches and their protection, collaborators, commits.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use serde_json::{Value, json};

use super::super::access::{Access, Permission, Role, role};
use super::super::answer::{Answer, Refusal, ok};
use super::super::front::Ask;
use super::super::render::{extend, node_id};
use super::super::world::World;
use super::Of;

pub(crate) fn router() -> Router<Arc<World>> {
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

async fn one(ask: Ask) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Metadata, Access::Read)?;
    ok(&ask.render(&state).full_repo(repo))
}

async fn branches(ask: Ask) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Contents, Access::Read)?;
    let render = ask.render(&state);
    let all = repo.branches.iter().map(|(name, it)| render.short_branch(repo, name, it));
    ask.paging().list(all.collect())
}

async fn branch(ask: Ask, Path((_, _, name)): Of<String>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Contents, Access::Read)?;
    let branch = repo.branches.get(&name).ok_or_else(|| Refusal::not_found("Branch not found"))?;
    ok(&ask.render(&state).branch(repo, &name, branch))
}

async fn protection(ask: Ask, Path((_, _, name)): Of<String>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Administration, Access::Read)?;
    let branch = repo.branches.get(&name).ok_or_else(|| Refusal::not_found("Branch not found"))?;
    let rules = branch.protection.as_ref();
    let rules = rules.ok_or_else(|| Refusal::not_found("Branch not protected"))?;
    ok(&ask.render(&state).protection(repo, &name, rules))
}

/// There are no rulesets here; what protects a branch is its protection.
async fn rules(ask: Ask) -> Answer {
    let state = ask.state();
    ask.may(&state, Permission::Metadata, Access::Read)?;
    ask.paging().list(Vec::new())
}

async fn permission(ask: Ask, Path((_, _, login)): Of<String>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Metadata, Access::Read)?;
    let mut user = match ask.render(&state).user(&login) {
        Value::Null => return Err(Refusal::not_found(&format!("{login} is not a user"))),
        user => user,
    };
    let role = role(repo, &login);
    let flags = json!({
        "admin": role >= Role::Admin, "maintain": role >= Role::Maintain,
        "push": role >= Role::Write, "triage": role >= Role::Triage, "pull": role >= Role::Read,
    });
    extend(&mut user, json!({"permissions": flags, "role_name": role.name()}));
    ok(&json!({"permission": role.permission(), "role_name": role.name(), "user": user}))
}

async fn commit(ask: Ask, Path((_, _, reference)): Of<String>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Contents, Access::Read)?;
    let commit = repo.resolve(&reference).and_then(|sha| repo.commits.get(&sha));
    let none = || Refusal::new(422, format!("No commit found for SHA: {reference}"));
    ok(&ask.render(&state).commit(repo, commit.ok_or_else(none)?))
}

async fn pulls_of_commit(ask: Ask, Path((_, _, sha)): Of<String>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::PullRequests, Access::Read)?;
    let render = ask.render(&state);
    let at = repo.pulls.values().filter(|pull| pull.head_sha == sha);
    ask.paging().list(at.map(|pull| render.simple_pull(repo, pull)).collect())
}

async fn git_ref(ask: Ask, Path((_, _, reference)): Of<String>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::Contents, Access::Read)?;
    let name = reference.strip_prefix("heads/").ok_or_else(Refusal::missing)?;
    let branch = repo.branches.get(name).ok_or_else(Refusal::missing)?;
    let url = ask.render(&state).repo_url(repo);
    ok(&json!({
        "ref": format!("refs/{reference}"), "node_id": node_id("Ref", repo.id),
        "url": format!("{url}/git/refs/{reference}"),
        "object": {"type": "commit", "sha": branch.sha, "url": format!("{url}/git/commits/{}", branch.sha)},
    }))
}
