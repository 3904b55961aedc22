//! The mutations: a commit on a branch, merging when green, comments.

use async_graphql_parser::types::{OperationDefinition, Selection};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::super::access::{Access, Permission};
use super::super::changes::heads::Pushing;
use super::super::front::Ask;
use super::super::git::{Change, GitError};
use super::super::state::AutoMerge;
use super::fill;
use super::nodes::{Node, find_node, payload};

/// The mutations that there are.
pub(crate) const NAMES: [&str; 6] = [
    "addComment",
    "createCommitOnBranch",
    "disablePullRequestAutoMerge",
    "enablePullRequestAutoMerge",
    "updateIssueComment",
    "markPullRequestReadyForReview",
];

/// GitHub's word for what went wrong, and a sentence.
type Wrong = (String, String);

fn wrong(kind: &str, message: impl Into<String>) -> Wrong {
    (kind.to_owned(), message.into())
}

/// Does what each field of the root asks for, in order.
pub(crate) async fn carry_out(
    ask: &Ask,
    operation: &OperationDefinition,
    variables: &Map<String, Value>,
) -> Vec<Result<Node, Wrong>> {
    let mut all = Vec::new();
    for selection in &operation.selection_set.node.items {
        let Selection::Field(field) = &selection.node else { continue };
        let input = field.node.get_argument("input").map(|it| fill(&it.node, variables));
        let input = input.unwrap_or_default();
        all.push(match field.node.name.node.as_str() {
            "createCommitOnBranch" => create_commit(ask, &input).await,
            "enablePullRequestAutoMerge" => auto_merge(ask, &input, true),
            "disablePullRequestAutoMerge" => auto_merge(ask, &input, false),
            "markPullRequestReadyForReview" => ready(ask, &input),
            "addComment" => add_comment(ask, &input),
            "updateIssueComment" => update_comment(ask, &input),
            other => {
                let text = format!("Field '{other}' doesn't exist on type 'Mutation'");
                Err(wrong("undefinedField", text))
            }
        });
    }
    all
}

fn may(ask: &Ask, repo: u64, permission: Permission) -> Result<(), Wrong> {
    let state = ask.state();
    let repo = state.repos.get(&repo).filter(|repo| ask.caller.sees(&state, repo));
    let repo = repo.ok_or_else(|| wrong("NOT_FOUND", "Could not resolve to a node"))?;
    let allowed = ask.caller.needs(&state, repo, permission, Access::Write);
    let who = if ask.caller.app().is_some() { "integration" } else { "personal access token" };
    allowed.map_err(|_| wrong("FORBIDDEN", format!("Resource not accessible by {who}")))
}

/// The repository and branch that an input names, in either way that GitHub takes.
fn branch_of(ask: &Ask, input: &Value) -> Result<(u64, String), Wrong> {
    let branch = &input["branch"];
    let name = branch["branchName"].as_str().unwrap_or_default();
    let name = name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
    let full = branch["repositoryNameWithOwner"].as_str().unwrap_or_default();
    let found = ask.state().repo_named(full).map(|repo| repo.id);
    let text = format!("Could not resolve to a Repository with the name '{full}'.");
    Ok((found.ok_or_else(|| wrong("NOT_FOUND", text))?, name))
}

async fn create_commit(ask: &Ask, input: &Value) -> Result<Node, Wrong> {
    let (repo, branch) = branch_of(ask, input)?;
    may(ask, repo, Permission::Contents)?;
    let changes = changes_of(input)?;
    if changes.iter().any(Change::is_of_workflow) {
        may(ask, repo, Permission::Workflows)?;
    }
    let expected = input["expectedHeadOid"].as_str().unwrap_or_default();
    let actual = check_branch(ask, repo, &branch, expected)?;
    let message = &input["message"];
    let headline = message["headline"].as_str().unwrap_or_default();
    let body = message["body"].as_str().filter(|body| !body.is_empty());
    let message = body.map_or(headline.to_owned(), |body| format!("{headline}\n\n{body}"));
    let by = ask.caller.login();
    let pushing = Pushing {
        repo,
        branch: &branch,
        parent: Some(actual),
        by: &by,
        message: &message,
        changes: &changes,
        force: false,
    };
    // A push that came between is refused by git.
    let made = ask.world.push(pushing).await;
    let sha = made.map_err(|error| match error {
        GitError::Refused { .. } => moved(&branch, expected),
        other => wrong("UNPROCESSABLE", other.to_string()),
    })?;
    let fields =
        vec![("commit", Some(Node::Commit(repo, sha))), ("ref", Some(Node::Ref(repo, branch)))];
    Ok(payload("CreateCommitOnBranchPayload", fields, input))
}

fn moved(branch: &str, expected: &str) -> Wrong {
    let text = format!(
        "Expected branch to point to \"{expected}\" but it did not. Pull and try again. ({branch})"
    );
    wrong("STALE_DATA", text)
}

/// The branch's head, if it is the expected one and may be written to.
fn check_branch(ask: &Ask, repo: u64, branch: &str, expected: &str) -> Result<String, Wrong> {
    let state = ask.state();
    let found = state.repos.get(&repo).and_then(|repo| repo.branches.get(branch));
    let text = format!("Branch '{branch}' not found");
    let found = found.ok_or_else(|| wrong("NOT_FOUND", text))?;
    if found.protection.is_some() {
        let text = "Protected branch rules not configured to allow this push.";
        return Err(wrong("BRANCH_PROTECTION_RULE_VIOLATION", text));
    }
    if found.sha != expected {
        return Err(moved(branch, expected));
    }
    Ok(found.sha.clone())
}

fn changes_of(input: &Value) -> Result<Vec<Change>, Wrong> {
    let list = |name: &str| input["fileChanges"][name].as_array().cloned().unwrap_or_default();
    let mut all = Vec::new();
    for addition in list("additions") {
        let path = addition["path"].as_str().unwrap_or_default().to_owned();
        let encoded = addition["contents"].as_str().unwrap_or_default();
        let text =
            || wrong("UNPROCESSABLE", "A path was requested with contents that are not base64");
        let content = STANDARD.decode(encoded).map_err(|_| text())?;
        all.push(Change::Write { path, content, executable: false });
    }
    for deletion in list("deletions") {
        let path = deletion["path"].as_str().unwrap_or_default().to_owned();
        all.push(Change::Delete { path });
    }
    Ok(all)
}

/// The pull request or issue that an input names.
fn thread(ask: &Ask, id: &Value) -> Result<(u64, u64), Wrong> {
    let id = id.as_str().unwrap_or_default();
    match find_node(&ask.state(), id) {
        Some(Node::Pull(repo, number) | Node::Issue(repo, number)) => Ok((repo, number)),
        _ => {
            let text = format!("Could not resolve to a node with the global id of '{id}'");
            Err(wrong("NOT_FOUND", text))
        }
    }
}

fn auto_merge(ask: &Ask, input: &Value, on: bool) -> Result<Node, Wrong> {
    let (repo, number) = thread(ask, &input["pullRequestId"])?;
    may(ask, repo, Permission::PullRequests)?;
    may(ask, repo, Permission::Contents)?;
    let mut state = ask.state();
    let enabled_ms = state.now_ms();
    let of = state.repos.get_mut(&repo).ok_or_else(|| wrong("NOT_FOUND", "Not Found"))?;
    let pull = of.pulls.get(&number).ok_or_else(|| wrong("NOT_FOUND", "Not Found"))?;
    if on {
        if !of.auto_merge_allowed {
            let text = "Pull request Auto merge is not allowed for this repository";
            return Err(wrong("UNPROCESSABLE", text));
        }
        if input["expectedHeadOid"].as_str().is_some_and(|it| it != pull.head_sha) {
            let text = "Head sha didn't match expected head oid";
            return Err(wrong("UNPROCESSABLE", text));
        }
        if of.missing_checks(pull).is_empty() {
            return Err(wrong("UNPROCESSABLE", "Pull request Pull request is in clean status"));
        }
    }
    let method = input["mergeMethod"].as_str().unwrap_or("MERGE").to_lowercase();
    let new = AutoMerge { by: ask.caller.login(), method, enabled_ms };
    if let Some(pull) = of.pulls.get_mut(&number) {
        pull.auto_merge = on.then_some(new);
    }
    let name =
        if on { "EnablePullRequestAutoMergePayload" } else { "DisablePullRequestAutoMergePayload" };
    Ok(payload(name, vec![("pullRequest", Some(Node::Pull(repo, number)))], input))
}

fn ready(ask: &Ask, input: &Value) -> Result<Node, Wrong> {
    let (repo, number) = thread(ask, &input["pullRequestId"])?;
    may(ask, repo, Permission::PullRequests)?;
    let mut state = ask.state();
    let found = state.repos.get_mut(&repo).and_then(|it| it.pulls.get_mut(&number));
    if let Some(pull) = found {
        pull.draft = false;
    }
    state.tell_of_pull(repo, number, "ready_for_review", &ask.caller.login(), Value::Null);
    let fields = vec![("pullRequest", Some(Node::Pull(repo, number)))];
    Ok(payload("MarkPullRequestReadyForReviewPayload", fields, input))
}

fn add_comment(ask: &Ask, input: &Value) -> Result<Node, Wrong> {
    let (repo, number) = thread(ask, &input["subjectId"])?;
    may(ask, repo, Permission::PullRequests)?;
    let text = input["body"].as_str().unwrap_or_default();
    let (by, app) = (ask.caller.login(), ask.caller.app());
    ask.state().add_comment(repo, number, &by, text, app);
    Ok(payload("AddCommentPayload", vec![("subject", Some(Node::Pull(repo, number)))], input))
}

fn update_comment(ask: &Ask, input: &Value) -> Result<Node, Wrong> {
    let id = input["id"].as_str().unwrap_or_default();
    let found = find_node(&ask.state(), id);
    let Some(Node::Comment(repo, id)) = found else {
        return Err(wrong(
            "NOT_FOUND",
            format!("Could not resolve to a node with the global id of '{id}'"),
        ));
    };
    may(ask, repo, Permission::PullRequests)?;
    let text = input["body"].as_str().unwrap_or_default();
    ask.state().edit_comment(repo, id, text, &ask.caller.login());
    let fields = vec![("issueComment", Some(Node::Comment(repo, id)))];
    Ok(payload("UpdateIssueCommentPayload", fields, input))
}
