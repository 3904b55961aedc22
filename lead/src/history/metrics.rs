//! Metrics of the history.

use greenline_runtime::metrics::Metric;
use metrics::{counter, gauge};

use super::evidence::CheckColor;

const RESULTS: Metric = Metric::counter(
    "greenline_check_results_total",
    "Results of checks that this lead observed, by outcome: green, red, infra.",
);
const FLAKES: Metric = Metric::counter(
    "greenline_flakes_total",
    "Checks that this lead saw both fail and pass on one commit.",
);
const FLAKE_RATE: Metric = Metric::gauge(
    "greenline_flake_rate",
    "Share of the last 14 days' results of all checks that were flaky: 0 to 1.",
);

/// All of them, for their help text.
pub(crate) const METRICS: &[Metric] = &[RESULTS, FLAKES, FLAKE_RATE];

pub(super) fn observed(color: CheckColor, flaked: bool) {
    counter!(RESULTS.name, "outcome" => color.as_str()).increment(1);
    if flaked {
        counter!(FLAKES.name).increment(1);
    }
}

pub(super) fn rate(rate: f64) {
    gauge!(FLAKE_RATE.name).set(rate);
}
