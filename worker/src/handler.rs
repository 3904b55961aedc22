//! What runs a task of one type, and what it is given.

use std::future::Future;
use std::pin::Pin;

use greenline_queue::{NewPiece, Queue, Task};

use crate::command::Cancellation;

/// One attempt at a task, handed to the handler of its type.
pub struct Assignment {
    /// What is to be done.
    pub task: Task,
    /// Which attempt this is.
    pub attempt: u32,
    /// The number of the claim: it names the attempt for good.
    pub fence: u64,
    /// Tells when to stop, and why. Whoever does not listen is waited for.
    pub cancellation: Cancellation,
    /// Where its output goes.
    pub log: TaskLog,
}

/// How an attempt came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It succeeded; the result is JSON.
    Done(String),
    /// It did not.
    Failed {
        /// Why, for people.
        error: String,
        /// Whether another try may help.
        retryable: bool,
        /// What it produced all the same, as JSON.
        result: Option<String>,
    },
    /// It was told to stop, and did: the task goes back as if it had not begun.
    HandedBack,
}

/// The future of one attempt.
pub type Attempt<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Runs the tasks of one type. A panic in it is that task's failure.
pub trait Handler: Send + Sync + 'static {
    /// Runs one attempt.
    fn run(&self, assignment: Assignment) -> Attempt<'_>;
}

/// Where a task's output goes: to its stream in Redis, which anyone may follow.
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

    /// Adds pieces: `out`, `err` or `note`, and text of at most
    /// [`greenline_queue::LARGEST_PIECE`] bytes. A log is a help and no promise:
    /// while Redis is away, what would be written is lost, and `false`.
    pub async fn write(&self, pieces: Vec<(&'static str, String)>) -> bool {
        let attempt = self.attempt;
        let new = |(stream, text)| NewPiece { attempt, stream, text };
        let pieces: Vec<NewPiece> = pieces.into_iter().map(new).collect();
        pieces.is_empty() || self.queue.write_log(&self.task, &pieces).await.is_ok()
    }
}

/// An error with all that led to it, in a line.
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
