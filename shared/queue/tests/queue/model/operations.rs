//! What happens in a seed: producers, workers, operators, time.

use std::time::Duration;

use chrono::Utc;
use greenline_queue::{
    ApprovalDecision, ApprovalOutcome, CancelOutcome, Claim, EnqueueOutcome, HeartbeatReply,
    PauseTarget, Settlement, StartReply, Task, TaskId, TaskSpec, WorkerProfile,
};
use greenline_testbed::ManualWorker;

use super::simulation::{Crew, Deed, LEASE_MS, Promise, Row, Simulation};
use crate::tasks::id;

impl Simulation {
    pub(super) async fn hire(&mut self) {
        self.crews_made += 1;
        let profile = WorkerProfile {
            id: format!("w{}", self.crews_made).parse().unwrap(),
            types: ["run_command".parse().unwrap()].into(),
            labels: ["gpu".parse().unwrap()].into(),
            slots: 4,
            host: "model".to_owned(),
            version: "model".to_owned(),
        };
        let manual_worker = ManualWorker::of(self.queue.clone(), self.queue.worker(profile));
        self.crews.push(Crew { manual_worker, claims: vec![] });
    }

    /// One thing that happens, and whether it was right.
    pub(super) async fn act(&mut self) {
        match self.rng.u32(0..100) {
            0..17 => self.enqueue().await,
            17..37 => self.claim().await,
            37..59 => self.settle().await,
            59..63 => self.settle_as_zombie().await,
            63..68 => self.beat().await,
            68..70 => self.crash().await,
            70..81 => self.let_time_pass().await,
            81..84 => self.cancel().await,
            84..87 => self.retry().await,
            87..89 => self.answer().await,
            89..91 => self.purge().await,
            91..93 => self.pause_or_resume().await,
            93..95 => self.limit().await,
            95..97 => self.push_by_hand().await,
            _ => self.tamper().await,
        }
        if self.rng.u32(0..8) == 0 {
            self.check_stats().await;
        }
    }

    fn any_id(&mut self) -> Option<TaskId> {
        let ids: Vec<&String> = self.rows.keys().collect();
        (!ids.is_empty()).then(|| id(ids[self.rng.usize(0..ids.len())]))
    }

    fn some_ids(&mut self) -> Vec<TaskId> {
        let most = self.rng.usize(1..4);
        let mut ids: Vec<TaskId> = (0..most).filter_map(|_| self.any_id()).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    fn new_task(&mut self) -> Task {
        let name = format!("t{}", self.rng.u32(0..40));
        let mut spec = TaskSpec::command(id(&name), ["true"]);
        spec.priority = self.rng.choice(greenline_queue::Priority::ALL).unwrap();
        let rng = &mut self.rng;
        if rng.u32(0..3) == 0 {
            spec.concurrency_key = Some(format!("k{}", rng.u32(0..2)).parse().unwrap());
        }
        if rng.u32(0..8) == 0 {
            spec.dedup_key = Some(format!("d{}", rng.u32(0..2)).parse().unwrap());
        }
        if rng.u32(0..10) == 0 {
            spec.labels = ["gpu".parse().unwrap()].into();
        }
        if rng.u32(0..10) == 0 {
            let at = Utc::now() + chrono::Duration::milliseconds(self.shift_ms);
            spec.not_before = Some(at + Duration::from_secs(rng.u64(0..40)));
        }
        spec.requires_approval = rng.u32(0..10) == 0;
        if rng.u32(0..4) == 0 {
            spec.depends_on = self.some_ids();
            spec.depends_on.retain(|parent| parent.as_str() != name);
        }
        spec.build().unwrap()
    }

    async fn enqueue(&mut self) {
        let mut tasks: Vec<Task> = (0..self.rng.usize(1..4)).map(|_| self.new_task()).collect();
        tasks.sort_by(|one, other| one.id().cmp(other.id()));
        tasks.dedup_by(|one, other| one.id() == other.id());
        // A name that somebody has pushed is theirs, read or not.
        tasks.retain(|task| !self.pushed.contains(task.id().as_str()));
        let ids: Vec<String> = tasks.iter().map(|task| task.id().to_string()).collect();
        for task in &tasks {
            let (name, spec) = (task.id().to_string(), task.spec().clone());
            if !self.specs.contains_key(&name) {
                self.trace.push(format!("enqueue {}", task.payload()));
                self.specs.insert(name, spec);
            }
        }
        let outcomes = self.queue.enqueue_many(tasks.clone()).await.unwrap();
        self.trace.push(format!("  -> {outcomes:?}"));
        for (task, outcome) in tasks.iter().zip(&outcomes) {
            let before = self.rows.get(task.id().as_str());
            let right = match outcome {
                EnqueueOutcome::Created { .. } => before.is_none(),
                EnqueueOutcome::Exists { .. } => before.is_some() || ids.len() > 1,
                EnqueueOutcome::Duplicate { .. } => task.spec().dedup_key.is_some(),
                EnqueueOutcome::Refused { .. } => !task.spec().depends_on.is_empty(),
            };
            self.expect(right, || format!("{} was answered {outcome:?}", task.id()));
        }
        self.check(Deed::Enqueue(ids)).await;
        self.specs.retain(|name, _| self.rows.contains_key(name) || self.pushed.contains(name));
    }

    pub(super) async fn claim(&mut self) {
        let at = self.rng.usize(0..self.crews.len());
        let (start, prefetch) = (self.rng.usize(1..4), self.rng.usize(0..3));
        let before = self.now();
        let crew = &mut self.crews[at];
        crew.manual_worker.running = crew.claims.iter().filter(|claim| claim.started).count();
        let claimed = crew.manual_worker.try_claim(start, prefetch).await.unwrap();
        let reported: Vec<String> =
            claimed.tasks.iter().map(|one| format!("{} {}", one.id, one.fence.as_str())).collect();
        self.trace.push(format!("{} claims {reported:?}", self.crews[at].manual_worker.id()));
        let mut given = Vec::new();
        for claim in claimed.tasks {
            let name = claim.id.to_string();
            let twice = given.iter().any(|(other, _)| *other == name);
            self.expect(!twice, || format!("{name} was given twice at once"));
            given.push((name.clone(), claim.fence.as_str().parse().unwrap()));
            if claim.started {
                self.started.insert(given[given.len() - 1].clone());
            }
            self.leases.insert(name, before + LEASE_MS);
            self.crews[at].claims.push(claim);
        }
        self.check(Deed::Claim(given)).await;
    }

    async fn settle(&mut self) {
        let at = self.rng.usize(0..self.crews.len());
        if self.crews[at].claims.is_empty() {
            return;
        }
        let which = self.rng.usize(0..self.crews[at].claims.len());
        let claim = self.crews[at].claims.swap_remove(which);
        if !claim.started && self.start(&claim).await == StartReply::Lost {
            return;
        }
        let worker = self.crews[at].manual_worker.id();
        self.settle_as(at, &claim).await;
        self.stale.push((worker, claim));
    }

    pub(super) async fn settle_as(&mut self, at: usize, claim: &Claim) {
        let promise = self.promise(claim);
        let how = self.rng.u32(0..8);
        let manual_worker = &self.crews[at].manual_worker;
        let (word, settled) = match how {
            0..4 => ("completes", manual_worker.complete(claim).await),
            4..6 => ("fails", manual_worker.fail(claim).await),
            6 => ("gives up", manual_worker.give_up(claim).await),
            _ => ("releases", manual_worker.release(claim).await),
        };
        self.trace.push(format!("{} {word} {}: {settled:?}", manual_worker.id(), claim.id));
        let right = match &promise {
            Promise::Already => settled == Settlement::Already,
            Promise::Lost => settled == Settlement::Lost,
            Promise::Counts(row) => settled == expected(word, row),
        };
        self.expect(right, || format!("{} {word}: {settled:?}, but {promise:?}", claim.id));
        self.note_settled(claim, settled);
        self.check(Deed::Settle(claim.id.to_string())).await;
    }

    /// A worker that was thought dead, or that says again what it said.
    async fn settle_as_zombie(&mut self) {
        if self.stale.is_empty() {
            return;
        }
        let which = self.rng.usize(0..self.stale.len());
        let (worker, claim) = self.stale[which].clone();
        let promise = self.promise(&claim);
        let result = "{}".to_owned();
        let settled = self.queue.complete(&worker, &claim, result).await.unwrap();
        self.trace.push(format!("zombie {worker} completes {}: {settled:?}", claim.id));
        let right = match promise {
            Promise::Already => settled == Settlement::Already,
            Promise::Lost => settled == Settlement::Lost,
            Promise::Counts(_) => settled == Settlement::Accepted,
        };
        self.expect(right, || format!("a zombie's {}: {settled:?}", claim.id));
        self.note_settled(&claim, settled);
        self.check(Deed::Settle(claim.id.to_string())).await;
    }

    pub(super) async fn start(&mut self, claim: &Claim) -> StartReply {
        let held = [(claim.id.clone(), claim.fence.clone())];
        let started = self.queue.start(&held).await.unwrap()[0];
        let holds = matches!(self.promise(claim), Promise::Counts(_));
        self.trace.push(format!("start {}: {started:?}", claim.id));
        self.expect((started == StartReply::Go) == holds, || format!("start of {}", claim.id));
        if started == StartReply::Go {
            let fence = claim.fence.as_str().parse().unwrap();
            self.started.insert((claim.id.to_string(), fence));
        }
        started
    }

    async fn beat(&mut self) {
        let at = self.rng.usize(0..self.crews.len());
        let before = self.now();
        let held: Vec<&Claim> = self.crews[at].claims.iter().collect();
        let beats = self.crews[at].manual_worker.beat(&held).await;
        self.trace.push(format!("{} beats {beats:?}", self.crews[at].manual_worker.id()));
        let claims = std::mem::take(&mut self.crews[at].claims);
        for (claim, beat) in claims.into_iter().zip(beats) {
            let promise = self.promise(&claim);
            let right = match (&promise, &beat) {
                (Promise::Counts(row), HeartbeatReply::Held) => !row.cancel_requested,
                (Promise::Counts(row), HeartbeatReply::CancelAsked(_)) => row.cancel_requested,
                (Promise::Counts(_), HeartbeatReply::Lost) => false,
                (_, beat) => *beat == HeartbeatReply::Lost,
            };
            self.expect(right, || format!("{} beats {beat:?}, but {promise:?}", claim.id));
            if beat == HeartbeatReply::Lost {
                self.stale.push((self.crews[at].manual_worker.id(), claim));
            } else {
                self.leases.insert(claim.id.to_string(), before + LEASE_MS);
                self.crews[at].claims.push(claim);
            }
        }
        self.check(Deed::Other).await;
    }

    /// A worker dies with all it has; a fresh one comes in its place.
    async fn crash(&mut self) {
        let at = self.rng.usize(0..self.crews.len());
        let crew = self.crews.swap_remove(at);
        let worker = crew.manual_worker.id();
        self.trace.push(format!("{worker} dies"));
        self.stale.extend(crew.claims.into_iter().map(|claim| (worker.clone(), claim)));
        self.hire().await;
    }

    async fn let_time_pass(&mut self) {
        let advance_clock = match self.rng.u32(0..24) {
            0 => -3_600_000,
            1 => 3_600_000,
            2..4 => 20_000,
            4..20 => 2_000,
            _ => 0,
        };
        self.shift_ms += advance_clock;
        let by = Duration::from_millis(advance_clock.unsigned_abs());
        if advance_clock < 0 {
            self.clock.set_back(by);
        } else {
            self.clock.advance(by);
        }
        self.tick().await;
    }

    pub(super) async fn tick(&mut self) {
        let before = self.now();
        let tick = self.queue.tick_now().await.unwrap();
        self.trace.push(format!("tick at {before}: {tick:?}"));
        let since = self.last_tick.map_or(i64::MAX, |last| before - last);
        if !(-100..4_900).contains(&since) {
            if (0..5_100).contains(&since) {
                self.leases.clear();
            }
            // Whoever holds something got a whole lease once more.
            for until in self.leases.values_mut() {
                *until = before + LEASE_MS;
            }
        }
        self.last_tick = Some(self.now());
        self.check(Deed::Tick).await;
    }

    async fn cancel(&mut self) {
        let ids = self.some_ids();
        let outcomes = self.queue.cancel(&ids, "enough").await.unwrap();
        self.trace.push(format!("cancel {ids:?}: {outcomes:?}"));
        let named: Vec<String> = ids.iter().map(ToString::to_string).collect();
        for (name, outcome) in named.iter().zip(&outcomes) {
            let row = &self.rows[name];
            let right = match outcome {
                CancelOutcome::Done => !row.is_final() && row.status != "running",
                CancelOutcome::Asked => row.status == "running",
                // Another of this call may have been its parent.
                CancelOutcome::HadEnded { .. } => row.is_final() || ids.len() > 1,
                CancelOutcome::Unknown => false,
            };
            self.expect(right, || format!("{name}: {outcome:?}, but {row:?}"));
        }
        self.check(Deed::Cancel(named)).await;
    }

    async fn retry(&mut self) {
        let ids = self.some_ids();
        let with_children = self.rng.bool();
        let outcomes = self.queue.retry(&ids, "ada", with_children).await.unwrap();
        self.trace.push(format!("retry {ids:?} {with_children}: {outcomes:?}"));
        self.check(Deed::Retry).await;
    }

    async fn answer(&mut self) {
        let asked: Vec<String> = self
            .rows
            .iter()
            .filter(|(_, row)| row.status == "awaiting_approval")
            .map(|(name, _)| name.clone())
            .collect();
        let Some(name) = self.rng.choice(asked) else { return };
        self.say_yes_or_no(&name).await;
    }

    pub(super) async fn say_yes_or_no(&mut self, name: &str) {
        let approval = self.queue.approval(name).await.unwrap();
        let hash = approval.map(|one| one.content_hash).unwrap_or_default();
        let answer = ApprovalDecision { approval: name, content_hash: &hash, who: "ada", why: "" };
        let yes = self.rng.u32(0..4) > 0;
        let printed =
            if yes { self.queue.approve(&answer).await } else { self.queue.reject(&answer).await };
        let printed = printed.unwrap();
        self.trace.push(format!("answer {yes} to {name}: {printed:?}"));
        if printed == ApprovalOutcome::Done && yes {
            self.approved.insert(name.to_owned());
        }
        self.check(Deed::Answer(name.to_owned())).await;
    }

    async fn purge(&mut self) {
        if self.rng.bool() {
            let seen: Vec<(TaskId, String)> = self
                .queue
                .outbox(100)
                .await
                .unwrap()
                .into_iter()
                .map(|record| (id(&record.id), record.fence))
                .collect();
            self.queue.acknowledge(&seen).await.unwrap();
        }
        let ids = self.some_ids();
        let outcomes = self.queue.purge(&ids, self.rng.bool()).await.unwrap();
        self.trace.push(format!("purge {ids:?}: {outcomes:?}"));
        self.check(Deed::Purge(ids.iter().map(ToString::to_string).collect())).await;
        for one in ids {
            if !self.rows.contains_key(one.as_str()) {
                self.forget(one.as_str());
            }
        }
    }

    /// A task of this name is another one from now on.
    fn forget(&mut self, name: &str) {
        self.specs.remove(name);
        self.approved.remove(name);
        self.was_due.remove(name);
        self.locked.remove(name);
        self.pushed.remove(name);
        self.settled.retain(|(settled, _)| settled != name);
        self.stale.retain(|(_, claim)| claim.id.as_str() != name);
    }

    async fn pause_or_resume(&mut self) {
        let what: PauseTarget = self.rng.choice(["all", "run_command"]).unwrap().parse().unwrap();
        if self.rng.u32(0..3) == 0 {
            self.trace.push(format!("pause {what}"));
            self.queue.pause(&what, "ada", "a look").await.unwrap();
        } else {
            self.trace.push(format!("resume {what}"));
            self.queue.resume(&what).await.unwrap();
        }
        self.check(Deed::Other).await;
    }

    async fn limit(&mut self) {
        let most = self.rng.choice([None, None, Some(2), Some(5)]).unwrap();
        self.trace.push(format!("limit {most:?}"));
        self.queue.limit(&"run_command".parse().unwrap(), most).await.unwrap();
    }

    async fn push_by_hand(&mut self) {
        let task = self.new_task();
        let name = task.id().to_string();
        let list = self.rng.choice(["pending", "pending:high", "pending:low"]).unwrap();
        if self.rng.u32(0..6) == 0 {
            self.trace.push("push {broken".to_owned());
            self.bad_pushes += 1;
            self.push(list, "{broken").await;
        } else if !self.specs.contains_key(&name)
            && task.spec().depends_on.is_empty()
            && task.spec().dedup_key.is_none()
        {
            self.trace.push(format!("push {}", task.payload()));
            self.specs.insert(name.clone(), task.spec().clone());
            self.pushed.insert(name);
            self.push(list, task.payload()).await;
            self.rough = true;
        }
        self.check(Deed::Other).await;
    }

    async fn push(&mut self, list: &str, entry: &str) {
        let mut call = greenline_store::cmd("LPUSH");
        call.arg(format!("{}agent:tasks:{list}", self.prefix)).arg(entry);
        self.rough = true;
        let _length: u64 = self.queue.store().command(&call).await.unwrap();
    }

    /// What people do with redis-cli that they had better not.
    async fn tamper(&mut self) {
        let Some(one) = self.any_id() else { return };
        let row = self.rows[one.as_str()].clone();
        let line = match self.rng.u32(0..6) {
            0 => format!("SET task:{one}:lock operator EX 1000 NX"),
            1 => format!("DEL task:{one}:lock"),
            2 if self.rough => {
                self.leases.remove(one.as_str());
                format!("ZREM tasks:leases {one}")
            }
            3 if self.rough && row.status == "pending" => format!("LREM tasks:pending 0 {one}"),
            4 if self.rough => format!("LPUSH tasks:pending {one}"),
            5 if self.rough => format!("ZREM tasks:scheduled {one}"),
            _ => return,
        };
        self.trace.push(line.clone());
        let answer = self.type_in(&line).await;
        match line.split(' ').next() {
            Some("SET") if answer != greenline_store::Value::Nil => {
                self.locked.insert(one.to_string());
            }
            Some("DEL") => {
                self.locked.remove(one.as_str());
            }
            _ => {}
        }
        self.check(Deed::Other).await;
    }
}

/// What a settlement that counts is answered.
fn expected(word: &str, row: &Row) -> Settlement {
    match word {
        "completes" => Settlement::Accepted,
        _ if row.cancel_requested => Settlement::Cancelled,
        "fails" if row.retry_count < 2 => Settlement::WillRetry,
        "fails" | "gives up" => Settlement::Failed,
        _ => Settlement::Accepted,
    }
}
