//! Decides if a write may go to GitHub now: not while halted, and within GitHub's limits.
//!
//! GitHub accepts 80 writes a minute and 500 an hour from one app before it slows it down. The
//! count is in Redis, by Redis's clock, so that a takeover does not restart it.

use std::time::Duration;

use greenline_store::{Script, Store, StoreError};

/// Most writes that GitHub accepts, per window.
const LIMITS: [(u64, Duration); 2] = [(80, Duration::from_mins(1)), (500, Duration::from_hours(1))];

/// The answer to a request to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WritePermit {
    Granted,
    Halted,
    /// Too many writes of late: ask again after this time.
    After(Duration),
}

pub(crate) struct WriteLimit {
    store: Store,
    script: Script,
    clock_shift_ms: i64,
}

impl WriteLimit {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            script: Script::new("limit_writes", include_str!("../lua/limit_writes.lua")),
            clock_shift_ms: 0,
        }
    }

    /// Asks for so many writes. They are counted when it is granted, whether they are done or not.
    pub(crate) async fn take(&self, writes: u64) -> Result<WritePermit, StoreError> {
        let mut call = self.script.call(8, 256);
        let count = format!("{}agent:lead:writes", self.store.namespace().prefix());
        call.arg(super::halt::key(&self.store)).arg(count).arg(writes).arg(self.clock_shift_ms);
        for (size, term) in LIMITS {
            call.arg(size).arg(u64::try_from(term.as_millis()).unwrap_or(u64::MAX));
        }
        Ok(match self.store.run::<i64>(&self.script, &call).await? {
            0 => WritePermit::Granted,
            ..0 => WritePermit::Halted,
            ms => WritePermit::After(Duration::from_millis(ms.unsigned_abs())),
        })
    }
}

#[cfg(test)]
mod tests {
    use greenline_testbed::TestBed;

    use super::super::halt::{Halt, halt, halted, resume};
    use super::*;

    /// More than a minute's bucket and what comes back while it is emptied.
    const MORE_THAN_ANY: u64 = 200;

    /// Asks until it has to wait; how often it need not.
    async fn burst(permits: &WriteLimit) -> (u64, WritePermit) {
        for granted in 0..MORE_THAN_ANY {
            match permits.take(1).await.unwrap() {
                WritePermit::Granted => {}
                other => return (granted, other),
            }
        }
        panic!("{MORE_THAN_ANY} writes in a row are granted: there is no limit")
    }

    #[tokio::test]
    async fn writes_are_counted_over_minutes_hours_and_processes() {
        let bed = TestBed::new().await;
        let mut permits = WriteLimit::new(bed.queue.store().clone());
        let (granted, last) = burst(&permits).await;
        // The bucket fills a little while it is emptied.
        assert!((80..120).contains(&granted), "{granted}");
        assert!(matches!(last, WritePermit::After(wait) if wait <= Duration::from_millis(750)));
        assert!(!matches!(
            WriteLimit::new(bed.queue.store().clone()).take(80).await.unwrap(),
            WritePermit::Granted
        ));

        let mut all = granted;
        for _ in 0..12 {
            permits.clock_shift_ms += 60_000;
            all += burst(&permits).await.0;
        }
        assert!((570..=630).contains(&all), "500, and 100 that came back in 12 minutes: {all}");
        permits.clock_shift_ms += 3_600_000;
        assert!((80..120).contains(&burst(&permits).await.0));
    }

    #[tokio::test]
    async fn no_more_than_a_whole_bucket_is_granted_at_once() {
        let bed = TestBed::new().await;
        let permits = WriteLimit::new(bed.queue.store().clone());
        let [(minute, _), (hour, _)] = LIMITS;
        assert_eq!(permits.take(minute).await.unwrap(), WritePermit::Granted);
        assert!(
            matches!(permits.take(minute).await.unwrap(), WritePermit::After(_)),
            "at once again"
        );
        let _gone: i64 = bed.redis("HDEL agent:lead:writes 60000:left").await;
        let left: String = bed.redis("HGET agent:lead:writes 3600000:left").await;
        assert!(left.parse::<f64>().unwrap() < (hour - minute + 1) as f64, "the hour counts too");
    }

    #[tokio::test]
    async fn a_clock_that_ran_back_gives_and_takes_nothing() {
        let bed = TestBed::new().await;
        let mut permits = WriteLimit::new(bed.queue.store().clone());
        burst(&permits).await;
        permits.clock_shift_ms = -3_600_000;
        assert!(matches!(permits.take(1).await.unwrap(), WritePermit::After(_)));
        permits.clock_shift_ms += 60_000;
        assert_eq!(permits.take(1).await.unwrap(), WritePermit::Granted);
        let stored: String = bed.redis("HGET agent:lead:writes 60000:left").await;
        assert!(stored.parse::<f64>().unwrap() <= 80.0);
    }

    #[tokio::test]
    async fn a_halt_holds_everything_back_until_it_is_taken_back() {
        let bed = TestBed::new().await;
        let store = bed.queue.store();
        let permits = WriteLimit::new(store.clone());
        let by = Halt { by: "ada@laptop".to_owned(), why: "a look first".to_owned(), at: 7 };
        halt(store, &by).await.unwrap();
        assert_eq!(permits.take(1).await.unwrap(), WritePermit::Halted);
        assert_eq!(halted(store).await.unwrap(), Some(by));
        assert!(resume(store).await.unwrap());
        assert!(!resume(store).await.unwrap());
        assert_eq!(permits.take(1).await.unwrap(), WritePermit::Granted);
        let _set: i64 = bed.redis("HSET agent:lead:halt x y").await;
        assert_eq!(permits.take(1).await.unwrap(), WritePermit::Halted);
        assert_eq!(halted(store).await.unwrap().unwrap().by, "someone, by hand");
    }
}
