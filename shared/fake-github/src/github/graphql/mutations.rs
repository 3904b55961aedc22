//! The mutations: a commit on a branch, merging when green, comments.

use async_graphql_parser::types::{OperationDefinition, Selection};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::super::access::{AccessLevel, AppPermission};
use super::super::changes::refs::NewPush;
use super::super::git::{GitChange, GitError};
use super::super::middleware::RequestContext;
use super::super::state::AutoMerge;
use super::fill;
use super::nodes::{GraphNode, find_node, payload};

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
type MutationError = (String, String);

fn wrong(kind: &str, message: impl Into<String>) -> MutationError {
    (kind.to_owned(), message.into())
}

/// Does what each field of the root asks for, in order.
pub(crate) async fn carry_out(
    ctx: &RequestContext,
    operation: &OperationDefinition,
    variables: &Map<String, Value>,
) -> Vec<Result<GraphNode, MutationError>> {
    let mut all = Vec::new();
    for selection in &operation.selection_set.node.items {
        let Selection::Field(field) = &selection.node else { continue };
        let input = field.node.get_argument("input").map(|it| fill(&it.node, variables));
        let input = input.unwrap_or_default();
        all.push(match field.node.name.node.as_str() {
            "createCommitOnBranch" => create_commit(ctx, &input).await,
            "enablePullRequestAutoMerge" => auto_merge(ctx, &input, true),
            "disablePullRequestAutoMerge" => auto_merge(ctx, &input, false),
            "markPullRequestReadyForReview" => ready(ctx, &input),
            "addComment" => add_comment(ctx, &input),
            "updateIssueComment" => update_comment(ctx, &input),
            other => {
                let text = format!("Field '{other}' doesn't exist on type 'Mutation'");
                Err(wrong("undefinedField", text))
            }
        });
    }
    all
}

fn may(ctx: &RequestContext, repo: u64, permission: AppPermission) -> Result<(), MutationError> {
    let state = ctx.state();
    let repo = state.repos.get(&repo).filter(|repo| ctx.caller.sees(&state, repo));
    let repo = repo.ok_or_else(|| wrong("NOT_FOUND", "Could not resolve to a node"))?;
    let allowed = ctx.caller.needs(&state, repo, permission, AccessLevel::Write);
    let author = if ctx.caller.app().is_some() { "integration" } else { "personal access token" };
    allowed.map_err(|_| wrong("FORBIDDEN", format!("Resource not accessible by {author}")))
}

/// The repository and branch that an input names, in either way that GitHub takes.
fn branch_of(ctx: &RequestContext, input: &Value) -> Result<(u64, String), MutationError> {
    let branch = &input["branch"];
    let name = branch["branchName"].as_str().unwrap_or_default();
    let name = name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
    let full = branch["repositoryNameWithOwner"].as_str().unwrap_or_default();
    let found = ctx.state().repo_named(full).map(|repo| repo.id);
    let text = format!("Could not resolve to a Repository with the name '{full}'.");
    Ok((found.ok_or_else(|| wrong("NOT_FOUND", text))?, name))
}

async fn create_commit(ctx: &RequestContext, input: &Value) -> Result<GraphNode, MutationError> {
    let (repo, branch) = branch_of(ctx, input)?;
    may(ctx, repo, AppPermission::Contents)?;
    let changes = changes_of(input)?;
    if changes.iter().any(GitChange::is_of_workflow) {
        may(ctx, repo, AppPermission::Workflows)?;
    }
    let expected = input["expectedHeadOid"].as_str().unwrap_or_default();
    let actual = check_branch(ctx, repo, &branch, expected)?;
    let message = &input["message"];
    let headline = message["headline"].as_str().unwrap_or_default();
    let body = message["body"].as_str().filter(|body| !body.is_empty());
    let message = body.map_or(headline.to_owned(), |body| format!("{headline}\n\n{body}"));
    let by = ctx.caller.login();
    let pushing = NewPush {
        repo,
        branch: &branch,
        parent: Some(actual),
        by: &by,
        message: &message,
        changes: &changes,
        force: false,
    };
    // A push that came between is refused by git.
    let made = ctx.server.push(pushing).await;
    let sha = made.map_err(|error| match error {
        GitError::Refused { .. } => moved(&branch, expected),
        other => wrong("UNPROCESSABLE", other.to_string()),
    })?;
    let fields = vec![
        ("commit", Some(GraphNode::Commit(repo, sha))),
        ("ref", Some(GraphNode::Ref(repo, branch))),
    ];
    Ok(payload("CreateCommitOnBranchPayload", fields, input))
}

fn moved(branch: &str, expected: &str) -> MutationError {
    let text = format!(
        "Expected branch to point to \"{expected}\" but it did not. Pull and try again. ({branch})"
    );
    wrong("STALE_DATA", text)
}

/// The branch's head, if it is the expected one and may be written to.
fn check_branch(
    ctx: &RequestContext,
    repo: u64,
    branch: &str,
    expected: &str,
) -> Result<String, MutationError> {
    let state = ctx.state();
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

fn changes_of(input: &Value) -> Result<Vec<GitChange>, MutationError> {
    let list = |name: &str| input["fileChanges"][name].as_array().cloned().unwrap_or_default();
    let mut all = Vec::new();
    for addition in list("additions") {
        let path = addition["path"].as_str().unwrap_or_default().to_owned();
        let encoded = addition["contents"].as_str().unwrap_or_default();
        let text =
            || wrong("UNPROCESSABLE", "A path was requested with contents that are not base64");
        let content = STANDARD.decode(encoded).map_err(|_| text())?;
        all.push(GitChange::Write { path, content, executable: false });
    }
    for deletion in list("deletions") {
        let path = deletion["path"].as_str().unwrap_or_default().to_owned();
        all.push(GitChange::Delete { path });
    }
    Ok(all)
}

/// The pull request or issue that an input names.
fn thread(ctx: &RequestContext, id: &Value) -> Result<(u64, u64), MutationError> {
    let id = id.as_str().unwrap_or_default();
    match find_node(&ctx.state(), id) {
        Some(GraphNode::Pull(repo, number) | GraphNode::Issue(repo, number)) => Ok((repo, number)),
        _ => {
            let text = format!("Could not resolve to a node with the global id of '{id}'");
            Err(wrong("NOT_FOUND", text))
        }
    }
}

fn auto_merge(ctx: &RequestContext, input: &Value, on: bool) -> Result<GraphNode, MutationError> {
    let (repo, number) = thread(ctx, &input["pullRequestId"])?;
    may(ctx, repo, AppPermission::PullRequests)?;
    may(ctx, repo, AppPermission::Contents)?;
    let mut state = ctx.state();
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
    let new = AutoMerge { by: ctx.caller.login(), method, enabled_ms };
    if let Some(pull) = of.pulls.get_mut(&number) {
        pull.auto_merge = on.then_some(new);
    }
    let name =
        if on { "EnablePullRequestAutoMergePayload" } else { "DisablePullRequestAutoMergePayload" };
    Ok(payload(name, vec![("pullRequest", Some(GraphNode::Pull(repo, number)))], input))
}

fn ready(ctx: &RequestContext, input: &Value) -> Result<GraphNode, MutationError> {
    let (repo, number) = thread(ctx, &input["pullRequestId"])?;
    may(ctx, repo, AppPermission::PullRequests)?;
    let mut state = ctx.state();
    let found = state.repos.get_mut(&repo).and_then(|it| it.pulls.get_mut(&number));
    if let Some(pull) = found {
        pull.draft = false;
    }
    state.emit_pull(repo, number, "ready_for_review", &ctx.caller.login(), Value::Null);
    let fields = vec![("pullRequest", Some(GraphNode::Pull(repo, number)))];
    Ok(payload("MarkPullRequestReadyForReviewPayload", fields, input))
}

fn add_comment(ctx: &RequestContext, input: &Value) -> Result<GraphNode, MutationError> {
    let (repo, number) = thread(ctx, &input["subjectId"])?;
    may(ctx, repo, AppPermission::PullRequests)?;
    let text = input["body"].as_str().unwrap_or_default();
    let (by, app) = (ctx.caller.login(), ctx.caller.app());
    ctx.state().add_comment(repo, number, &by, text, app);
    Ok(payload("AddCommentPayload", vec![("subject", Some(GraphNode::Pull(repo, number)))], input))
}

fn update_comment(ctx: &RequestContext, input: &Value) -> Result<GraphNode, MutationError> {
    let id = input["id"].as_str().unwrap_or_default();
    let found = find_node(&ctx.state(), id);
    let Some(GraphNode::Comment(repo, id)) = found else {
        return Err(wrong(
            "NOT_FOUND",
            format!("Could not resolve to a node with the global id of '{id}'"),
        ));
    };
    may(ctx, repo, AppPermission::PullRequests)?;
    let text = input["body"].as_str().unwrap_or_default();
    ctx.state().edit_comment(repo, id, text, &ctx.caller.login());
    let fields = vec![("issueComment", Some(GraphNode::Comment(repo, id)))];
    Ok(payload("UpdateIssueCommentPayload", fields, input))
}
