//! The one comment on a pull request, found by its hidden mark and edited.
//!
//! Its id is remembered; without one, the comments are read, and the oldest of ours with the mark
//! is it. One that somebody deleted is made anew once; deleted again, it stays away.

use greenline_forge::model::Comment;
use greenline_queue::content_hash;

use super::super::memory::Remembered;
use super::super::outcome::{Outcome, Refusal};
use super::super::page::Page;
use super::{Doing, Stop, if_there, refused};

/// Most times the comment is created.
const MOST_MADE: u64 = 2;

impl Doing<'_> {
    pub(super) async fn comment(&self, page: &Page) -> Result<Outcome, Stop> {
        let pull = self.pull()?;
        let body = page.markdown(&Page::mark(pull));
        let mut known = Remembered::read(self.queue, &self.action.repo, pull).await?;
        known.hash = content_hash(body.as_bytes());
        if let Some(comment) = self.find(&mut known).await? {
            known.made = known.made.max(1);
            let same = comment.body == body;
            if !same {
                self.permit(1).await?;
                self.forge.update_comment(&self.action.repo, comment.id, &body).await?;
            }
            known.write(self.queue, &self.action.repo, pull, Some(page)).await?;
            let what = format!("comment {}", comment.id);
            return Ok(if same { Outcome::found(what) } else { Outcome::done(what) });
        }
        if known.made >= MOST_MADE {
            return Err(refused(Refusal::Unwelcome, "the comment was deleted twice"));
        }
        self.permit(1).await?;
        let made = self.forge.create_comment(&self.action.repo, pull, &body).await?;
        known.id = Some(made.id);
        known.made += 1;
        known.write(self.queue, &self.action.repo, pull, Some(page)).await?;
        Ok(Outcome::done(format!("comment {}", made.id)))
    }

    /// The comment as it is now, if it is there.
    async fn find(&self, known: &mut Remembered) -> Result<Option<Comment>, Stop> {
        let repo = &self.action.repo;
        if let Some(id) = known.id.take() {
            let found = if_there(self.forge.comment(repo, id).await)?;
            if let Some(comment) = found {
                known.id = Some(id);
                return Ok(Some(comment));
            }
        }
        let pull = self.pull()?;
        let ours = |comment: &Comment| self.identity.wrote(comment);
        let found = self.forge.comment_marked(repo, pull, &Page::mark(pull), ours).await?;
        known.id = found.as_ref().map(|comment| comment.id);
        Ok(found)
    }
}
