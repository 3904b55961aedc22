//! Entries that were pushed into a list by hand: read once, then stored like any task, or
//! quarantined with the reason.

use serde::{Deserialize, Serialize};

use crate::core::Core;
use crate::{EnqueueOutcome, QueueError, Task, TaskError};

/// An entry in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedEntry {
    /// In ms.
    pub at: i64,
    pub reason: String,
    /// The whole entry; invalid UTF-8 is replaced.
    pub entry: String,
}

impl Core {
    /// Handles the entries of `adopting`. An entry that fails does not affect the others, and stays
    /// for the next tick.
    pub(crate) async fn adopt_all(&self, entries: Vec<Vec<u8>>) -> Result<(), QueueError> {
        let mut first_error = None;
        for entry in entries {
            if let Err(error) = self.adopt_one(&entry).await {
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    async fn adopt_one(&self, entry: &[u8]) -> Result<(), QueueError> {
        let reason = match self.read(entry) {
            Ok(task) => {
                let id = task.id().clone();
                match self.adopt(entry, &self.encode(task, None)).await? {
                    Some(EnqueueOutcome::Refused { why }) => why,
                    Some(outcome) => {
                        tracing::info!(task.id = %id, %outcome, "Took in task {id}, pushed by hand");
                        return Ok(());
                    }
                    None => return Ok(()),
                }
            }
            Err(reason) => reason,
        };
        tracing::warn!(reason, "Put an entry that was pushed by hand into quarantine");
        self.reject(entry, &self.quarantined(entry, reason)).await
    }

    /// Returns the task, or the reason why the entry can't run.
    fn read(&self, entry: &[u8]) -> Result<Task, String> {
        let (bytes, most) = (entry.len(), self.options.payload_most);
        if bytes > most {
            return Err(TaskError::TooLarge { bytes, most }.to_string());
        }
        let text = std::str::from_utf8(entry).map_err(|error| format!("not UTF-8: {error}"))?;
        if !text.starts_with('{') {
            return Err(
                "neither a task as JSON nor a task id (A-Z a-z 0-9 . _ - up to 128)".to_owned()
            );
        }
        let task = Task::from_json(text).map_err(|error| error.to_string())?;
        if self.options.task_keys.refuse_unsigned() {
            return Err("not signed: enqueue it with `greenline queue enqueue`, which signs with \
                        GREENLINE_TASK_KEY"
                .to_owned());
        }
        Ok(task)
    }

    /// Formats an entry of quarantine for Redis.
    pub(crate) fn quarantined(&self, entry: &[u8], reason: String) -> String {
        let entry = String::from_utf8_lossy(entry).into_owned();
        let record = QuarantinedEntry { at: self.now_ms(), reason, entry };
        serde_json::to_string(&record).expect("strings and a number are JSON")
    }
}
