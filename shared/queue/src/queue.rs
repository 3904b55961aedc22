//! The handle on a queue.

use std::sync::Arc;

use greenline_store::{Cmd, FromRedisValue, Script, Store, StoreError, cmd};

use crate::coalesce::{Coalescer, Next};
use crate::producer::{Enqueued, Filing};
use crate::settle::{Completion, Settled};
use crate::{QueueError, QueueOptions, Scripts};

/// The version of all keys and scripts; `agent:schema` holds it.
pub const SCHEMA: u32 = 1;

/// The task queue: cheap to clone, shared by everything in a process.
///
/// Every call is one transition and one round trip, and may be repeated: the same call again gives
/// the same reply.
#[derive(Clone)]
pub struct Queue {
    core: Arc<Core>,
    pub(crate) enqueues: Arc<Coalescer<Filing, Enqueued>>,
    pub(crate) completions: Arc<Coalescer<Completion, Settled>>,
}

/// The parts that every call needs.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) scripts: Scripts,
    pub(crate) options: QueueOptions,
    prefix: String,
}

impl Queue {
    /// Opens the queue in a store. Must be called within a Tokio runtime.
    ///
    /// Refuses a database that a newer Greenline has written.
    pub async fn open(store: Store, options: QueueOptions) -> Result<Self, QueueError> {
        Self::open_with(store, options, Scripts::default()).await
    }

    /// Opens the queue with other scripts, such as deliberately broken ones.
    pub async fn open_with(
        store: Store,
        options: QueueOptions,
        scripts: Scripts,
    ) -> Result<Self, QueueError> {
        let prefix = format!("{}agent:", store.namespace().prefix());
        let core = Arc::new(Core { store, scripts, options, prefix });
        core.agree_on_schema().await?;
        let enqueues = Coalescer::new(crate::producer::MOST_AT_ONCE, Next::AfterCallers, {
            let core = core.clone();
            move |filings| crate::producer::file(core.clone(), filings)
        });
        // At once: larger batches would fall into step with the worker's claims, and Redis would
        // idle a fifth of the time.
        let completions = Coalescer::new(crate::settle::MOST_AT_ONCE, Next::AtOnce, {
            let core = core.clone();
            move |completions| crate::settle::complete(core.clone(), completions)
        });
        Ok(Self { core, enqueues: Arc::new(enqueues), completions: Arc::new(completions) })
    }

    #[must_use]
    pub fn options(&self) -> &QueueOptions {
        &self.core.options
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.core.store
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }
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
    async fn agree_on_schema(&self) -> Result<(), QueueError> {
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
