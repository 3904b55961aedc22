//! GitHub's rate limits: what is left, and what was used.
//!
//! GitHub counts per account and resource, and reports the rest with every response. An exhausted
//! limit is not tried again before it ends, because calls while limited can get an app banned.
//! Times come from GitHub's clock and are kept as durations on the local clock, so that a machine
//! with a wrong clock waits neither for hours nor not at all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use greenline_runtime::clock::Clock;
use greenline_runtime::metrics::{Metric, describe};
use http::HeaderMap;
use metrics::{counter, gauge};

use crate::account::Account;
use crate::error::RateLimitKind;
use crate::time::Timestamp;

macro_rules! metrics_of_github {
    ($($name:ident: $kind:ident $text:literal, $help:literal;)+) => {
        $(const $name: Metric = Metric::$kind($text, $help);)+
        const ALL: &[Metric] = &[$($name),+];
    };
}

metrics_of_github! {
    CALLS: counter "greenline_github_calls_total", "Requests sent to GitHub, by resource and by how they ended; not_modified costs nothing.";
    WAITS: counter "greenline_github_waits_total", "How often a call waited for GitHub: for a limit, or to try again.";
    LIMIT: gauge "greenline_github_limit", "Calls (for graphql: points) that GitHub allows an hour, by account and resource.";
    REMAINING: gauge "greenline_github_remaining", "Calls or points left in this hour, by account and resource.";
    RESET: gauge "greenline_github_reset_timestamp_seconds", "When the hour ends, in seconds since 1970, by account and resource.";
    KEPT: gauge "greenline_github_cache_bytes", "Answers kept to be asked for by ETag.";
}

/// Registers the help texts of the metrics. Call it once, after the exporter is installed.
pub fn describe_metrics() {
    describe(ALL);
}

/// The state of one resource of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitReading {
    /// `token`, `anonymous`, `app` or `installation-ID`.
    pub account: String,
    /// `core`, `graphql` or `search`.
    pub resource: String,
    /// Calls or points an hour.
    pub limit: u64,
    /// Calls or points that are left.
    pub remaining: u64,
    /// The time of the reset, by the local clock.
    pub resets_at: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct RemainingCalls {
    limit: u64,
    remaining: u64,
    resets: Duration,
}

#[derive(Debug, Default)]
struct RateLimitState {
    left: HashMap<(Account, String), RemainingCalls>,
    /// Accounts that have to wait, with the time until then.
    paused: HashMap<Account, Duration>,
}

#[derive(Debug)]
pub(crate) struct RateLimitTracker {
    clock: Clock,
    state: Mutex<RateLimitState>,
}

impl RateLimitTracker {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Stores the limits that a response reports.
    pub(crate) fn read(&self, account: Account, headers: &HeaderMap) {
        let Some((resource, left)) = self.left(headers) else { return };
        let labels = [("account", account.label()), ("resource", resource.clone())];
        gauge!(LIMIT.name, &labels).set(number(left.limit));
        gauge!(REMAINING.name, &labels).set(number(left.remaining));
        gauge!(RESET.name, &labels).set(number(self.timestamp(left.resets).0 / 1_000));
        self.state().left.insert((account, resource), left);
    }

    fn left(&self, headers: &HeaderMap) -> Option<(String, RemainingCalls)> {
        let resource = text(headers, "x-ratelimit-resource").unwrap_or("core");
        let left = RemainingCalls {
            limit: text(headers, "x-ratelimit-limit")?.parse().ok()?,
            remaining: text(headers, "x-ratelimit-remaining")?.parse().ok()?,
            resets: self.clock.steady() + self.until_reset(headers)?,
        };
        // The resource becomes a label, so it must be one short word.
        let word = resource.len() <= 40 && resource.bytes().all(|byte| byte.is_ascii_graphic());
        Some((if word { resource } else { "other" }.to_owned(), left))
    }

    /// Returns the time until the hour ends, by GitHub's clock where the headers hold it.
    pub(crate) fn until_reset(&self, headers: &HeaderMap) -> Option<Duration> {
        let reset_s: u64 = text(headers, "x-ratelimit-reset")?.parse().ok()?;
        let now_ms = response_date(headers).unwrap_or_else(|| self.clock.wall_ms());
        Some(Duration::from_millis(reset_s.saturating_mul(1_000).saturating_sub(now_ms)))
    }

    /// Makes an account wait.
    pub(crate) fn pause(&self, account: Account, time: Duration) {
        let until = self.clock.steady() + time;
        let mut state = self.state();
        let paused = state.paused.entry(account).or_default();
        *paused = until.max(*paused);
    }

    /// Makes one resource of an account wait, as if a response had reported it as exhausted.
    pub(crate) fn exhaust(&self, account: Account, resource: &str, time: Duration) {
        let resets = self.clock.steady() + time;
        let mut state = self.state();
        let left = state.left.entry((account, resource.to_owned()));
        let left = left.or_insert(RemainingCalls { limit: 0, remaining: 0, resets });
        (left.remaining, left.resets) = (0, resets);
    }

    /// Returns the time that this account has to wait before it may use this resource.
    pub(crate) fn wait(
        &self,
        account: Account,
        resource: &str,
    ) -> Option<(RateLimitKind, Duration)> {
        let now = self.clock.steady();
        let state = self.state();
        let paused = state.paused.get(&account).map(|until| until.saturating_sub(now));
        if let Some(wait) = paused.filter(|wait| !wait.is_zero()) {
            return Some((RateLimitKind::Secondary, wait));
        }
        let left = state.left.get(&(account, resource.to_owned()))?;
        let wait = left.resets.saturating_sub(now);
        (left.remaining == 0 && !wait.is_zero()).then_some((RateLimitKind::Primary, wait))
    }

    /// Returns the wall clock's time after `time` from now.
    pub(crate) fn in_time(&self, time: Duration) -> Timestamp {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.clock.wall_ms().saturating_add(ms))
    }

    /// Returns all readings in a stable order.
    pub(crate) fn rate_limit_readings(&self) -> Vec<RateLimitReading> {
        let state = self.state();
        let mut rate_limit_readings: Vec<RateLimitReading> = state
            .left
            .iter()
            .map(|((account, resource), left)| RateLimitReading {
                account: account.label(),
                resource: resource.clone(),
                limit: left.limit,
                remaining: left.remaining,
                resets_at: self.timestamp(left.resets),
            })
            .collect();
        rate_limit_readings
            .sort_by(|a, b| (&a.account, &a.resource).cmp(&(&b.account, &b.resource)));
        rate_limit_readings
    }

    fn timestamp(&self, steady: Duration) -> Timestamp {
        self.in_time(steady.saturating_sub(self.clock.steady()))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, RateLimitState> {
        // Every step leaves the content consistent, so a panic elsewhere does no harm here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn count_call(resource: &'static str, ended: &'static str) {
    counter!(CALLS.name, "resource" => resource, "ended" => ended).increment(1);
}

pub(crate) fn count_wait(reason: &'static str) {
    counter!(WAITS.name, "reason" => reason).increment(1);
}

/// Sets the metric of the cache's size.
pub(crate) fn set_cache_gauge(bytes: usize) {
    gauge!(KEPT.name).set(number(u64::try_from(bytes).unwrap_or(u64::MAX)));
}

#[expect(clippy::cast_precision_loss, reason = "limits and moments fit many times over")]
fn number(count: u64) -> f64 {
    count as f64
}

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Returns GitHub's clock in milliseconds since 1970.
pub(crate) fn response_date(headers: &HeaderMap) -> Option<u64> {
    let date = DateTime::parse_from_rfc2822(text(headers, "date")?).ok()?;
    u64::try_from(date.timestamp_millis()).ok()
}

#[cfg(test)]
mod tests {
    use greenline_runtime::clock::ManualClock;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_is_used_up_is_waited_for_by_githubs_clock() {
        let clock = ManualClock::at(5);
        let rate_limits = RateLimitTracker::new(clock.clock());
        let received = [
            ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000090"),
            ("x-ratelimit-resource", "graphql"),
        ];
        rate_limits.read(Account::Token, &headers(&received));
        let wait = Some((RateLimitKind::Primary, Duration::from_secs(90)));
        assert_eq!(rate_limits.wait(Account::Token, "graphql"), wait);
        assert_eq!(rate_limits.wait(Account::Token, "core"), None);
        assert_eq!(rate_limits.wait(Account::App, "graphql"), None);
        assert_eq!(rate_limits.rate_limit_readings()[0].resets_at, Timestamp(90_005));
        clock.advance(Duration::from_secs(90));
        assert_eq!(rate_limits.wait(Account::Token, "graphql"), None);
    }

    #[test]
    fn a_pause_holds_a_whole_account_and_only_grows() {
        let clock = ManualClock::at(0);
        let rate_limits = RateLimitTracker::new(clock.clock());
        rate_limits.pause(Account::Token, Duration::from_secs(60));
        rate_limits.pause(Account::Token, Duration::from_secs(1));
        assert_eq!(
            rate_limits.wait(Account::Token, "core"),
            Some((RateLimitKind::Secondary, Duration::from_secs(60)))
        );
        clock.advance(Duration::from_secs(60));
        assert_eq!(rate_limits.wait(Account::Token, "core"), None);
    }

    #[test]
    fn headers_that_say_nothing_change_nothing() {
        let rate_limits = RateLimitTracker::new(ManualClock::at(0).clock());
        rate_limits.read(Account::Token, &headers(&[("x-ratelimit-remaining", "many")]));
        assert_eq!(rate_limits.rate_limit_readings(), []);
    }
}
