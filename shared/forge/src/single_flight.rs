//! Work that many callers ask for at once and one of them does.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::ForgeError;

/// Values that are computed once for all concurrent callers, and cached.
///
/// If a caller is dropped while it computes, the next one in line takes over. Callers that waited
/// for a failed attempt share its error, so that they don't fail one after another.
#[derive(Debug)]
pub(crate) struct SingleFlight<K, V> {
    slots: Mutex<HashMap<K, Arc<FlightSlot<V>>>>,
}

#[derive(Debug)]
struct FlightSlot<V> {
    /// The number of attempts that have ended.
    ended: AtomicU64,
    last: tokio::sync::Mutex<Option<Result<V, ForgeError>>>,
}

impl<K: Eq + Hash + Clone, V: Clone> SingleFlight<K, V> {
    pub(crate) fn new() -> Self {
        Self { slots: Mutex::new(HashMap::new()) }
    }

    /// Returns the cached value if it is `fresh`, or the result of `make`.
    pub(crate) async fn get(
        &self,
        key: &K,
        fresh: impl Fn(&V) -> bool,
        make: impl Future<Output = Result<V, ForgeError>>,
    ) -> Result<V, ForgeError> {
        let slot = self.slot(key);
        let came = slot.ended.load(Ordering::SeqCst);
        let mut last = slot.last.lock().await;
        match &*last {
            Some(Ok(value)) if fresh(value) => return Ok(value.clone()),
            Some(Err(error)) if slot.ended.load(Ordering::SeqCst) > came => {
                return Err(error.clone());
            }
            _ => {}
        }
        let made = make.await;
        *last = Some(made.clone());
        slot.ended.fetch_add(1, Ordering::SeqCst);
        made
    }

    /// Stores a value from another source.
    pub(crate) async fn put(&self, key: &K, value: V) {
        *self.slot(key).last.lock().await = Some(Ok(value));
    }

    /// Removes the value, so that the next caller computes it again.
    pub(crate) fn forget(&self, key: &K) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn slot(&self, key: &K) -> Arc<FlightSlot<V>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = || FlightSlot { ended: AtomicU64::new(0), last: tokio::sync::Mutex::new(None) };
        Arc::clone(slots.entry(key.clone()).or_insert_with(|| Arc::new(empty())))
    }
}
