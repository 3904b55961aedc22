//! Actions that notify people without text: labels, review requests, reactions.
//!
//! GitHub accepts each of them twice without a second effect.

use greenline_forge::CommentId;
use greenline_forge::model::Reaction;

use super::super::outcome::ActionOutcome;
use super::{ActionContext, ActionError};

impl ActionContext<'_> {
    pub(super) async fn label(
        &self,
        add: &[String],
        remove: &[String],
    ) -> Result<ActionOutcome, ActionError> {
        let (repo, pull) = (&self.action.repo, self.pull()?);
        let there = self.forge.labels(repo, pull).await?;
        let has = |name: &&String| there.iter().any(|label| label.eq_ignore_ascii_case(name));
        let missing: Vec<&str> = add.iter().filter(|name| !has(name)).map(String::as_str).collect();
        let surplus: Vec<&String> = remove.iter().filter(has).collect();
        if missing.is_empty() && surplus.is_empty() {
            return Ok(ActionOutcome::already_there("labels"));
        }
        self.permit(surplus.len() as u64 + u64::from(!missing.is_empty())).await?;
        if !missing.is_empty() {
            self.forge.add_labels(repo, pull, &missing).await?;
        }
        for label in surplus {
            self.forge.remove_label(repo, pull, label).await?;
        }
        Ok(ActionOutcome::done("labels"))
    }

    pub(super) async fn request_review(
        &self,
        logins: &[String],
    ) -> Result<ActionOutcome, ActionError> {
        let pull = self.pull()?;
        let logins: Vec<&str> = logins.iter().map(String::as_str).collect();
        self.permit(1).await?;
        self.forge.request_reviewers(&self.action.repo, pull, &logins).await?;
        Ok(ActionOutcome::done(logins.join(", ")))
    }

    pub(super) async fn react(
        &self,
        comment: CommentId,
        taken: bool,
    ) -> Result<ActionOutcome, ActionError> {
        let reaction = if taken { Reaction::Eyes } else { Reaction::Confused };
        self.permit(1).await?;
        self.forge.react(&self.action.repo, comment, reaction).await?;
        Ok(ActionOutcome::done(format!("comment {comment}")))
    }
}
