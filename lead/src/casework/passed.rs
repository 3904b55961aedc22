//! A green check: history learns of it, and what was said of the check is put right.

use super::book::Stage;
use super::trouble::Trouble;
use super::{Casework, place_of};
use crate::failure::PassedCheck;
use crate::history::{Colour, Observation};
use crate::plan::Subject;

impl Casework {
    pub(super) async fn passed(&self, passed: &PassedCheck) -> Result<(), Trouble> {
        if passed.check.is_ours() {
            return Ok(());
        }
        let now = self.clock.wall_ms();
        let known = self.history.observe(&Observation::of_pass(passed, "", now)).await?;
        let was_red = known.attempts.iter().any(|one| one.colour != Colour::Green);
        let subject = self.subject_of(passed, was_red).await?;
        let _turn = match subject == Subject::of_pass(passed) {
            true => None,
            false => Some(self.turn(place_of(&passed.repo, &subject)).await),
        };
        let findings = self.book.read(&passed.repo, &subject).await?;
        let known = findings.into_iter().find(|it| *it.check() == passed.check);
        let Some(mut finding) = known else { return Ok(()) };
        let occasion = format!("{}-green", passed.key());
        if !finding.is_changed_by(&occasion) {
            if finding.stage == Stage::Green || finding.failure.is_newer_than(passed) {
                return Ok(());
            }
            finding.turn_green(&passed.head_sha, &occasion);
            self.book.write(&finding).await?;
        }
        self.tell(&passed.repo, &subject, &occasion).await
    }

    /// Finds the subject of a passed check. Not every webhook names the pull request. A call to
    /// GitHub is worth it only for a commit that was red, because its comment would otherwise stay
    /// red.
    async fn subject_of(&self, passed: &PassedCheck, was_red: bool) -> Result<Subject, Trouble> {
        if passed.pull.is_some() || passed.on_default_branch || !was_red {
            return Ok(Subject::of_pass(passed));
        }
        let pulls = self.forge.pulls_of_commit(&passed.repo, &passed.head_sha).await?;
        let mut heads = pulls.iter().filter(|it| it.is_open() && it.head.sha == passed.head_sha);
        Ok(heads.next().map_or_else(|| Subject::of_pass(passed), |it| Subject::Pull(it.number)))
    }
}
