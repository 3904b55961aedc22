//! The start of a command: its settings, its output, and a queue on request.

use greenline_queue::Queue;
use greenline_runtime::ProcessRole;
use greenline_runtime::settings::{self, SettingSources, Settings};
use greenline_runtime::{logging, settings::LoadedSettings};
use greenline_store::Store;

use crate::connection;
use crate::error::ExitStatus;
use crate::find_redis;
use crate::global::Global;
use crate::print::Output;

/// The settings and output of a command.
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) out: Output,
}

impl Session {
    /// Reads all settings, for a command that reads or changes something and ends.
    pub(crate) fn client(global: &Global) -> anyhow::Result<Self> {
        let loaded =
            settings::load(&SettingSources::of_process(ProcessRole::Client, global.flags()))?;
        Self::of(global, loaded)
    }

    /// Uses settings that were already read. Prints probable mistakes as warnings.
    pub(crate) fn of(global: &Global, loaded: LoadedSettings) -> anyhow::Result<Self> {
        let out = Output { json: global.json };
        if !loaded.warnings.0.is_empty() {
            out.note(&loaded.warnings);
        }
        logging::init(&loaded.settings.log)?;
        let mut settings = loaded.settings;
        find_redis::add_task_key(&mut settings)?;
        Ok(Self { settings, out })
    }

    /// Runs a client's work.
    pub(crate) fn run(
        self,
        work: impl AsyncFnOnce(Self) -> anyhow::Result<ExitStatus>,
    ) -> anyhow::Result<ExitStatus> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(work(self))
    }

    /// Opens the queue.
    pub(crate) async fn queue(&self) -> anyhow::Result<Queue> {
        let store = Store::connect(find_redis::find(&self.settings.redis)?).await?;
        let options = connection::queue_options(&self.settings.queue);
        Ok(Queue::open(store, options).await?)
    }
}
