//! Decides if a comment's author may give commands, and which commands count.
//!
//! The comment is fetched again, so that text and author are GitHub's own at this moment and not a
//! webhook's. The person is known by their account id: whoever takes over an abandoned login
//! commands nothing.

use greenline_forge::model::{IssueComment, Permission, UserKind};
use greenline_forge::{CommentId, Forge, ForgeError, PullNumber, RepoName, Timestamp, UserId};
use greenline_queue::{Queue, QueueError};
use greenline_store::cmd;
use serde::{Deserialize, Serialize};

use super::parser::{CommandKind, parse_commands};
use crate::publish::{ActionKind, IdempotencyKey, Identity, OutsideAction};

/// Time for which a handled comment is remembered: GitHub redelivers webhooks for three days.
const KEPT_MS: u64 = 14 * 24 * 3_600 * 1_000;

/// A comment that somebody wrote on a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullComment {
    /// The repository.
    pub repo: RepoName,
    /// The pull request.
    pub pull: PullNumber,
    /// The comment.
    pub comment: CommentId,
    /// The author, if the webhook named one.
    pub by: Option<UserId>,
}

/// A command that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentCommand {
    /// The repository.
    pub repo: RepoName,
    /// The pull request.
    pub pull: PullNumber,
    pub kind: CommandKind,
    /// The login of the person.
    pub by: String,
    /// The comment that asks.
    pub comment: CommentId,
    /// When it was written: what its author had in front of them.
    pub at: Option<Timestamp>,
}

impl CommentCommand {
    /// The same for the same command of the same comment: ids of what follows are made of it.
    #[must_use]
    pub fn key(&self) -> String {
        format!("comment-{}-{}", self.comment, self.kind.as_str())
    }
}

/// The result of reading a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandsFound {
    /// Nothing for us: no command, a bot, edited, gone, or heard before.
    Nothing,
    /// Commands of somebody who may not push here.
    NotAllowed,
    /// Commands that count.
    Commands(Vec<CommentCommand>),
}

/// The reason why a comment could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// GitHub failed.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// Redis failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Hears comments.
pub struct CommandAuthorizer {
    /// Stores which comments were handled.
    pub queue: Queue,
    pub forge: Forge,
    /// Greenline's own account.
    pub identity: Identity,
}

impl CommandAuthorizer {
    /// Hears a comment out. Nothing is remembered yet: see [`CommandAuthorizer::mark_handled`].
    ///
    /// # Errors
    ///
    /// When GitHub or Redis fails: hear it again.
    pub async fn authorize(
        &self,
        comment_ref: &PullComment,
    ) -> Result<CommandsFound, AuthorizeError> {
        let Some(comment) = self.read(comment_ref).await? else {
            return Ok(CommandsFound::Nothing);
        };
        let kinds = parse_commands(&comment.body);
        if kinds.is_empty() || self.was_handled(comment_ref).await? {
            return Ok(CommandsFound::Nothing);
        }
        let may: Permission =
            self.forge.permission_of(&comment_ref.repo, &comment.user.login).await?;
        if !may.can_write() {
            return Ok(CommandsFound::NotAllowed);
        }
        let command = |kind| CommentCommand {
            repo: comment_ref.repo.clone(),
            pull: comment_ref.pull,
            kind,
            by: comment.user.login.clone(),
            comment: comment.id,
            at: comment.created_at,
        };
        Ok(CommandsFound::Commands(kinds.into_iter().map(command).collect()))
    }

    /// The comment as it is now, if it can command anything.
    async fn read(&self, comment_ref: &PullComment) -> Result<Option<IssueComment>, ForgeError> {
        let comment = match self.forge.comment(&comment_ref.repo, comment_ref.comment).await {
            Ok(comment) => comment,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(comment).filter(|comment| may_command(comment, comment_ref.by, &self.identity)))
    }

    /// Remembers that what a comment asked for was taken up, or refused: it is not heard again.
    /// To be called once the plan has written down what follows from it.
    ///
    /// # Errors
    ///
    /// When Redis fails.
    pub async fn mark_handled(&self, comment_ref: &PullComment) -> Result<(), QueueError> {
        let mut call = cmd("SET");
        call.arg(self.key(comment_ref)).arg(1).arg("PX").arg(KEPT_MS);
        self.queue.store().command::<String>(&call).await?;
        Ok(())
    }

    async fn was_handled(&self, comment_ref: &PullComment) -> Result<bool, QueueError> {
        let exists = cmd("EXISTS").arg(self.key(comment_ref)).to_owned();
        Ok(self.queue.store().command::<i64>(&exists).await? == 1)
    }

    fn key(&self, comment_ref: &PullComment) -> String {
        let prefix = self.queue.store().namespace().prefix().to_owned();
        format!(
            "{prefix}agent:lead:handled_comment:{}:{}",
            comment_ref.repo.folded(),
            comment_ref.comment
        )
    }
}

impl PullComment {
    /// The sign that the comment gets: eyes if it is taken up, a confused face if its author may
    /// not ask for it.
    #[must_use]
    pub fn reaction(&self, found: &CommandsFound) -> Option<OutsideAction> {
        let taken = match found {
            CommandsFound::Nothing => return None,
            CommandsFound::NotAllowed => false,
            CommandsFound::Commands(_) => true,
        };
        Some(OutsideAction {
            repo: self.repo.clone(),
            pull: Some(self.pull),
            key: IdempotencyKey::new(&format!("comment-{}", self.comment)),
            kind: ActionKind::React { comment: self.comment, taken },
        })
    }
}

fn may_command(comment: &IssueComment, by: Option<UserId>, us: &Identity) -> bool {
    let person = comment.user.kind == UserKind::User
        && comment.performed_via_github_app.is_none()
        && comment.user.id.is_some()
        && !us.is(&comment.user);
    let same_person = by.is_none_or(|by| comment.user.id == Some(by));
    let edited = comment.updated_at.is_some() && comment.updated_at != comment.created_at;
    person && same_person && !edited
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment(json: &str) -> IssueComment {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn only_people_command_and_only_as_they_wrote_it_first() {
        let us = Identity::named("greenline[bot]");
        let by = Some(UserId(7));
        let ok = r#"{"id":1,"body":"x","user":{"id":7,"login":"ada","type":"User"},
            "created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}"#;
        assert!(may_command(&comment(ok), by, &us));
        assert!(may_command(&comment(ok), None, &us));
        assert!(!may_command(&comment(ok), Some(UserId(8)), &us), "the name changed hands");
        assert!(!may_command(&comment(ok), by, &Identity::named("Ada")), "we ourselves");
        let cases = [
            (r#""type":"User""#, r#""type":"Bot""#),
            (r#""updated_at":"2026-01-01T00:00:00Z""#, r#""updated_at":"2026-01-01T00:05:00Z""#),
            (r#""id":7,"#, ""),
            (r#""body":"x""#, r#""body":"x","performed_via_github_app":{"id":1,"slug":"a"}"#),
        ];
        for (from, to) in cases {
            let changed = ok.replace(from, to);
            assert_ne!(changed, ok);
            assert!(!may_command(&comment(&changed), by, &us), "{changed}");
        }
    }
}
