//! A green check: history learns of it, and what was said of the check is put right.

use super::error::HandlerError;
use super::open_failures::FailureStage;
use super::{Handlers, subject_key};
use crate::check::PassedCheck;
use crate::history::{CheckColor, Observation};
use crate::plan::Subject;

impl Handlers {
    pub(super) async fn on_check_passed(&self, passed: &PassedCheck) -> Result<(), HandlerError> {
        if passed.check.is_ours() {
            return Ok(());
        }
        let now = self.clock.wall_ms();
        let evidence = self.history.observe(&Observation::of_pass(passed, "", now)).await?;
        let was_red = evidence.attempts.iter().any(|one| one.color != CheckColor::Green);
        let subject = self.subject_of(passed, was_red).await?;
        let _lock = match subject == Subject::of_pass(passed) {
            true => None,
            false => Some(self.lock_subject(subject_key(&passed.repo, &subject)).await),
        };
        let open_failures = self.open_failures.read(&passed.repo, &subject).await?;
        let known = open_failures.into_iter().find(|it| *it.check() == passed.check);
        let Some(mut open_failure) = known else { return Ok(()) };
        let key = format!("{}-green", passed.key());
        if !open_failure.is_changed_by(&key) {
            if open_failure.stage == FailureStage::Green
                || open_failure.failure.is_newer_than(passed)
            {
                return Ok(());
            }
            open_failure.mark_passed(&passed.head_sha, &key);
            self.open_failures.write(&open_failure).await?;
        }
        self.report(&passed.repo, &subject, &key).await
    }

    /// Finds the subject of a passed check. Not every webhook names the pull request. A call to
    /// GitHub is worth it only for a commit that was red, because its comment would otherwise stay
    /// red.
    async fn subject_of(
        &self,
        passed: &PassedCheck,
        was_red: bool,
    ) -> Result<Subject, HandlerError> {
        if passed.pull.is_some() || passed.on_default_branch || !was_red {
            return Ok(Subject::of_pass(passed));
        }
        let pulls = self.forge.pulls_of_commit(&passed.repo, &passed.head_sha).await?;
        let mut heads = pulls.iter().filter(|it| it.is_open() && it.head.sha == passed.head_sha);
        Ok(heads.next().map_or_else(|| Subject::of_pass(passed), |it| Subject::Pull(it.number)))
    }
}
