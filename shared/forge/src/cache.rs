//! A cache of responses that are revalidated by ETag: "not modified" does not count against the
//! primary limit.
//!
//! - The cache is bounded in bytes and evicts the least recently used entry.
//! - The key is the address, the accepted media type, and the account.
//! - It holds complete responses only.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use lru::LruCache;

use crate::account::Account;

/// The key of a cached response.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) account: Account,
    pub(crate) accept: &'static str,
    pub(crate) url: String,
}

/// A cached response.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) etag: HeaderValue,
    /// The link to the next page.
    pub(crate) link: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

/// The approximate size of an entry beside its text.
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

    /// Stores a response, unless it would take more than a quarter of the cache.
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

    pub(crate) fn bytes(&self) -> usize {
        self.shelf().bytes
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        // Every step leaves the content consistent, so a panic elsewhere does no harm here.
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
