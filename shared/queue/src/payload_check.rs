//! The last check before a task runs: the payload is the one that its producer signed and, where an
//! approval is needed, the one that a person approved.
//!
//! A worker's Redis user may rewrite the hash of a task and push any id into a list. It can neither
//! sign nor write approvals. This module therefore checks the payload that the worker holds in
//! memory and will run, and nothing else of the hash. The check in `claim.lua` only keeps tasks
//! without an approval from coming here.
//!
//! A signed or approved payload also binds where and when it runs: its labels, its type and its
//! `not_before` are compared with this worker and Redis's clock. Of the tasks that it depends on,
//! each that needs a yes must have one. The order of tasks is no boundary beyond that, nor is
//! how often one runs.
//!
//! What fails ends in quarantine with the reason. That costs it no attempt of
//! its own, and it does not come back by itself.

use futures_util::future::try_join_all;
use greenline_store::{StoreError, cmd};

use crate::approvals::{RECORD, RunApproval};
use crate::core::Core;
use crate::signature::{Origin, content_hash};
use crate::task::TaskSpec;
use crate::{Claim, QueueError, Task, TaskId, WorkerId, WorkerProfile};

/// How much earlier than `not_before` a task may run, in ms. Clocks of servers differ a little.
const MOST_EARLY: i64 = 10_000;

impl Core {
    /// Returns the claims that may run, and puts the others into quarantine.
    pub(crate) async fn trusted(
        &self,
        worker: &WorkerProfile,
        claims: Vec<Claim>,
    ) -> Result<Vec<Claim>, QueueError> {
        let looks: Vec<Result<Look, String>> =
            claims.iter().map(|claim| self.look_at(worker, claim)).collect();
        let mut approvals = self.approvals_for(&claims, &looks).await?.into_iter();
        let mut trusted = Vec::with_capacity(claims.len());
        for (claim, look) in claims.into_iter().zip(looks) {
            let verdict = match look {
                Err(why) => Err(why),
                Ok(look) => {
                    let own = look.need.map_or(Ok(()), |need| {
                        let record = approvals.next().unwrap_or_default();
                        need.check(&record, claim.payload(), claim.claimed_at)
                    });
                    match own {
                        Ok(()) => self.gates_before(&look.parents).await?,
                        refused => refused,
                    }
                }
            };
            match verdict {
                Ok(()) => trusted.push(claim),
                Err(why) => self.quarantine(&worker.id, &claim, why).await?,
            }
        }
        Ok(trusted)
    }

    /// Judges all that a claim shows by itself.
    fn look_at(&self, worker: &WorkerProfile, claim: &Claim) -> Result<Look, String> {
        let keys = &self.options.task_keys;
        let origin = keys.origin(&claim.id, claim.payload(), claim.signature())?;
        // What can't be read does not run either: its worker says why.
        let Ok(task) = claim.read() else { return Ok(Look::default()) };
        let spec = task.spec();
        if spec.kind != claim.kind {
            return Err(format!("its hash says type {}, its payload {}", claim.kind, spec.kind));
        }
        let need = match (spec.requires_approval || claim.had_gate, origin) {
            (true, _) => Some(Need::Yes),
            // The payload may have been written over one that needs a yes.
            (false, Origin::Unsigned) => Some(Need::YesIfAsked),
            (false, Origin::Signed | Origin::Unchecked) => None,
        };
        if origin != Origin::Signed && need != Some(Need::Yes) {
            // Who rewrites the hash can rewrite this payload too: nothing in it binds.
            return Ok(Look { need, parents: vec![] });
        }
        fits(worker, spec, claim.claimed_at)?;
        Ok(Look { need, parents: spec.depends_on.clone() })
    }

    /// Returns an error with the reason if a task that must come first needs a yes and has none.
    async fn gates_before(&self, parents: &[TaskId]) -> Result<Result<(), String>, QueueError> {
        let verdicts = try_join_all(parents.iter().map(|parent| self.gate_of(parent))).await?;
        Ok(verdicts.into_iter().collect())
    }

    async fn gate_of(&self, parent: &TaskId) -> Result<Result<(), String>, QueueError> {
        let record = self.approval_to_run(parent).await?;
        let key = self.key(&format!("task:{parent}"));
        let mut call = cmd("HMGET");
        call.arg(key).arg(&["payload", "signature"][..]);
        let fields: Result<Vec<Option<Vec<u8>>>, StoreError> = self.store.command(&call).await;
        let [payload, signature] = match fields {
            Ok(fields) => <[_; 2]>::try_from(fields).unwrap_or_default(),
            Err(StoreError::WrongType(_)) => [None, None],
            Err(error) => return Err(error.into()),
        };
        let signature = String::from_utf8_lossy(signature.as_deref().unwrap_or_default());
        let verdict = match payload {
            // It was deleted: what a person answered remains.
            None if record.was_asked() => record.was_approved(None),
            None => Ok(()),
            Some(payload) => {
                let needs_yes = std::str::from_utf8(&payload)
                    .ok()
                    .and_then(|text| Task::from_json(text).ok())
                    .map(|task| task.spec().requires_approval);
                let origin = self.options.task_keys.origin(parent, &payload, &signature);
                match (needs_yes, origin) {
                    (Some(false), Ok(Origin::Signed)) => Ok(()),
                    (Some(true), _) => record.was_approved(Some(&content_hash(&payload))),
                    _ if record.was_asked() => record.was_approved(Some(&content_hash(&payload))),
                    _ => Ok(()),
                }
            }
        };
        Ok(verdict.map_err(|why| format!("it comes after {parent}, but {why}")))
    }

    /// Reads the approval of each claim that needs a look at it, in order.
    async fn approvals_for(
        &self,
        claims: &[Claim],
        looks: &[Result<Look, String>],
    ) -> Result<Vec<RunApproval>, QueueError> {
        let of_some = claims
            .iter()
            .zip(looks)
            .filter(|(_, look)| matches!(look, Ok(Look { need: Some(_), .. })));
        try_join_all(of_some.map(|(claim, _)| self.approval_to_run(&claim.id))).await
    }

    /// Reads one approval. A key of the wrong type, or that this user may not
    /// read, counts as none, so that it holds up no other task.
    async fn approval_to_run(&self, id: &TaskId) -> Result<RunApproval, QueueError> {
        let key = self.key(&format!("approval:{id}"));
        match self.store.command(cmd("HMGET").arg(key).arg(&RECORD[..])).await {
            Ok(fields) => Ok(RunApproval::of(fields)),
            Err(error @ (StoreError::WrongType(_) | StoreError::Denied(_))) => {
                tracing::warn!(task.id = %id, %error, "The approval of {id} can't be read");
                Ok(RunApproval::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn quarantine(
        &self,
        worker: &WorkerId,
        claim: &Claim,
        why: String,
    ) -> Result<(), QueueError> {
        tracing::warn!(task.id = %claim.id, "Put task {} into quarantine: {why}", claim.id);
        let mut call = self.call(&self.scripts.quarantine, 5, 2 * claim.payload().len());
        call.arg(worker.as_str()).arg(claim.id.as_str()).arg(claim.fence.as_str()).arg(&why);
        call.arg(self.quarantined(claim.payload(), why));
        let _answer: String = self.run(&self.scripts.quarantine, &call).await?;
        Ok(())
    }
}

/// The checks that are left for Redis to answer.
#[derive(Default)]
struct Look {
    /// The approval record of its id, if any.
    need: Option<Need>,
    /// The tasks before it whose approvals count.
    parents: Vec<TaskId>,
}

/// Returns an error with the reason unless this worker may run the task now.
fn fits(worker: &WorkerProfile, spec: &TaskSpec, now: i64) -> Result<(), String> {
    if !worker.types.contains(&spec.kind) {
        return Err(format!("its type is {}, which this worker does not run", spec.kind));
    }
    if let Some(label) = spec.labels.difference(&worker.labels).next() {
        return Err(format!(
            "it is for workers with label {label}, which this worker does not have"
        ));
    }
    match spec.not_before {
        Some(time) if time.timestamp_millis() > now.saturating_add(MOST_EARLY) => {
            Err(format!("it must not run before {}", time.to_rfc3339()))
        }
        _ => Ok(()),
    }
}

/// How much of an approval a task needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// A yes.
    Yes,
    /// A yes if a person was ever asked about a task of this id.
    YesIfAsked,
}

impl Need {
    fn check(self, record: &RunApproval, payload: &[u8], now: i64) -> Result<(), String> {
        if self == Self::YesIfAsked && !record.was_asked() {
            return Ok(());
        }
        record.covers(&content_hash(payload), now)
    }
}
