//! Which finding is the cause and which is its echo.

use crate::finding::Finding;
use crate::log::Log;

use super::step::Scene;

/// The findings that count, the most telling first: the stronger, then the earlier.
pub(super) fn ranked<'a>(_log: &Log, findings: &'a [Finding], scene: &Scene) -> Vec<&'a Finding> {
    let mut ranked: Vec<&Finding> =
        findings.iter().filter(|finding| scene.counts(finding)).collect();
    ranked.sort_by_key(|finding| (std::cmp::Reverse(finding.strength), finding.line));
    ranked
}
