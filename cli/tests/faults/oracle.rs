//! What has to be true in Redis when a story is over, whatever went wrong in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use greenline_testbed::TestBed;
use serde_json::Value;

/// What may stay when all tasks have ended, besides the tasks themselves: what tells of them.
const MAY_STAY: [&str; 8] =
    ["done", "dead", "outbox", "events", "tick", "routes", "quarantine", "alone"];

/// A look at everything in one Redis.
pub(crate) struct Oracle<'a> {
    bed: &'a TestBed,
}

impl<'a> Oracle<'a> {
    pub(crate) fn of(bed: &'a TestBed) -> Self {
        Self { bed }
    }

    /// Every task has ended in the state given for it, and there are no others; each attempt has
    /// at most one accepted settlement; nothing is left over, but for the registrations of workers
    /// that were killed, which expire.
    pub(crate) async fn assert_over(&self, killed: &[u32], states: &[(&str, &[String])]) {
        let expected: BTreeMap<String, String> = states
            .iter()
            .flat_map(|(state, ids)| ids.iter().map(|id| (id.clone(), (*state).to_owned())))
            .collect();
        let tasks = self.tasks().await;
        let found: BTreeMap<String, String> =
            tasks.iter().map(|(id, task)| (id.clone(), task.field("status").to_owned())).collect();
        assert_eq!(found, expected, "states of tasks");
        let done = self.members("done").await;
        let dead = self.members("dead").await;
        for (id, task) in &tasks {
            let failed = task.field("status") == "failed";
            assert_eq!((done.contains(id), dead.contains(id)), (!failed, failed), "lists of {id}");
            task.assert_settled_once(id);
        }
        assert_eq!(done.len() + dead.len(), tasks.len(), "a list names tasks that are gone");
        self.assert_nothing_left(&found, killed).await;
    }

    async fn tasks(&self) -> BTreeMap<String, Task> {
        let mut tasks = BTreeMap::new();
        for key in self.bed.keys("agent:task:*").await {
            let id = key["agent:task:".len()..].to_owned();
            if id.contains(':') {
                continue;
            }
            let hash = self.bed.redis_words(&["HGETALL", &key]).await;
            let attempts: Vec<String> =
                self.bed.redis_words(&["LRANGE", &format!("{key}:attempts"), "0", "-1"]).await;
            let attempts =
                attempts.iter().map(|attempt| serde_json::from_str(attempt).unwrap()).collect();
            tasks.insert(id, Task { hash, attempts });
        }
        tasks
    }

    async fn members(&self, index: &str) -> BTreeSet<String> {
        self.bed.redis(&format!("ZRANGE agent:tasks:{index} 0 -1")).await
    }

    async fn assert_nothing_left(&self, tasks: &BTreeMap<String, String>, killed: &[u32]) {
        for key in self.bed.keys("agent:*").await {
            let name = &key["agent:".len()..];
            if let Some(rest) = name.strip_prefix("tasks:") {
                let stays = MAY_STAY.contains(&rest) || rest.starts_with("wake");
                assert!(stays, "{key} is left over");
            } else if let Some((id, part)) =
                name.strip_prefix("task:").and_then(|name| name.split_once(':'))
            {
                assert!(tasks.contains_key(id), "{key} is left of a task that is gone");
                assert_ne!(part, "lock", "{key} is left over");
            } else if let Some(worker) = name.strip_prefix("worker:") {
                let of_killed = killed.iter().any(|pid| worker.contains(&format!("-{pid}-")));
                let expires: i64 = self.bed.redis(&format!("PTTL {key}")).await;
                assert!(of_killed && expires > 0, "{key} is left over");
            } else {
                assert_ne!(name, "lead", "nobody leads any more");
            }
        }
        for worker in self.bed.redis::<Vec<String>>("ZRANGE agent:workers 0 -1").await {
            let of_killed = killed.iter().any(|pid| worker.contains(&format!("-{pid}-")));
            assert!(of_killed, "{worker} has left, and is listed");
        }
    }
}

/// A task as Redis keeps it.
struct Task {
    hash: HashMap<String, String>,
    attempts: Vec<Value>,
}

impl Task {
    fn field(&self, name: &str) -> &str {
        self.hash.get(name).map_or("", String::as_str)
    }

    /// Each claim has at most one record of its end, in the order of their fences; a task that
    /// succeeded did so once and at last, and any other never.
    fn assert_settled_once(&self, id: &str) {
        let (mut last_fence, mut last_attempt) = (0, 0);
        for attempt in &self.attempts {
            let fence = attempt["fence"].as_u64().unwrap();
            let number = attempt["attempt"].as_u64().unwrap();
            let grows = fence > last_fence && number > last_attempt;
            assert!(grows, "the attempts of {id} are out of order: {:?}", self.attempts);
            (last_fence, last_attempt) = (fence, number);
        }
        let last_claim: u64 = self.field("attempt").parse().unwrap_or(0);
        assert_eq!(last_attempt, last_claim, "{id} was claimed and never settled");
        let successes: Vec<usize> =
            (0..self.attempts.len()).filter(|at| self.outcome(*at) == "success").collect();
        let expected = match self.field("status") {
            "success" => vec![self.attempts.len() - 1],
            _ => vec![],
        };
        assert_eq!(successes, expected, "successes of {id}: {:?}", self.attempts);
    }

    fn outcome(&self, at: usize) -> &str {
        self.attempts[at]["outcome"].as_str().unwrap()
    }
}
