//! From a failure to the right next step.
//!
//! - [`decide`] is pure: it sees a [`Situation`] and says what to do and why. There is one action,
//!   never two.
//! - What limits it must count is in the [`PlanStore`]: tries, tasks and dollars of the day, re-runs.
//!   A decision is noted there before it is carried out, with its story for `greenline why`.
//! - [`task_of`] makes the task, whose id and keys follow from the failure.
//!
//! Nothing here acts outside or enqueues: that is the publisher's and the watcher's.

mod decide;
mod decision;
mod decision_record;
mod situation;
mod store;
mod subject;
mod task;

pub use decide::decide;
pub use decision::{Decision, DecisionRule, NextStep, Reporting, RerunRequest, TaskDraft};
pub use decision_record::DecisionRecord;
pub use situation::{
    LimitUsage, LogState, OpenTask, PullDetails, RepairOff, Repairs, Situation, superseded,
};
pub use store::PlanStore;
pub use subject::{Subject, cause};
pub use task::{DraftError, id_of, task_of};

#[cfg(test)]
pub(crate) mod tests;
