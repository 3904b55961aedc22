//! Pull requests.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::access::{Access, Permission};
use super::super::answer::{Answer, Refusal, created, ok};
use super::super::changes::merging::NotMerged;
use super::super::changes::threads::difference;
use super::super::front::Ask;
use super::super::git::{self, MergeKind};
use super::super::state::{Pull, Repo};
use super::super::world::World;
use super::Of;

pub(crate) fn router() -> Router<Arc<World>> {
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

fn find(repo: &Repo, number: u64) -> Result<&Pull, Refusal> {
    repo.pulls.get(&number).ok_or_else(Refusal::missing)
}

async fn list(ask: Ask) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::PullRequests, Access::Read)?;
    let render = ask.render(&state);
    let wanted = ask.word("state").unwrap_or("open");
    let mut all: Vec<&Pull> = repo.pulls.values().collect();
    all.retain(|pull| wanted == "all" || (wanted == "open") == repo.issues[&pull.number].open);
    if let Some(base) = ask.word("base") {
        all.retain(|pull| pull.base_branch == base);
    }
    if let Some(head) = ask.word("head") {
        all.retain(|pull| format!("{}:{}", pull.head_owner, pull.head_branch) == head);
    }
    if ask.word("sort") == Some("updated") {
        all.sort_by_key(|pull| repo.issues[&pull.number].updated_ms);
    }
    if ask.word("direction") != Some("asc") {
        all.reverse();
    }
    ask.paging().list(all.into_iter().map(|pull| render.simple_pull(repo, pull)).collect())
}

async fn one(ask: Ask, Path((_, _, number)): Of<u64>) -> Answer {
    if ask.wants("vnd.github.diff") || ask.wants("v3.diff") {
        return diff(ask, number).await;
    }
    let state = ask.state();
    let repo = ask.may(&state, Permission::PullRequests, Access::Read)?;
    ok(&ask.render(&state).pull(repo, find(repo, number)?))
}

async fn diff(ask: Ask, number: u64) -> Answer {
    let (git, base, head) = {
        let state = ask.state();
        let repo = ask.may(&state, Permission::PullRequests, Access::Read)?;
        let pull = find(repo, number)?;
        (repo.git.clone(), pull.base_sha.clone(), pull.head_sha.clone())
    };
    let range = format!("{base}...{head}");
    let text = git::diff_range(&git, &range).await.map_err(|_| Refusal::missing())?;
    let kind = [(axum::http::header::CONTENT_TYPE, "application/vnd.github.diff; charset=utf-8")];
    Ok(axum::response::IntoResponse::into_response((kind, text)))
}

async fn files(ask: Ask, Path((_, _, number)): Of<u64>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::PullRequests, Access::Read)?;
    let (render, pull) = (ask.render(&state), find(repo, number)?);
    // GitHub lists no more than three thousand.
    let files = pull.files.iter().take(3_000);
    ask.paging().list(files.map(|file| render.file(repo, &pull.head_sha, file)).collect())
}

async fn commits(ask: Ask, Path((_, _, number)): Of<u64>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::PullRequests, Access::Read)?;
    let (render, pull) = (ask.render(&state), find(repo, number)?);
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
    ask.paging().list(all)
}

async fn change(ask: Ask, Path((_, _, number)): Of<u64>, Json(body): Json<Value>) -> Answer {
    let mut state = ask.state();
    find(ask.may(&state, Permission::PullRequests, Access::Write)?, number)?;
    super::issues::apply(&mut state, ask.repo(), number, &body, &ask.caller.login());
    let repo = ask.may(&state, Permission::PullRequests, Access::Write)?;
    ok(&ask.render(&state).pull(repo, find(repo, number)?))
}

async fn merge(ask: Ask, Path((_, _, number)): Of<u64>, body: Option<Json<Value>>) -> Answer {
    ask.may(&ask.state(), Permission::Contents, Access::Write)?;
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let squash = matches!(body["merge_method"].as_str(), Some("squash" | "rebase"));
    let kind = if squash { MergeKind::Squash } else { MergeKind::Merge };
    let expected = body["sha"].as_str();
    let by = ask.caller.login();
    match ask.world.merge(ask.repo(), number, expected, kind, &by).await {
        Ok(sha) => {
            let message = "Pull Request successfully merged";
            ok(&json!({"sha": sha, "merged": true, "message": message}))
        }
        Err(why) => Err(not_merged(why)),
    }
}

fn not_merged(why: NotMerged) -> Refusal {
    match why {
        NotMerged::Missing => Refusal::missing(),
        NotMerged::HeadMoved => {
            Refusal::new(409, "Head branch was modified. Review and try the merge again.")
        }
        NotMerged::NotMergeable => Refusal::new(405, "Pull Request is not mergeable"),
        NotMerged::Draft => Refusal::new(405, "Pull Request is still a draft"),
        NotMerged::Blocked => Refusal::new(405, "Required status check is expected."),
    }
}

async fn reviewers(ask: Ask, Path((_, _, number)): Of<u64>) -> Answer {
    let state = ask.state();
    let repo = ask.may(&state, Permission::PullRequests, Access::Read)?;
    let render = ask.render(&state);
    let users: Vec<Value> =
        find(repo, number)?.reviewers.iter().map(|it| render.user(it)).collect();
    ok(&json!({"users": users, "teams": []}))
}

async fn ask_reviewers(ask: Ask, Path((_, _, number)): Of<u64>, Json(body): Json<Value>) -> Answer {
    let answer = change_reviewers(&ask, number, |reviewers| {
        for login in super::words(&body["reviewers"]) {
            if !reviewers.contains(&login) {
                reviewers.push(login);
            }
        }
    })?;
    created(&answer)
}

async fn dismiss_reviewers(
    ask: Ask,
    Path((_, _, number)): Of<u64>,
    Json(body): Json<Value>,
) -> Answer {
    let gone = super::words(&body["reviewers"]);
    let answer = change_reviewers(&ask, number, |all| all.retain(|it| !gone.contains(it)))?;
    ok(&answer)
}

fn change_reviewers(
    ask: &Ask,
    number: u64,
    change: impl FnOnce(&mut Vec<String>),
) -> Result<Value, Refusal> {
    let mut state = ask.state();
    let repo = ask.may(&state, Permission::PullRequests, Access::Write)?;
    let before = find(repo, number)?.reviewers.clone();
    let mut after = before.clone();
    change(&mut after);
    if let Some(stranger) = after.iter().find(|login| !state.users.contains_key(*login)) {
        let text = format!("Reviews may only be requested from collaborators: {stranger}");
        return Err(Refusal::new(422, text));
    }
    let found = state.repos.get_mut(&ask.repo()).and_then(|repo| repo.pulls.get_mut(&number));
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
            state.tell_of_pull(ask.repo(), number, action, &ask.caller.login(), more);
        }
    }
    let repo = ask.may(&state, Permission::PullRequests, Access::Write)?;
    Ok(ask.render(&state).simple_pull(repo, find(repo, number)?))
}
