//! Leader election, and the outside actions that a leader has begun.
//!
//! Any number of leads may run; one holds the lease. Its epoch is a number that grows with each new
//! leader. Outside actions can't be fenced, so each is an intent: recorded here, executed outside,
//! closed here. A new leader checks the open intents against the outside world before it acts.

use std::collections::HashMap;
use std::time::Duration;

use greenline_store::cmd;
use serde::Serialize;

use crate::core::ms;
use crate::{Queue, QueueError};

/// The result of an election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leadership {
    /// This process leads, under this epoch.
    Ours(Epoch),
    /// Another process leads.
    Other { holder: String },
}

/// The number of a leadership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Epoch(pub u64);

/// The state of an intent when it is begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentState {
    /// New: act, then end it.
    New,
    /// Begun earlier and not ended: check the outside world first.
    Open {
        /// The epoch of the earlier begin.
        epoch: Epoch,
    },
    /// Done: don't act.
    Done,
}

/// An outside action that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Intent {
    /// The action's name; deterministic, so that the same action is begun once.
    pub action: String,
    /// The epoch of its begin.
    pub epoch: Epoch,
    /// The action as JSON.
    pub about: String,
    /// In ms.
    pub begun_at: i64,
}

impl Queue {
    /// Acquires or renews the leader lease. Call it several times per `lease`.
    pub async fn lead(&self, who: &str, lease: Duration) -> Result<Leadership, QueueError> {
        let core = self.core();
        let mut call = core.call(&core.scripts.lead, 2, 64);
        call.arg(who).arg(ms(lease));
        let (epoch, holder): (u64, String) = core.run(&core.scripts.lead, &call).await?;
        Ok(if epoch > 0 { Leadership::Ours(Epoch(epoch)) } else { Leadership::Other { holder } })
    }

    /// Releases the leader lease, so that a standby need not wait. Returns `false` if this process
    /// did not lead.
    pub async fn resign(&self, who: &str) -> Result<bool, QueueError> {
        let core = self.core();
        let mut call = core.call(&core.scripts.resign, 1, 64);
        call.arg(who);
        Ok(core.run::<i64>(&core.scripts.resign, &call).await? == 1)
    }

    /// Returns the current leader and its epoch.
    pub async fn leader(&self) -> Result<Option<(String, Epoch)>, QueueError> {
        let core = self.core();
        let (lead, epoch) = (core.key("lead"), core.key("lead:epoch"));
        let found: (Option<String>, Option<u64>) =
            core.store.command(cmd("MGET").arg(lead).arg(epoch)).await?;
        Ok(found.0.map(|holder| (holder, Epoch(found.1.unwrap_or(0)))))
    }

    /// Records an outside action before it is executed.
    pub async fn begin_intent(
        &self,
        epoch: Epoch,
        action: &str,
        about: &str,
    ) -> Result<IntentState, QueueError> {
        match self.intent("begin", epoch, action, about).await?.as_str() {
            "begun" => Ok(IntentState::New),
            "done" => Ok(IntentState::Done),
            "deposed" => Err(QueueError::Deposed),
            answer => match answer.strip_prefix("open:").and_then(|epoch| epoch.parse().ok()) {
                Some(epoch) => Ok(IntentState::Open { epoch: Epoch(epoch) }),
                None => Err(QueueError::unreadable("the answer to an intent", answer)),
            },
        }
    }

    /// Records that an outside action is done; `outcome` is JSON.
    pub async fn end_intent(
        &self,
        epoch: Epoch,
        action: &str,
        outcome: &str,
    ) -> Result<(), QueueError> {
        match self.intent("end", epoch, action, outcome).await?.as_str() {
            "done" => Ok(()),
            "deposed" => Err(QueueError::Deposed),
            answer => Err(QueueError::unreadable(format!("intent {action}"), answer)),
        }
    }

    /// Returns the intents that were begun and not ended, oldest first.
    pub async fn open_intents(&self) -> Result<Vec<Intent>, QueueError> {
        let core = self.core();
        let open = core.key("lead:intents");
        let actions: Vec<String> =
            core.store.command(cmd("ZRANGE").arg(open).arg(0).arg(-1)).await?;
        let mut intents = Vec::with_capacity(actions.len());
        for action in actions {
            let key = core.key(&format!("lead:intent:{action}"));
            let fields: HashMap<String, String> =
                core.store.command(cmd("HGETALL").arg(key)).await?;
            let number = |name: &str| fields.get(name).and_then(|text| text.parse().ok());
            intents.push(Intent {
                epoch: Epoch(number("epoch").unwrap_or(0)),
                about: fields.get("about").cloned().unwrap_or_default(),
                begun_at: number("begun_at").and_then(|at| i64::try_from(at).ok()).unwrap_or(0),
                action,
            });
        }
        Ok(intents)
    }

    async fn intent(
        &self,
        step: &str,
        epoch: Epoch,
        action: &str,
        json: &str,
    ) -> Result<String, QueueError> {
        let core = self.core();
        let mut call = core.call(&core.scripts.intent, 4, json.len() + 128);
        call.arg(step).arg(action).arg(epoch.0).arg(json);
        core.run(&core.scripts.intent, &call).await
    }
}
