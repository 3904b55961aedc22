//! A commit on a branch, written by GitHub itself: signed, as the app, and only where the branch
//! is still where it was expected. Nothing is cloned, nothing is pushed, nothing is forced.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::About;
use crate::error::{ForgeError, Purpose};
use crate::forge::Forge;
use crate::graphql::{Asking, Said};
use crate::model::or_none;
use crate::names::{RepoName, Sha};

/// A commit as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// Where the branch must be.
    pub expected_head: Sha,
    /// The first line.
    pub headline: String,
    /// The rest.
    pub body: String,
    /// What changes.
    pub edits: Vec<FileEdit>,
}

/// What a commit does with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileEdit {
    /// Its whole content from now on.
    Write {
        /// The file, from the root of the repository.
        path: String,
        /// The content.
        content: Vec<u8>,
    },
    /// It goes.
    Delete {
        /// The file, from the root of the repository.
        path: String,
    },
}

const MUTATION: &str = "mutation($input: CreateCommitOnBranchInput!) { \
    createCommitOnBranch(input: $input) { commit { oid } } }";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
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
    /// Commits on a branch, if it is still where it was expected, and says the commit's name. A
    /// branch that moved is [`ForgeError::HeadMoved`], and nothing was written. Modes of files
    /// stay as they are; new files can be run by nobody.
    ///
    /// GraphQL `createCommitOnBranch`
    pub async fn create_commit_on_branch(
        &self,
        repo: &RepoName,
        commit: &NewCommit,
    ) -> Result<Sha, ForgeError> {
        let purpose: Purpose = format!("commit to {} of {repo}", commit.branch).into();
        let asked = (MUTATION, json!({ "input": input(repo, commit) }));
        let about = About::Repo(repo.clone());
        let said: Said<Made> =
            self.core.graphql(about, Arc::clone(&purpose), Asking::Mutation, asked).await?;
        if said.errors.iter().any(|fault| is_moved(&fault.kind, &fault.message)) {
            let expected = commit.expected_head.clone();
            return Err(ForgeError::HeadMoved { purpose, expected });
        }
        let made = said.clean(&purpose)?.create_commit_on_branch;
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
