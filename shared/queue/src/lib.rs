//! The task queue: the only code that knows how tasks live in Redis.
//!
//! A task is *pending* until a worker *claims* it. A claim is a lease with a
//! *fence*, a number that only grows: it runs out unless the worker renews it.
//! A task's attempt ends when its holder *settles* it.
//!
//! - At-least-once execution, exactly one accepted settlement per attempt, no
//!   task lost, as long as Redis keeps what it acknowledged.
//! - A worker that lost its lease can change nothing: its fence is stale.
//! - Each change is one Lua script and one round trip. Repeating a call whose
//!   answer was lost gives the same answer.
//! - Nothing here retries or sleeps: an error says whether the same call may
//!   work later ([`QueueError::is_transient`]), and its caller decides.
//!
//! What a worker does with a task is not known here, nor is GitHub.
//!
//! # Example
//!
//! ```no_run
//! use std::collections::BTreeSet;
//! use greenline_queue::{ClaimRequest, Queue, QueueOptions, TaskSpec, WorkerProfile, TaskType};
//! use greenline_store::{Store, StoreConfig};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::connect(StoreConfig::at("redis://localhost")).await?;
//! let queue = Queue::open(store, QueueOptions::default()).await?;
//! queue.enqueue(TaskSpec::command("greet-1".parse()?, ["echo hello"]).build()?).await?;
//!
//! let mut worker = queue.worker(WorkerProfile {
//!     id: "worker-1".parse()?,
//!     types: BTreeSet::from([TaskType::run_command()]),
//!     labels: BTreeSet::new(),
//!     slots: 4,
//!     host: "laptop".to_owned(),
//!     version: "1.0".to_owned(),
//! });
//! let short = BTreeSet::new();
//! let claimed = worker.claim(ClaimRequest { start: 4, prefetch: 0, short: &short, running: 0 }).await?;
//! for claim in &claimed.tasks {
//!     println!("{}", claim.task()?.payload());
//!     queue.complete(&worker.profile().id, claim, "{}".to_owned()).await?;
//! }
//! # Ok(())
//! # }
//! ```

mod adopt;
mod approvals;
mod batching;
mod claim;
mod control;
mod core;
mod error;
mod inspect;
mod leader;
mod log;
mod names;
mod options;
mod payload_check;
mod producer;
mod queue;
mod route;
mod scripts;
mod settle;
mod signature;
mod stats;
mod task;
mod tick;
mod watch;

pub use crate::core::SCHEMA;
pub use adopt::QuarantinedEntry;
pub use approvals::{Approval, ApprovalDecision, ApprovalOutcome};
pub use claim::{
    Claim, ClaimRequest, ClaimedTasks, Fence, HeartbeatReply, StartReply, Waiter, WakeReason,
    Worker, WorkerProfile,
};
pub use control::{CancelOutcome, PauseRecord, PauseTarget, PurgeOutcome, RetryOutcome};
pub use error::QueueError;
pub use inspect::{TaskDetails, TaskFilter, TaskLookup, TaskRecord};
pub use leader::{Epoch, Intent, IntentState, Leadership};
pub use log::{LARGEST_PIECE, LogPiece, NewLogPiece};
pub use names::{Label, NameError, Priority, SharedKey, TaskId, TaskStatus, TaskType, WorkerId};
pub use options::{ClockShift, QueueOptions};
pub use producer::EnqueueOutcome;
pub use queue::Queue;
pub use route::Route;
pub use scripts::Scripts;
pub use settle::{Settlement, TaskFailure};
pub use signature::{NoTaskKey, TaskKeys, TaskPublicKey, TaskSigningKey, Unsigned, content_hash};
pub use stats::{PriorityStats, QueueStats, RouteStats, WorkerInfo};
pub use task::{LONGEST_TIMEOUT, Task, TaskError, TaskSpec};
pub use tick::TickReport;
pub use watch::{QueueChannel, QueueEvent, QueueEvents};
