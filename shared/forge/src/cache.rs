//! Answers kept to be asked for by ETag: "not modified" costs nothing on the primary limit.
//!
//! - Bounded in bytes; what was used longest ago goes first.
//! - Known by address, by what was accepted, and by whom it was shown to.
//! - Only whole answers come here.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use lru::LruCache;

use crate::account::Account;

/// What an answer is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) account: Account,
    pub(crate) accept: &'static str,
    pub(crate) url: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) etag: HeaderValue,
    /// Where the next page is.
    pub(crate) link: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

/// What an entry takes beside its text, roughly.
const OVERHEAD: usize = 256;

fn weight(key: &Key, kept: &Kept) -> usize {
    let link = kept.link.as_ref().map_or(0, HeaderValue::len);
    OVERHEAD + key.url.len() + kept.etag.len() + link + kept.body.len()
}

#[derive(Debug)]
pub(crate) struct Cache {
    most: usize,
    shelf: Mutex<Shelf>,
}

#[derive(Debug)]
struct Shelf {
    entries: LruCache<Key, Kept>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, shelf: Mutex::new(Shelf { entries: LruCache::unbounded(), bytes: 0 }) }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Kept> {
        self.shelf().entries.get(key).cloned()
    }

    /// Keeps an answer, unless it alone would take a quarter of the room.
    pub(crate) fn put(&self, key: Key, kept: Kept) {
        let added = weight(&key, &kept);
        let mut shelf = self.shelf();
        if let Some(before) = shelf.entries.pop(&key) {
            shelf.bytes -= weight(&key, &before);
        }
        if added > self.most / 4 {
            return;
        }
        shelf.bytes += added;
        shelf.entries.put(key, kept);
        while shelf.bytes > self.most {
            let Some((key, kept)) = shelf.entries.pop_lru() else { break };
            shelf.bytes -= weight(&key, &kept);
        }
    }

    /// Bytes kept now.
    pub(crate) fn bytes(&self) -> usize {
        self.shelf().bytes
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        // What is in it is whole after every step, so a panic elsewhere costs nothing here.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(url: &str) -> Key {
        Key { account: Account::Token, accept: "json", url: url.to_owned() }
    }

    fn kept(bytes: usize) -> Kept {
        let etag = HeaderValue::from_static("\"a\"");
        Kept { etag, link: None, body: Bytes::from(vec![b'x'; bytes]) }
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let cache = Cache::new(8 * OVERHEAD);
        for url in ["a", "b", "c", "d"] {
            cache.put(key(url), kept(OVERHEAD / 2));
        }
        assert!(cache.get(&key("a")).is_some());
        for url in ["e", "f"] {
            cache.put(key(url), kept(OVERHEAD / 2));
        }
        assert!(cache.bytes() <= 8 * OVERHEAD);
        assert!(cache.get(&key("b")).is_none() && cache.get(&key("a")).is_some());
    }

    #[test]
    fn one_large_answer_does_not_push_all_others_out() {
        let cache = Cache::new(8 * OVERHEAD);
        cache.put(key("a"), kept(1));
        cache.put(key("large"), kept(3 * OVERHEAD));
        cache.put(key("a"), kept(2));
        assert_eq!(
            (cache.get(&key("large")).is_some(), cache.get(&key("a")).unwrap().body.len()),
            (false, 2)
        );
        assert_eq!(cache.bytes(), weight(&key("a"), &kept(2)));
    }

    #[test]
    fn answers_for_one_account_are_not_shown_to_another() {
        let cache = Cache::new(1 << 20);
        cache.put(key("a"), kept(1));
        let other = Key { account: Account::Anonymous, ..key("a") };
        assert!(cache.get(&other).is_none());
    }
}
