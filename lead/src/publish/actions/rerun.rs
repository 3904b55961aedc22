//! Failed jobs run again, at most once for each attempt: a run that has a later attempt was run
//! again, by us or by somebody else.

use greenline_forge::RunId;
use greenline_forge::model::Progress;

use super::super::outcome::{ActionOutcome, Deferred};
use super::{ActionContext, ActionError};

impl ActionContext<'_> {
    pub(super) async fn rerun(
        &self,
        id: RunId,
        attempt: u64,
    ) -> Result<ActionOutcome, ActionError> {
        let run = self.forge.run(&self.action.repo, id).await?;
        if run.run_attempt > attempt {
            return Ok(ActionOutcome::already_there(format!(
                "run {id} is at attempt {}",
                run.run_attempt
            )));
        }
        if run.status != Progress::Completed {
            // GitHub runs nothing again before the whole run has ended.
            return Err(ActionError::Deferred(Deferred::NotYet(format!("run {id} has not ended"))));
        }
        self.permit(1).await?;
        self.forge.rerun_failed_jobs(&self.action.repo, id).await?;
        Ok(ActionOutcome::done(format!("run {id}, attempt {}", attempt + 1)))
    }
}
