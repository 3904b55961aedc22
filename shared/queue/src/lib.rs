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
//!   work later ([`QueueError::is_passing`]), and its caller decides.
//!
//! What a worker does with a task is not known here, nor is GitHub.
//!
//! # Example
//!
//! ```no_run
//! use std::collections::BTreeSet;
//! use greenline_queue::{Appetite, Queue, QueueOptions, TaskSpec, WorkerProfile, TaskType};
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
//! let claimed = worker.claim(Appetite { start: 4, prefetch: 0, short: &short, running: 0 }).await?;
//! for claim in &claimed.tasks {
//!     println!("{}", claim.task()?.payload());
//!     queue.complete(&worker.profile().id, claim, "{}".to_owned()).await?;
//! }
//! # Ok(())
//! # }
//! ```

mod approvals;
mod claim;
mod coalesce;
mod control;
mod error;
mod foreign;
mod inspect;
mod leader;
mod log;
mod names;
mod options;
mod producer;
mod queue;
mod route;
mod scripts;
mod settle;
mod signature;
mod stats;
mod task;
mod tick;
mod trust;
mod watch;

pub use approvals::{Answer, Answered, Approval};
pub use claim::{
    Appetite, Beat, Claim, Claimed, Fence, Start, Waiter, Woken, Worker, WorkerProfile,
};
pub use control::{Cancelled, Pausable, Pause, Purged, Retried};
pub use error::QueueError;
pub use foreign::Quarantined;
pub use inspect::{Found, TaskFilter, TaskRecord, TaskStory};
pub use leader::{Begun, Epoch, Intent, Leadership};
pub use log::{LARGEST_PIECE, NewPiece, Piece};
pub use names::{Label, NameError, Priority, SharedKey, Status, TaskId, TaskType, WorkerId};
pub use options::{ClockShift, QueueOptions};
pub use producer::Enqueued;
pub use queue::{Queue, SCHEMA};
pub use route::Route;
pub use scripts::Scripts;
pub use settle::{Failure, Settled};
pub use signature::{NoTaskKey, TaskKeys, TaskPublicKey, TaskSigningKey, Unsigned, content_hash};
pub use stats::{PriorityStats, RouteStats, Stats, WorkerInfo};
pub use task::{LONGEST_TIMEOUT, Task, TaskError, TaskSpec};
pub use tick::Tick;
pub use watch::{Channel, Event, Events};
