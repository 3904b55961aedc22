//! Intents that no lead has signed: taken out of the way, and kept to be looked at.
//!
//! Nothing of them is done. They go from the open intents into a list of their own, of which the
//! newest are kept, so that they are neither tried again nor in the way of an action of the same
//! name.

use greenline_queue::{Epoch, Intent, Queue, QueueError};
use greenline_store::{Script, Store, StoreError, cmd};
use serde::{Deserialize, Serialize};

/// How many are kept.
const MOST_KEPT: usize = 100;

/// How much of each is kept, in bytes.
const MOST_TEXT: usize = 4_096;

/// An intent that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// Its name.
    pub action: String,
    /// Why it was.
    pub why: String,
    /// When, in ms since 1970.
    pub at: i64,
    /// The beginning of what it held.
    pub about: String,
}

/// How many intents are set aside, and the newest of them.
///
/// # Errors
///
/// When Redis does not say.
pub async fn set_aside(store: &Store) -> Result<(u64, Option<SetAside>), StoreError> {
    let key = format!("{}agent:lead:set_aside", store.namespace().prefix());
    let count: u64 = store.command(cmd("LLEN").arg(&key)).await?;
    let newest: Option<String> = store.command(cmd("LINDEX").arg(&key).arg(0)).await?;
    Ok((count, newest.and_then(|text| serde_json::from_str(&text).ok())))
}

/// Moves intents out of the way.
pub(super) struct Aside {
    script: Script,
}

impl Aside {
    pub(super) fn new() -> Self {
        let text = format!("#!lua flags=allow-oom\n{}", include_str!("set_aside.lua"));
        Self { script: Script::new("set_aside", &text) }
    }

    /// Sets one aside, unless it has changed since it was read.
    pub(super) async fn put(
        &self,
        queue: &Queue,
        epoch: Epoch,
        intent: &Intent,
        (why, at): (&str, i64),
    ) -> Result<(), QueueError> {
        let store = queue.store();
        let (action, why) = (intent.action.clone(), why.to_owned());
        let about = cut(&intent.about).to_owned();
        let kept = serde_json::to_string(&SetAside { action, why, at, about })
            .expect("texts and numbers are JSON");
        let mut call = self.script.call(6, kept.len() + intent.about.len() + 256);
        call.arg(format!("{}agent:lead", store.namespace().prefix())).arg(epoch.0);
        call.arg(&intent.action).arg(&intent.about).arg(kept).arg(MOST_KEPT);
        match store.run::<String>(&self.script, &call).await?.as_str() {
            "deposed" => Err(QueueError::Deposed),
            _ => Ok(()),
        }
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MOST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
