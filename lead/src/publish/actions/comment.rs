//! The one comment on a pull request, found by its hidden mark and edited.
//!
//! Its id is remembered; without one, the comments are read, and the oldest of ours with the mark
//! is it. One that somebody deleted is made anew once; deleted again, it stays away.

use greenline_forge::model::IssueComment;
use greenline_queue::content_hash;

use super::super::comment_body::CommentBody;
use super::super::comment_cache::CachedComment;
use super::super::outcome::{ActionOutcome, RefusalReason};
use super::{ActionContext, ActionError, if_there, refused};

/// Most times the comment is created.
const MOST_CREATED: u64 = 2;

impl ActionContext<'_> {
    pub(super) async fn comment(&self, body: &CommentBody) -> Result<ActionOutcome, ActionError> {
        let pull = self.pull()?;
        let text = body.markdown(&CommentBody::marker(pull));
        let mut known = CachedComment::read(self.queue, &self.action.repo, pull).await?;
        known.hash = content_hash(text.as_bytes());
        if let Some(comment) = self.find(&mut known).await? {
            known.times_created = known.times_created.max(1);
            let same = comment.body == text;
            if !same {
                self.permit(1).await?;
                self.forge.update_comment(&self.action.repo, comment.id, &text).await?;
            }
            known.write(self.queue, &self.action.repo, pull, Some(body)).await?;
            let what = format!("comment {}", comment.id);
            return Ok(if same {
                ActionOutcome::already_there(what)
            } else {
                ActionOutcome::done(what)
            });
        }
        if known.times_created >= MOST_CREATED {
            return Err(refused(RefusalReason::Unwelcome, "the comment was deleted twice"));
        }
        self.permit(1).await?;
        let made = self.forge.create_comment(&self.action.repo, pull, &text).await?;
        known.id = Some(made.id);
        known.times_created += 1;
        known.write(self.queue, &self.action.repo, pull, Some(body)).await?;
        Ok(ActionOutcome::done(format!("comment {}", made.id)))
    }

    /// The comment as it is now, if it is there.
    async fn find(&self, known: &mut CachedComment) -> Result<Option<IssueComment>, ActionError> {
        let repo = &self.action.repo;
        if let Some(id) = known.id.take() {
            let found = if_there(self.forge.comment(repo, id).await)?;
            if let Some(comment) = found {
                known.id = Some(id);
                return Ok(Some(comment));
            }
        }
        let pull = self.pull()?;
        let ours = |comment: &IssueComment| self.identity.wrote(comment);
        let found = self.forge.comment_marked(repo, pull, &CommentBody::marker(pull), ours).await?;
        known.id = found.as_ref().map(|comment| comment.id);
        Ok(found)
    }
}
