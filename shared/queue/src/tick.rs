//! What time brings about: leases that ended, retries that are due, approvals
//! that nobody gave, retention, and the walk that mends.

use crate::claim::ms;
use crate::{Queue, QueueError};

/// What one tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tick {
    /// Whether it took effect: at most one a second does, whoever calls.
    pub took_effect: bool,
    /// Tasks taken from workers that had stopped renewing.
    pub reaped: u64,
    /// Tasks whose time had come.
    pub due: u64,
    /// Approvals that had run out.
    pub expired: u64,
    /// Finished tasks forgotten.
    pub trimmed: u64,
    /// Tasks found in no list, and put back.
    pub mended: u64,
}

impl Queue {
    /// Lets time take effect. Every process calls it about once a second.
    ///
    /// An error that names a part of the queue means that somebody broke a key
    /// which that part needs; the other parts were done.
    pub async fn tick(&self) -> Result<Tick, QueueError> {
        self.tick_once(false).await
    }

    /// The same even if another tick was a moment ago.
    pub async fn tick_now(&self) -> Result<Tick, QueueError> {
        self.tick_once(true).await
    }

    async fn tick_once(&self, at_once: bool) -> Result<Tick, QueueError> {
        let core = self.core();
        let options = &core.options;
        let mut call = core.call(&core.scripts.tick, 6, 64);
        call.arg(ms(options.lease)).arg(options.max_crashes).arg(options.keep_count);
        call.arg(ms(options.keep_age)).arg(ms(options.keep_at_least)).arg(u8::from(at_once));
        type Answer = (u8, i64, u64, u64, u64, u64, u64, Vec<Vec<u8>>, Vec<String>);
        let (took_effect, _since, reaped, due, expired, trimmed, mended, adopting, broken): Answer =
            core.run(&core.scripts.tick, &call).await?;
        core.adopt_all(adopting).await?;
        if !broken.is_empty() {
            return Err(QueueError::unreadable("a part of the queue", broken.join("; ")));
        }
        Ok(Tick { took_effect: took_effect == 1, reaped, due, expired, trimmed, mended })
    }
}
