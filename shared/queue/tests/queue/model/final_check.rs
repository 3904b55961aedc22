//! The end of a seed: everything is brought to rest, and nothing may be left.

use std::time::Duration;

use greenline_queue::{StartReply, TaskStatus};

use super::simulation::{Deed, Simulation};
use crate::oracle::Oracle;

impl Simulation {
    /// Takes every hindrance away, works off what is left, and looks at what
    /// remains.
    pub(super) async fn come_to_rest(&mut self) {
        self.trace.push("come to rest".to_owned());
        for what in ["all", "run_command"] {
            self.queue.resume(&what.parse().unwrap()).await.unwrap();
        }
        self.queue.limit(&"run_command".parse().unwrap(), None).await.unwrap();
        for name in self.specs.keys() {
            self.type_in(&format!("DEL task:{name}:lock")).await;
        }
        self.locked.clear();
        self.check(Deed::Other).await;
        // Later than any time that a producer has named.
        let latest = self.specs.values().filter_map(|spec| spec.not_before).max();
        let wait = latest.map_or(0, |at| at.timestamp_millis() - self.now()).max(0) + 1_000;
        self.shift_ms += wait;
        self.clock.advance(Duration::from_millis(wait.unsigned_abs()));
        self.crews.clear();
        self.hire().await;
        for round in 0.. {
            let mut live = self.rows.clone();
            live.retain(|_, row| !row.is_final());
            let unread = self.pushed.iter().find(|name| !self.rows.contains_key(*name));
            if live.is_empty() && unread.is_none() && round > 0 {
                break;
            }
            self.expect(round < 600, || format!("no rest: {live:?}, {unread:?}"));
            self.rest_a_little().await;
        }
        self.walk().await;
        self.finish().await;
    }

    async fn rest_a_little(&mut self) {
        let asked: Vec<String> = self
            .rows
            .iter()
            .filter(|(_, row)| row.status == "awaiting_approval")
            .map(|(name, _)| name.clone())
            .collect();
        for name in asked {
            self.say_yes_or_no(&name).await;
        }
        self.claim().await;
        while let Some(claim) = self.crews[0].claims.pop() {
            if claim.started || self.start(&claim).await == StartReply::Go {
                self.settle_as(0, &claim).await;
            }
        }
        self.shift_ms += 3_000;
        self.clock.advance(Duration::from_secs(3));
        self.tick().await;
    }

    async fn walk(&mut self) {
        let cursor = format!("{}agent:tasks:tick", self.prefix);
        loop {
            self.tick().await;
            let mut call = greenline_store::cmd("HGET");
            call.arg(&cursor).arg("cursor");
            let at: String = self.queue.store().command(&call).await.unwrap();
            if at == "0" {
                break;
            }
        }
    }

    async fn finish(&mut self) {
        // What was pushed twice, or marked, is still in a list.
        while self.crews[0].manual_worker.try_claim(50, 0).await.unwrap().more {}
        self.tick().await;
        let ended = self.rows.len();
        let stats = self.queue.stats().await.unwrap();
        self.expect(stats.done + stats.dead == ended as u64, || format!("{stats:?}"));
        self.expect(stats.quarantine >= self.bad_pushes as u64, || format!("{stats:?}"));
        let statuses: Vec<TaskStatus> =
            self.rows.values().map(|row| row.status.parse().unwrap()).collect();
        self.expect(statuses.iter().all(|status| status.is_final()), || format!("{statuses:?}"));
        let trace = self.trace.join("\n  ");
        println!("MODEL_SEED={} ended with {ended} tasks after\n  {trace}", self.seed);
        Oracle::of(&self.queue, &self.prefix).assert_all_over(false).await;
    }
}
