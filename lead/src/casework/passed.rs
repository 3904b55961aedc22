//! A green check: history learns of it, and what was said of the check is put right.

use super::Casework;
use super::book::Stage;
use super::trouble::Trouble;
use crate::failure::PassedCheck;
use crate::history::Observation;
use crate::plan::Subject;

impl Casework {
    pub(super) async fn passed(&self, passed: &PassedCheck) -> Result<(), Trouble> {
        if passed.check.is_ours() {
            return Ok(());
        }
        let now = self.clock.wall_ms();
        self.history.observe(&Observation::of_pass(passed, "", now)).await?;
        let subject = Subject::of_pass(passed);
        let findings = self.book.read(&passed.repo, &subject).await?;
        let red = |stage| stage != Stage::Green;
        let known = findings.into_iter().find(|it| *it.check() == passed.check && red(it.stage));
        let Some(mut finding) = known else { return Ok(()) };
        if finding.failure.completed_at > passed.completed_at {
            return Ok(());
        }
        finding.turn_green(&passed.head_sha);
        self.book.write(&finding).await?;
        self.tell(&passed.repo, &subject, &format!("{}-green", passed.key())).await
    }
}
