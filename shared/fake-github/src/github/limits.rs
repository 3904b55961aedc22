//! GitHub's limits: requests per hour, points of GraphQL, and the secondary limits on writes and
//! bursts.
//!
//! The hour follows the clock that is passed in, and starts with the first call.

use std::collections::{HashMap, VecDeque};

use axum::http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::response::ApiRefusal;

const HOUR_MS: u64 = 3_600_000;
const MINUTE_MS: u64 = 60_000;

/// The limits of each caller.
#[derive(Debug, Clone, Copy)]
pub struct RateBudget {
    /// REST calls in an hour.
    pub core: u64,
    /// REST calls in an hour without a token.
    pub anonymous: u64,
    /// Points of GraphQL in an hour.
    pub graphql: u64,
    /// Points of REST in a minute: one for a read, five for a write.
    pub points_a_minute: u64,
    /// Calls that create content in a minute.
    pub content_a_minute: u64,
    /// Calls that create content in an hour.
    pub content_an_hour: u64,
}

impl Default for RateBudget {
    fn default() -> Self {
        Self {
            core: 5_000,
            anonymous: 60,
            graphql: 5_000,
            points_a_minute: 900,
            content_a_minute: 80,
            content_an_hour: 500,
        }
    }
}

/// The limit that a call counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    Core,
    Graphql,
}

impl Resource {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Graphql => "graphql",
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct RateLimits {
    pub(crate) budget: RateBudget,
    used: HashMap<(String, Resource), Window>,
    lately: HashMap<String, VecDeque<Recent>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    ends_ms: u64,
    used: u64,
}

#[derive(Debug, Clone, Copy)]
struct Recent {
    at_ms: u64,
    points: u64,
    content: bool,
}

/// The use of a limit by a caller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimitStatus {
    pub(crate) limit: u64,
    pub(crate) used: u64,
    pub(crate) reset_s: u64,
    resource: Resource,
}

impl RateLimitStatus {
    pub(crate) fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "limit": self.limit,
            "used": self.used,
            "remaining": self.remaining(),
            "reset": self.reset_s,
            "resource": self.resource.name(),
        })
    }

    /// Puts it on an answer.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let numbers = [
            ("x-ratelimit-limit", self.limit),
            ("x-ratelimit-remaining", self.remaining()),
            ("x-ratelimit-reset", self.reset_s),
            ("x-ratelimit-used", self.used),
        ];
        for (name, number) in numbers {
            headers.insert(name, HeaderValue::from(number));
        }
        headers.insert("x-ratelimit-resource", HeaderValue::from_static(self.resource.name()));
    }
}

impl RateLimits {
    pub(crate) fn standing(
        &mut self,
        author: &str,
        resource: Resource,
        now_ms: u64,
    ) -> RateLimitStatus {
        let limit = self.limit(author, resource);
        let window = self.used.entry((author.to_owned(), resource)).or_default();
        if window.ends_ms <= now_ms {
            *window = Window { ends_ms: now_ms + HOUR_MS, used: 0 };
        }
        RateLimitStatus {
            limit,
            used: window.used,
            reset_s: window.ends_ms.div_ceil(1000),
            resource,
        }
    }

    /// The same without starting a new hour.
    pub(crate) fn peek(&self, author: &str, resource: Resource, now_ms: u64) -> RateLimitStatus {
        let key = (author.to_owned(), resource);
        let fresh = Window { ends_ms: now_ms + HOUR_MS, used: 0 };
        let window = self.used.get(&key).copied().filter(|it| it.ends_ms > now_ms).unwrap_or(fresh);
        let limit = self.limit(author, resource);
        RateLimitStatus {
            limit,
            used: window.used,
            reset_s: window.ends_ms.div_ceil(1000),
            resource,
        }
    }

    fn limit(&self, author: &str, resource: Resource) -> u64 {
        match (resource, author) {
            (Resource::Graphql, _) => self.budget.graphql,
            (Resource::Core, "nobody") => self.budget.anonymous,
            (Resource::Core, _) => self.budget.core,
        }
    }

    /// Refuses a call that is one too many.
    pub(crate) fn check(
        &mut self,
        author: &str,
        resource: Resource,
        now_ms: u64,
    ) -> Result<(), ApiRefusal> {
        let standing = self.standing(author, resource, now_ms);
        if standing.remaining() == 0 {
            let text = format!("API rate limit exceeded for {author}.");
            return Err(ApiRefusal::new(403, text));
        }
        self.check_recent(author, now_ms)
    }

    fn check_recent(&mut self, author: &str, now_ms: u64) -> Result<(), ApiRefusal> {
        let budget = self.budget;
        let lately = self.lately.entry(author.to_owned()).or_default();
        while lately.front().is_some_and(|first| first.at_ms + HOUR_MS <= now_ms) {
            lately.pop_front();
        }
        let minute = || lately.iter().filter(|call| call.at_ms + MINUTE_MS > now_ms);
        let points: u64 = minute().map(|call| call.points).sum();
        let content = |count: usize, most: u64| u64::try_from(count).unwrap_or(u64::MAX) >= most;
        let in_a_minute = minute().filter(|call| call.content).count();
        let in_an_hour = lately.iter().filter(|call| call.content).count();
        if points >= budget.points_a_minute
            || content(in_a_minute, budget.content_a_minute)
            || content(in_an_hour, budget.content_an_hour)
        {
            return Err(secondary(60));
        }
        Ok(())
    }

    /// Counts a call that was answered.
    pub(crate) fn charge(&mut self, author: &str, spent: Spent, now_ms: u64) {
        self.standing(author, spent.resource, now_ms);
        if let Some(window) = self.used.get_mut(&(author.to_owned(), spent.resource)) {
            window.used += spent.cost;
        }
        let points = if spent.resource == Resource::Graphql {
            0
        } else if spent.writes {
            5
        } else {
            spent.cost
        };
        let recent = Recent { at_ms: now_ms, points, content: spent.writes };
        self.lately.entry(author.to_owned()).or_default().push_back(recent);
    }

    /// Uses up what a caller has left.
    pub(crate) fn exhaust(&mut self, author: &str, resource: Resource, now_ms: u64) {
        let standing = self.standing(author, resource, now_ms);
        if let Some(window) = self.used.get_mut(&(author.to_owned(), resource)) {
            window.used = standing.limit;
        }
    }
}

/// The cost of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) resource: Resource,
    pub(crate) cost: u64,
    pub(crate) writes: bool,
}

/// The refusal of the secondary limit.
pub(crate) fn secondary(retry_after_s: u64) -> ApiRefusal {
    let text =
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    ApiRefusal::new(403, text).with("retry-after", &retry_after_s.to_string())
}
