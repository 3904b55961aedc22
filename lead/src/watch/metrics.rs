//! The metrics of watching. What GitHub's limits leave is counted by the client itself.

use greenline_runtime::metrics::{Metric, describe};
use metrics::{counter, gauge};

use super::event::RepoEvent;

const WEBHOOKS: Metric = Metric::counter(
    "greenline_webhooks_total",
    "Webhooks that came in, by event and by what became of them.",
);
const FAILED: Metric = Metric::counter(
    "greenline_checks_failed_total",
    "Failed checks that were handed on to be dealt with, by kind and branch.",
);
const EVENTS: Metric = Metric::counter(
    "greenline_events_total",
    "Things seen on GitHub that were handed on, by what they are.",
);
const GIVEN_UP: Metric = Metric::counter(
    "greenline_events_given_up_total",
    "Things seen on GitHub that nobody could deal with.",
);
const SWEEPS: Metric = Metric::counter(
    "greenline_github_sweeps_total",
    "Sweeps over a repository, by how they ended.",
);
const POINTS: Metric = Metric::counter(
    "greenline_github_sweep_points_total",
    "Points of GitHub's limit that sweeps have cost.",
);
const REPOSITORIES: Metric = Metric::gauge(
    "greenline_github_repositories",
    "Repositories that are watched, by whether they could be seen.",
);
const REDELIVERIES: Metric = Metric::counter(
    "greenline_webhooks_redelivered_total",
    "Webhooks that had not arrived and were asked for again.",
);
const ALL: &[Metric] =
    &[WEBHOOKS, FAILED, EVENTS, GIVEN_UP, SWEEPS, POINTS, REPOSITORIES, REDELIVERIES];

/// Gives all of them their help text.
pub(crate) fn describe_all() {
    describe(ALL);
    counter!(GIVEN_UP.name).absolute(0);
    counter!(REDELIVERIES.name).absolute(0);
}

/// A webhook was answered.
pub(crate) fn webhook(event: &str, result: &'static str) {
    counter!(WEBHOOKS.name, "event" => event_label(event), "result" => result).increment(1);
}

/// Anyone can send any word.
fn event_label(event: &str) -> &'static str {
    const KNOWN: [&str; 12] = [
        "check_run",
        "check_suite",
        "workflow_job",
        "workflow_run",
        "status",
        "pull_request",
        "issue_comment",
        "push",
        "installation",
        "installation_repositories",
        "repository",
        "ping",
    ];
    KNOWN.into_iter().find(|known| *known == event).unwrap_or("other")
}

/// Something was handed on.
pub(crate) fn dispatched(event: &RepoEvent) {
    counter!(EVENTS.name, "event" => event.kind()).increment(1);
    if let RepoEvent::CheckFailed(failed) = event {
        let branch = if failed.on_default_branch { "default" } else { "other" };
        counter!(FAILED.name, "kind" => failed.source.kind(), "branch" => branch).increment(1);
    }
}

/// Something was tried too often.
pub(crate) fn given_up() {
    counter!(GIVEN_UP.name).increment(1);
}

/// A sweep ended: `ok`, or the kind of its error.
pub(crate) fn swept(result: &'static str, points: u64) {
    counter!(SWEEPS.name, "result" => result).increment(1);
    counter!(POINTS.name).increment(points);
}

pub(crate) fn repositories(seen: usize, failing: usize) {
    for (state, count) in [("ok", seen), ("failing", failing)] {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        gauge!(REPOSITORIES.name, "state" => state).set(f64::from(count));
    }
}

/// A webhook was asked for again.
pub(crate) fn redelivered() {
    counter!(REDELIVERIES.name).increment(1);
}
