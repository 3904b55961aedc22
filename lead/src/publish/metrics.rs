//! The metrics of outside actions.

use ::metrics::{counter, gauge};
use greenline_runtime::metrics::{self, Metric};

const ACTIONS: Metric = Metric::counter(
    "greenline_outside_actions_total",
    "Outside actions that this lead tried, by kind and by what came of it.",
);
const SET_ASIDE: Metric = Metric::counter(
    "greenline_intents_set_aside_total",
    "Intents in Redis that no lead had signed, and that this lead therefore set aside.",
);
const HALTED: Metric =
    Metric::gauge("greenline_outside_halted", "1 while people have stopped all outside actions.");

/// Gives them their help text.
pub fn describe() {
    metrics::describe(&[ACTIONS, SET_ASIDE, HALTED]);
}

pub(crate) fn action_ended(action: &'static str, outcome: &'static str) {
    counter!(ACTIONS.name, "action" => action, "outcome" => outcome).increment(1);
}

pub(crate) fn halted(halted: bool) {
    gauge!(HALTED.name).set(f64::from(u8::from(halted)));
}

pub(crate) fn set_aside() {
    counter!(SET_ASIDE.name).increment(1);
}
