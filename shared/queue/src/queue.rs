//! The handle on a queue.

use std::sync::Arc;

use greenline_store::Store;

use crate::batching::{BatchTiming, Batcher};
use crate::core::Core;
use crate::producer::{EncodedTask, EnqueueOutcome};
use crate::settle::{Completion, Settlement};
use crate::{QueueError, QueueOptions, Scripts};

/// The task queue: cheap to clone, shared by everything in a process.
///
/// Every call is one transition and one round trip, and may be repeated: the same call again gives
/// the same reply.
#[derive(Clone)]
pub struct Queue {
    core: Arc<Core>,
    pub(crate) enqueues: Arc<Batcher<EncodedTask, EnqueueOutcome>>,
    pub(crate) completions: Arc<Batcher<Completion, Settlement>>,
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
        let enqueues = Batcher::new(crate::producer::MOST_AT_ONCE, BatchTiming::AfterCallers, {
            let core = core.clone();
            move |tasks| crate::producer::insert(core.clone(), tasks)
        });
        // At once: larger batches would fall into step with the worker's claims, and Redis would
        // idle a fifth of the time.
        let completions = Batcher::new(crate::settle::MOST_AT_ONCE, BatchTiming::AtOnce, {
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
