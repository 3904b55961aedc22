//! Handlers: run tasks of one type.

use std::future::Future;
use std::pin::Pin;

use greenline_queue::{NewLogPiece, Queue, Task};

use crate::command::Cancellation;

/// One attempt at a task, passed to the handler of its type.
pub struct Assignment {
    pub task: Task,
    /// The number of the attempt.
    pub attempt: u32,
    /// The number of the claim, which identifies the attempt for good.
    pub fence: u64,
    /// Requests a stop, with the reason. The worker waits for a handler that ignores it.
    pub cancellation: Cancellation,
    /// Receives the task's output.
    pub log: TaskLog,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskOutcome {
    /// Success; the result is JSON.
    Done(String),
    Failed {
        /// The reason, for people.
        error: String,
        /// A retry may help.
        retryable: bool,
        /// The result despite the failure, as JSON.
        result: Option<String>,
    },
    /// Stopped on request, or the worker can't run it now: the task goes back as if it had not
    /// begun.
    HandedBack {
        /// The reason, for people.
        reason: String,
    },
}

impl TaskOutcome {
    /// The task of a worker that stops, or that has lost the task.
    pub(crate) fn stopped() -> Self {
        Self::HandedBack { reason: "the worker stops".to_owned() }
    }
}

/// The future of one attempt.
pub type AttemptFuture<'a> = Pin<Box<dyn Future<Output = TaskOutcome> + Send + 'a>>;

/// Runs the tasks of one type. A panic counts as that task's failure.
pub trait Handler: Send + Sync + 'static {
    /// Runs one attempt.
    fn run(&self, assignment: Assignment) -> AttemptFuture<'_>;
}

/// The task's output stream in Redis, which any process may follow.
#[derive(Clone)]
pub struct TaskLog {
    queue: Queue,
    task: greenline_queue::TaskId,
    attempt: u32,
}

impl TaskLog {
    pub(crate) fn new(queue: Queue, task: greenline_queue::TaskId, attempt: u32) -> Self {
        Self { queue, task, attempt }
    }

    /// Appends pieces: `out`, `err` or `note`, and text of at most
    /// [`greenline_queue::LARGEST_PIECE`] bytes. A log is not guaranteed: while Redis is away,
    /// pieces are lost, and this returns `false`.
    pub async fn write(&self, pieces: Vec<(&'static str, String)>) -> bool {
        let attempt = self.attempt;
        let new = |(stream, text)| NewLogPiece { attempt, stream, text };
        let pieces: Vec<NewLogPiece> = pieces.into_iter().map(new).collect();
        pieces.is_empty() || self.queue.write_log(&self.task, &pieces).await.is_ok()
    }
}

/// Formats an error with all its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
