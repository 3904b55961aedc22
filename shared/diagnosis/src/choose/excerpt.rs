//! The part of the log that a repair needs, within a budget.

use crate::contract::Excerpt;
use crate::finding::Finding;
use crate::log::Log;

use super::step::Scene;

/// Chooses lines, the most telling first, until the budget is used.
pub(super) fn excerpt(_log: &Log, _ranked: &[&Finding], _scene: &Scene, _budget: usize) -> Excerpt {
    Excerpt::default()
}
