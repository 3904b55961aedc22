//! Commits that GitHub itself writes on a branch: signed as the app, and only if the branch is
//! still at the expected commit. Nothing is cloned, pushed or forced.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::CallScope;
use crate::error::{ForgeError, Purpose};
use crate::forge::Forge;
use crate::graphql::{GraphQlOperation, GraphQlResponse};
use crate::model::or_none;
use crate::names::{RepoName, Sha};

/// The content of a commit to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// Without `refs/heads/`.
    pub branch: String,
    /// The commit that the branch must be at.
    pub expected_head: Sha,
    pub headline: String,
    pub body: String,
    pub edits: Vec<FileEdit>,
}

/// A change to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileEdit {
    /// Creates or replaces the file.
    Write {
        /// From the root of the repository.
        path: String,
        content: Vec<u8>,
    },
    /// Deletes the file.
    Delete {
        /// From the root of the repository.
        path: String,
    },
}

const MUTATION: &str = "mutation($input: CreateCommitOnBranchInput!) { \
    createCommitOnBranch(input: $input) { commit { oid } } }";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommitCreated {
    #[serde(default, deserialize_with = "or_none")]
    create_commit_on_branch: Option<MadeCommit>,
}

#[derive(Deserialize)]
struct MadeCommit {
    commit: Oid,
}

#[derive(Deserialize)]
struct Oid {
    oid: Sha,
}

impl Forge {
    /// Commits to a branch if it is still at the expected commit, and returns the new commit. A
    /// branch that moved is [`ForgeError::HeadMoved`], and nothing was written. File modes stay
    /// unchanged; new files are not executable.
    ///
    /// GraphQL `createCommitOnBranch`
    pub async fn create_commit_on_branch(
        &self,
        repo: &RepoName,
        commit: &NewCommit,
    ) -> Result<Sha, ForgeError> {
        let purpose: Purpose = format!("commit to {} of {repo}", commit.branch).into();
        let asked = (MUTATION, json!({ "input": input(repo, commit) }));
        let about = CallScope::Repo(repo.clone());
        let received: GraphQlResponse<CommitCreated> = self
            .core
            .graphql(about, Arc::clone(&purpose), GraphQlOperation::Mutation, asked)
            .await?;
        if received.errors.iter().any(|fault| is_moved(&fault.kind, &fault.message)) {
            let expected = commit.expected_head.clone();
            return Err(ForgeError::HeadMoved { purpose, expected });
        }
        let made = received.clean(&purpose)?.create_commit_on_branch;
        made.map(|made| made.commit.oid).ok_or_else(|| {
            let why = "createCommitOnBranch says no commit".to_owned();
            ForgeError::Unreadable { purpose, why }
        })
    }
}

fn is_moved(kind: &str, message: &str) -> bool {
    kind == "STALE_DATA" || message.starts_with("Expected branch to point to")
}

fn input(repo: &RepoName, commit: &NewCommit) -> Value {
    let (mut additions, mut deletions) = (Vec::new(), Vec::new());
    for edit in &commit.edits {
        match edit {
            FileEdit::Write { path, content } => {
                let contents = BASE64_STANDARD.encode(content);
                additions.push(json!({ "path": path, "contents": contents }));
            }
            FileEdit::Delete { path } => deletions.push(json!({ "path": path })),
        }
    }
    json!({
        "branch": { "repositoryNameWithOwner": repo, "branchName": commit.branch },
        "expectedHeadOid": commit.expected_head,
        "message": { "headline": commit.headline, "body": commit.body },
        "fileChanges": { "additions": additions, "deletions": deletions },
    })
}
