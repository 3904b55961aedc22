//! From a failure to the right next step.
//!
//! - [`decide`] is pure: it sees a [`Situation`] and says what to do and why. There is one action,
//!   never two.
//! - What limits it must count is in the [`Ledger`]: tries, tasks and dollars of the day, re-runs.
//!   A decision is noted there before it is carried out, with its story for `greenline why`.
//! - [`task_of`] makes the task, whose id and keys follow from the failure.
//!
//! Nothing here acts outside or enqueues: that is the publisher's and the watcher's.

mod decide;
mod decision;
mod ledger;
mod situation;
mod story;
mod subject;
mod task;

pub use decide::decide;
pub use decision::{Action, Decision, Rerun, Rule, Say, TaskDraft};
pub use ledger::{Ledger, cause};
pub use situation::{Log, OpenTask, Past, PullRequest, RepairOff, Repairs, Situation, superseded};
pub use story::Told;
pub use subject::Subject;
pub use task::{DraftError, id_of, task_of};

#[cfg(test)]
pub(crate) mod tests;
