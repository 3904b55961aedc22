//! Ticks: expired leases, due retries, unanswered approvals, retention, and the repair scan.

use crate::core::ms;
use crate::{Queue, QueueError};

/// The effects of one tick.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TickReport {
    /// At most one tick a second takes effect.
    pub took_effect: bool,
    /// Tasks taken from workers that stopped renewing.
    pub reaped: u64,
    /// Tasks that became due.
    pub due: u64,
    /// Approvals that expired.
    pub expired: u64,
    /// Finished tasks that were deleted.
    pub trimmed: u64,
    /// Tasks that were in no list, and were restored.
    pub repaired: u64,
}

impl Queue {
    /// Runs a tick. Every process calls it about once a second.
    ///
    /// An error that names a part of the queue means that someone broke a key which that part
    /// needs; the other parts ran.
    pub async fn tick(&self) -> Result<TickReport, QueueError> {
        self.tick_once(false).await
    }

    /// Runs a tick even if another one just ran.
    pub async fn tick_now(&self) -> Result<TickReport, QueueError> {
        self.tick_once(true).await
    }

    async fn tick_once(&self, at_once: bool) -> Result<TickReport, QueueError> {
        let core = self.core();
        let options = &core.options;
        let mut call = core.call(&core.scripts.tick, 6, 64);
        call.arg(ms(options.lease)).arg(options.max_crashes).arg(options.keep_count);
        call.arg(ms(options.keep_age)).arg(ms(options.keep_at_least)).arg(u8::from(at_once));
        type TickReply = (u8, i64, u64, u64, u64, u64, u64, Vec<Vec<u8>>, Vec<String>);
        let (took_effect, _since, reaped, due, expired, trimmed, repaired, adopting, broken): TickReply =
            core.run(&core.scripts.tick, &call).await?;
        core.adopt_all(adopting).await?;
        if !broken.is_empty() {
            return Err(QueueError::unreadable("a part of the queue", broken.join("; ")));
        }
        Ok(TickReport { took_effect: took_effect == 1, reaped, due, expired, trimmed, repaired })
    }
}
