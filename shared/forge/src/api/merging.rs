//! Merges: at once, or when every required check passes.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::CallScope;
use crate::call::ApiCall;
use crate::error::{ForgeError, Purpose};
use crate::forge::Forge;
use crate::graphql::GraphQlOperation;
use crate::model::{MergeMethod, PullRequest, or_none};
use crate::names::{PullNumber, RepoName, Sha};

/// The result of a merge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Merged {
    /// The commit on the base branch.
    #[serde(default, deserialize_with = "or_none")]
    pub sha: Option<Sha>,
}

impl Forge {
    /// Merges a pull request if its head is still `expected`. Returns [`ForgeError::HeadMoved`] if
    /// the head moved, and [`ForgeError::Conflict`] if the pull request can't be merged.
    ///
    /// `PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge`
    pub async fn merge(
        &self,
        repo: &RepoName,
        number: PullNumber,
        expected: &Sha,
        method: MergeMethod,
    ) -> Result<Merged, ForgeError> {
        let purpose: Purpose = format!("merge {repo}#{number}").into();
        let path = format!("/pulls/{number}/merge");
        let mut call = ApiCall::of(Method::PUT, repo, path, std::sync::Arc::clone(&purpose));
        // GitHub refuses a second merge, which would hide the success of the first.
        call.repeatable = false;
        let call = call.with(&json!({ "sha": expected, "merge_method": method }))?;
        match self.core.json(&call).await {
            Err(ForgeError::Conflict { message, .. }) if means_head_moved(&message) => {
                Err(ForgeError::HeadMoved { purpose, expected: expected.clone() })
            }
            other => other,
        }
    }

    /// Lets GitHub merge a pull request as soon as every required check passes, if its head is then
    /// still `expected`.
    ///
    /// GraphQL `enablePullRequestAutoMerge`
    pub async fn enable_auto_merge(
        &self,
        repo: &RepoName,
        pull: &PullRequest,
        expected: &Sha,
        method: MergeMethod,
    ) -> Result<(), ForgeError> {
        const MUTATION: &str = "mutation($pull: ID!, $head: GitObjectID!, $method: \
            PullRequestMergeMethod!) { enablePullRequestAutoMerge(input: {pullRequestId: $pull, \
            expectedHeadOid: $head, mergeMethod: $method}) { clientMutationId } }";
        let purpose: Purpose = format!("let {repo}#{} merge by itself", pull.number).into();
        let method = match method {
            MergeMethod::Merge => "MERGE",
            MergeMethod::Squash => "SQUASH",
            MergeMethod::Rebase => "REBASE",
        };
        let variables = json!({ "pull": pull.node_id, "head": expected, "method": method });
        let about = CallScope::Repo(repo.clone());
        let asked = (MUTATION, variables);
        let received =
            self.core.graphql::<Value>(about, purpose.clone(), GraphQlOperation::Mutation, asked);
        match received.await?.clean(&purpose) {
            Err(ForgeError::Conflict { message, .. }) if means_head_moved(&message) => {
                Err(ForgeError::HeadMoved { purpose, expected: expected.clone() })
            }
            other => other.map(drop),
        }
    }
}

fn means_head_moved(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("head branch was modified") || message.contains("head sha")
}
