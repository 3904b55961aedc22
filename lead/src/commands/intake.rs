//! Decides if a comment's author may give commands, and which commands count.
//!
//! The comment is fetched again, so that text and author are GitHub's own at this moment and not a
//! webhook's. The person is known by their account id: whoever takes over an abandoned login
//! commands nothing.

use greenline_forge::model::{Comment, Permission, UserKind};
use greenline_forge::{CommentId, Forge, ForgeError, Moment, PullNumber, RepoName, UserId};
use greenline_queue::{Queue, QueueError};
use greenline_store::cmd;
use serde::{Deserialize, Serialize};

use super::words::{Word, words};
use crate::publish::{Action, Deed, Identity, Occasion};

/// Time for which a handled comment is remembered: GitHub redelivers webhooks for three days.
const KEPT_MS: u64 = 14 * 24 * 3_600 * 1_000;

/// A comment that somebody wrote on a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
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
pub struct Command {
    /// The repository.
    pub repo: RepoName,
    /// The pull request.
    pub pull: PullNumber,
    pub word: Word,
    /// The login of the person.
    pub by: String,
    /// The comment that asks.
    pub comment: CommentId,
    /// When it was written: what its author had in front of them.
    pub at: Option<Moment>,
}

impl Command {
    /// The same for the same command of the same comment: ids of what follows are made of it.
    #[must_use]
    pub fn key(&self) -> String {
        format!("comment-{}-{}", self.comment, self.word.as_str())
    }
}

/// The result of reading a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Nothing for us: no command, a bot, edited, gone, or heard before.
    Nothing,
    /// Commands of somebody who may not push here.
    NotAllowed,
    /// Commands that count.
    Commands(Vec<Command>),
}

/// The reason why a comment could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HearingError {
    /// GitHub failed.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// Redis failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Hears comments.
pub struct Intake {
    /// Stores which comments were handled.
    pub queue: Queue,
    pub forge: Forge,
    /// Greenline's own account.
    pub identity: Identity,
}

impl Intake {
    /// Hears a comment out. Nothing is remembered yet: see [`Intake::obeyed`].
    ///
    /// # Errors
    ///
    /// When GitHub or Redis fails: hear it again.
    pub async fn hear(&self, spoken: &Spoken) -> Result<Heard, HearingError> {
        let Some(comment) = self.read(spoken).await? else { return Ok(Heard::Nothing) };
        let words = words(&comment.body);
        if words.is_empty() || self.was_heard(spoken).await? {
            return Ok(Heard::Nothing);
        }
        let may: Permission = self.forge.permission_of(&spoken.repo, &comment.user.login).await?;
        if !may.can_write() {
            return Ok(Heard::NotAllowed);
        }
        let command = |word| Command {
            repo: spoken.repo.clone(),
            pull: spoken.pull,
            word,
            by: comment.user.login.clone(),
            comment: comment.id,
            at: comment.created_at,
        };
        Ok(Heard::Commands(words.into_iter().map(command).collect()))
    }

    /// The comment as it is now, if it can command anything.
    async fn read(&self, spoken: &Spoken) -> Result<Option<Comment>, ForgeError> {
        let comment = match self.forge.comment(&spoken.repo, spoken.comment).await {
            Ok(comment) => comment,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(comment).filter(|comment| may_command(comment, spoken.by, &self.identity)))
    }

    /// Remembers that what a comment asked for was taken up, or refused: it is not heard again.
    /// To be called once the plan has written down what follows from it.
    ///
    /// # Errors
    ///
    /// When Redis fails.
    pub async fn obeyed(&self, spoken: &Spoken) -> Result<(), QueueError> {
        let mut call = cmd("SET");
        call.arg(self.key(spoken)).arg(1).arg("PX").arg(KEPT_MS);
        self.queue.store().command::<String>(&call).await?;
        Ok(())
    }

    async fn was_heard(&self, spoken: &Spoken) -> Result<bool, QueueError> {
        let exists = cmd("EXISTS").arg(self.key(spoken)).to_owned();
        Ok(self.queue.store().command::<i64>(&exists).await? == 1)
    }

    fn key(&self, spoken: &Spoken) -> String {
        let prefix = self.queue.store().namespace().prefix().to_owned();
        format!("{prefix}agent:lead:heard:{}:{}", spoken.repo.folded(), spoken.comment)
    }
}

impl Spoken {
    /// The sign that the comment gets: eyes if it is taken up, a confused face if its author may
    /// not ask for it.
    #[must_use]
    pub fn sign(&self, heard: &Heard) -> Option<Action> {
        let taken = match heard {
            Heard::Nothing => return None,
            Heard::NotAllowed => false,
            Heard::Commands(_) => true,
        };
        Some(Action {
            repo: self.repo.clone(),
            pull: Some(self.pull),
            occasion: Occasion::new(&format!("comment-{}", self.comment)),
            deed: Deed::React { comment: self.comment, taken },
        })
    }
}

fn may_command(comment: &Comment, by: Option<UserId>, us: &Identity) -> bool {
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

    fn comment(json: &str) -> Comment {
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
