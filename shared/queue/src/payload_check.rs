//! The last look before a task runs: whether what was claimed is what its
//! producer signed and, where a yes is needed, what a person approved.
//!
//! A worker's Redis user may rewrite the hash of a task and push any id into a
//! list. It can neither sign nor write approvals. So this looks at the payload
//! that the worker holds in memory and will run, and at nothing else of the
//! hash; the look of `claim.lua` only spares what needs a yes the way here.
//!
//! What fails ends in quarantine with the reason. That costs it no attempt of
//! its own, and it does not come back by itself.

use futures_util::future::try_join_all;
use greenline_store::{StoreError, cmd};

use crate::approvals::{RECORD, RunApproval};
use crate::core::Core;
use crate::signature::{Origin, content_hash};
use crate::{Claim, QueueError, TaskId, WorkerId};

impl Core {
    /// Returns the claims that may run, and puts the others into quarantine.
    pub(crate) async fn trusted(
        &self,
        worker: &WorkerId,
        claims: Vec<Claim>,
    ) -> Result<Vec<Claim>, QueueError> {
        let looks: Vec<Result<Look, String>> =
            claims.iter().map(|claim| self.look_at(claim)).collect();
        let mut approvals = self.approvals_for(&claims, &looks).await?.into_iter();
        let mut trusted = Vec::with_capacity(claims.len());
        for (claim, look) in claims.into_iter().zip(looks) {
            let verdict = look.and_then(|look| match look {
                Look::Free => Ok(()),
                Look::Approval(need) => {
                    let record = approvals.next().unwrap_or_default();
                    need.check(&record, claim.payload(), claim.claimed_at)
                }
            });
            match verdict {
                Ok(()) => trusted.push(claim),
                Err(why) => self.quarantine(worker, &claim, why).await?,
            }
        }
        Ok(trusted)
    }

    /// Judges all that a claim shows by itself.
    fn look_at(&self, claim: &Claim) -> Result<Look, String> {
        let keys = &self.options.task_keys;
        let origin = keys.origin(&claim.id, claim.payload(), claim.signature())?;
        // What can't be read does not run either: its worker says why.
        let Ok(task) = claim.read() else { return Ok(Look::Free) };
        let spec = task.spec();
        if spec.kind != claim.kind {
            return Err(format!("its hash says type {}, its payload {}", claim.kind, spec.kind));
        }
        Ok(match (spec.requires_approval || claim.had_gate, origin) {
            (true, _) => Look::Approval(Need::Yes),
            // The payload may have been written over one that needs a yes.
            (false, Origin::Unsigned) => Look::Approval(Need::YesIfAsked),
            (false, Origin::Signed | Origin::Unchecked) => Look::Free,
        })
    }

    /// Reads the approval of each claim that needs a look at it, in order.
    async fn approvals_for(
        &self,
        claims: &[Claim],
        looks: &[Result<Look, String>],
    ) -> Result<Vec<RunApproval>, QueueError> {
        let of_some =
            claims.iter().zip(looks).filter(|(_, look)| matches!(look, Ok(Look::Approval(_))));
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

/// What is left to look at.
enum Look {
    /// Nothing: it may run.
    Free,
    /// The approval record of its id.
    Approval(Need),
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
