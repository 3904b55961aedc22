//! What has to be true when all is over: every task has ended in one state,
//! each attempt has at most one accepted settlement, nothing is left over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use greenline_queue::Queue;
use greenline_store::{FromRedisValue, cmd};
use serde_json::Value;

/// What may stay when all tasks have ended: besides their own keys, what tells
/// of them, and what was set up.
const MAY_STAY: [&str; 9] =
    ["done", "dead", "outbox", "events", "tick", "routes", "limits", "quarantine", "alone"];

/// A look at everything that a queue keeps.
pub(crate) struct Oracle<'a> {
    queue: &'a Queue,
    prefix: String,
}

impl<'a> Oracle<'a> {
    /// Of the queue whose keys begin with `prefix` and `agent:`.
    pub(crate) fn of(queue: &'a Queue, prefix: &str) -> Self {
        Self { queue, prefix: format!("{prefix}agent:") }
    }

    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        command: &str,
        key: &str,
        rest: &[&str],
    ) -> T {
        let mut call = cmd(command);
        call.arg(format!("{}{key}", self.prefix)).arg(rest);
        self.queue.store().command(&call).await.unwrap()
    }

    /// All keys, without what goes before them.
    pub(crate) async fn keys(&self) -> BTreeSet<String> {
        let mut call = cmd("KEYS");
        call.arg(format!("{}*", self.prefix));
        let keys: Vec<String> = self.queue.store().command(&call).await.unwrap();
        keys.into_iter().map(|key| key[self.prefix.len()..].to_owned()).collect()
    }

    /// The statuses of all tasks that there are.
    pub(crate) async fn statuses(&self) -> BTreeMap<String, String> {
        let mut statuses = BTreeMap::new();
        for key in self.keys().await {
            if let Some(id) = key.strip_prefix("task:").filter(|id| !id.contains(':')) {
                let status: Option<String> = self.ask("HGET", &key, &["status"]).await;
                statuses.insert(id.to_owned(), status.unwrap_or_default());
            }
        }
        statuses
    }

    /// Panics unless everything has ended as it should. `locks` says whether
    /// a lock may be left, to expire by itself.
    pub(crate) async fn assert_all_over(&self, locks: bool) {
        let statuses = self.statuses().await;
        for key in self.keys().await {
            if let Some(rest) = key.strip_prefix("tasks:") {
                let stays = MAY_STAY.contains(&rest)
                    || rest.starts_with("wake")
                    || rest.starts_with("rate:");
                assert!(stays, "{key} is left over");
            } else if let Some((id, rest)) =
                key.strip_prefix("task:").and_then(|name| name.split_once(':'))
            {
                assert!(statuses.contains_key(id), "{key} is left of a task that is gone");
                assert!(locks || rest != "lock", "{key} is left over");
            }
        }
        let done: HashMap<String, f64> =
            self.ask("ZRANGE", "tasks:done", &["0", "-1", "WITHSCORES"]).await;
        let dead: HashMap<String, f64> =
            self.ask("ZRANGE", "tasks:dead", &["0", "-1", "WITHSCORES"]).await;
        for (id, status) in &statuses {
            let listed = (done.contains_key(id), dead.contains_key(id));
            let right = match status.as_str() {
                "success" | "cancelled" => (true, false),
                "failed" => (false, true),
                _ => panic!("task {id} has not ended: {status}"),
            };
            assert_eq!(listed, right, "task {id} is {status}, and listed in (done, dead)");
            self.assert_settled_once(id).await;
        }
        assert_eq!(done.len() + dead.len(), statuses.len(), "an index names tasks that are gone");
    }

    /// Each claim has at most one record of how it ended.
    async fn assert_settled_once(&self, id: &str) {
        let records: Vec<String> =
            self.ask("LRANGE", &format!("task:{id}:attempts"), &["0", "-1"]).await;
        let mut fences = BTreeSet::new();
        let mut last_attempt = 0;
        for record in &records {
            let record: Value = serde_json::from_str(record).unwrap();
            let fence = record["fence"].as_u64().unwrap();
            assert!(fences.insert(fence), "two ends of one claim of {id}: {records:?}");
            let attempt = record["attempt"].as_u64().unwrap();
            assert!(attempt > last_attempt, "attempts of {id} out of order: {records:?}");
            last_attempt = attempt;
        }
    }
}
