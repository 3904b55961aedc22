//! What every call of the queue shares: the store, the scripts, the options, the prefix of all keys.

use std::time::Duration;

use greenline_store::{Cmd, FromRedisValue, Script, Store, StoreError, cmd};

use crate::{QueueError, QueueOptions, Scripts};

/// The version of all keys and scripts; `agent:schema` holds it.
pub const SCHEMA: u32 = 1;

/// The parts that every call needs.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) scripts: Scripts,
    pub(crate) options: QueueOptions,
    pub(crate) prefix: String,
}

impl Core {
    /// Returns a key of the queue: `name` with `agent:` and the namespace before it.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Returns a key of a task.
    pub(crate) fn task_key(&self, id: &str) -> String {
        format!("{}task:{id}", self.prefix)
    }

    /// Begins a script call with the arguments that all scripts share.
    pub(crate) fn call(&self, script: &Script, arguments: usize, bytes: usize) -> Cmd {
        let mut call = script.call(arguments + 2, bytes + self.prefix.len() + 8);
        call.arg(&self.prefix).arg(self.options.clock.ms());
        call
    }

    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        call: &Cmd,
    ) -> Result<T, QueueError> {
        let answer = self.store.run(script, call).await;
        answer.map_err(|error| {
            tracing::debug!(script = script.name(), %error, "A queue script failed");
            QueueError::from(error)
        })
    }

    /// Marks a new database with this schema; refuses a newer schema.
    pub(crate) async fn agree_on_schema(&self) -> Result<(), QueueError> {
        let key = self.key("schema");
        let found: Option<String> = self.store.command(cmd("GET").arg(&key)).await?;
        let Some(found) = found else {
            let set: Result<Option<String>, StoreError> =
                self.store.command(cmd("SET").arg(&key).arg(SCHEMA).arg("NX")).await;
            return match set {
                // A worker may not mark a database: the first lead or person does.
                Ok(_) | Err(StoreError::Denied(_)) => {
                    tracing::debug!("The database had no schema");
                    Ok(())
                }
                Err(error) => Err(error.into()),
            };
        };
        match found.parse::<u32>() {
            Ok(schema) if schema > SCHEMA => {
                Err(QueueError::NewerSchema { found: schema, known: SCHEMA })
            }
            Ok(_) => Ok(()),
            Err(_) => Err(QueueError::unreadable(key, format!("{found:?} is no schema"))),
        }
    }
}

pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
