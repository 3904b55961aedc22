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
pub(crate) struct CacheKey {
    pub(crate) account: Account,
    pub(crate) accept: &'static str,
    pub(crate) url: String,
}

/// A cached response.
#[derive(Debug, Clone)]
pub(crate) struct CachedResponse {
    pub(crate) etag: HeaderValue,
    /// The link to the next page.
    pub(crate) link: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

/// The approximate size of an entry beside its text.
const OVERHEAD: usize = 256;

fn weight(key: &CacheKey, cached: &CachedResponse) -> usize {
    let link = cached.link.as_ref().map_or(0, HeaderValue::len);
    OVERHEAD + key.url.len() + cached.etag.len() + link + cached.body.len()
}

#[derive(Debug)]
pub(crate) struct ResponseCache {
    most: usize,
    entries: Mutex<CacheEntries>,
}

#[derive(Debug)]
struct CacheEntries {
    entries: LruCache<CacheKey, CachedResponse>,
    bytes: usize,
}

impl ResponseCache {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            entries: Mutex::new(CacheEntries { entries: LruCache::unbounded(), bytes: 0 }),
        }
    }

    pub(crate) fn get(&self, key: &CacheKey) -> Option<CachedResponse> {
        self.entries().entries.get(key).cloned()
    }

    /// Stores a response, unless it would take more than a quarter of the cache.
    pub(crate) fn put(&self, key: CacheKey, cached: CachedResponse) {
        let added = weight(&key, &cached);
        let mut entries = self.entries();
        if let Some(before) = entries.entries.pop(&key) {
            entries.bytes -= weight(&key, &before);
        }
        if added > self.most / 4 {
            return;
        }
        entries.bytes += added;
        entries.entries.put(key, cached);
        while entries.bytes > self.most {
            let Some((key, cached)) = entries.entries.pop_lru() else { break };
            entries.bytes -= weight(&key, &cached);
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.entries().bytes
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, CacheEntries> {
        // Every step leaves the content consistent, so a panic elsewhere does no harm here.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(url: &str) -> CacheKey {
        CacheKey { account: Account::Token, accept: "json", url: url.to_owned() }
    }

    fn cached(bytes: usize) -> CachedResponse {
        let etag = HeaderValue::from_static("\"a\"");
        CachedResponse { etag, link: None, body: Bytes::from(vec![b'x'; bytes]) }
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let cache = ResponseCache::new(8 * OVERHEAD);
        for url in ["a", "b", "c", "d"] {
            cache.put(key(url), cached(OVERHEAD / 2));
        }
        assert!(cache.get(&key("a")).is_some());
        for url in ["e", "f"] {
            cache.put(key(url), cached(OVERHEAD / 2));
        }
        assert!(cache.bytes() <= 8 * OVERHEAD);
        assert!(cache.get(&key("b")).is_none() && cache.get(&key("a")).is_some());
    }

    #[test]
    fn one_large_answer_does_not_push_all_others_out() {
        let cache = ResponseCache::new(8 * OVERHEAD);
        cache.put(key("a"), cached(1));
        cache.put(key("large"), cached(3 * OVERHEAD));
        cache.put(key("a"), cached(2));
        assert_eq!(
            (cache.get(&key("large")).is_some(), cache.get(&key("a")).unwrap().body.len()),
            (false, 2)
        );
        assert_eq!(cache.bytes(), weight(&key("a"), &cached(2)));
    }

    #[test]
    fn answers_for_one_account_are_not_shown_to_another() {
        let cache = ResponseCache::new(1 << 20);
        cache.put(key("a"), cached(1));
        let other = CacheKey { account: Account::Anonymous, ..key("a") };
        assert!(cache.get(&other).is_none());
    }
}
