//! Stops all outside actions: `greenline halt` and `greenline resume`.
//!
//! The state is one hash in Redis, read before each action. It therefore holds for every lead at
//! once and over restarts. Actions requested meanwhile stay stored and are done afterwards.

use std::collections::HashMap;

use greenline_store::{Store, StoreError, cmd};
use serde::Serialize;

/// Outside actions are stopped: by whom, when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Halt {
    /// The person who stopped the actions.
    pub by: String,
    /// The reason in their words.
    pub why: String,
    /// When, in ms since 1970; 0 if it was not said.
    pub at: i64,
}

pub(crate) fn key(store: &Store) -> String {
    format!("{}agent:lead:halt", store.namespace().prefix())
}

/// Stops all outside actions. Stopped twice, the newer reason holds.
///
/// # Errors
///
/// When Redis does not do it: then nothing was stopped.
pub async fn halt(store: &Store, halt: &Halt) -> Result<(), StoreError> {
    let mut call = cmd("HSET");
    call.arg(key(store)).arg("by").arg(&halt.by).arg("why").arg(&halt.why).arg("at").arg(halt.at);
    store.command::<i64>(&call).await.map(drop)
}

/// Lets outside actions go on; whether they were stopped.
///
/// # Errors
///
/// When Redis does not do it: then they are still stopped.
pub async fn resume(store: &Store) -> Result<bool, StoreError> {
    Ok(store.command::<i64>(cmd("DEL").arg(key(store))).await? == 1)
}

/// Returns the halt in force, if any.
///
/// # Errors
///
/// When Redis does not answer.
pub async fn halted(store: &Store) -> Result<Option<Halt>, StoreError> {
    let fields: HashMap<String, String> = store.command(cmd("HGETALL").arg(key(store))).await?;
    if fields.is_empty() {
        return Ok(None);
    }
    // Somebody may have set it by hand: it holds, whatever they wrote.
    let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let by = fields.get("by").cloned().unwrap_or_else(|| "someone, by hand".to_owned());
    Ok(Some(Halt { by, why: text("why"), at: text("at").parse().unwrap_or(0) }))
}
