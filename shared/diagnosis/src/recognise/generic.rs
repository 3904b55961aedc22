//! Errors of tools that nobody here knows: the last resort, weaker than anything else.

use super::{Recogniser, pattern};
use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const RECOGNISERS: &[Recogniser] = &[
    Recogniser {
        name: "error line",
        triggers: &["error", "Error", "ERROR", "fatal", "FATAL"],
        look: error_line,
    },
    Recogniser { name: "exit code", triggers: &["##[error]"], look: runner_error },
];

fn error_line(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let said = log.said(at);
    if let Some(hit) = pattern!(r"^\s*(?:\[[^\]]*\]\s*)?(?:[\w./-]+: )?(?:fatal |FATAL )?(?i:error|fatal)(?:\[[^\]]*\])?!?: *(\S.*)$").captures(said) {
        let block = log.block(at, 12, |line| line.trim().is_empty());
        found.push(Finding::new("error line", Category::Unknown, Strength::Suspicion, at, &hit[1]).with_block(block));
    }
}

fn runner_error(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let Some(said) = log.text(at).strip_prefix("##[error]") else { return };
    let strength = if said.starts_with("Process completed with exit code") {
        Strength::Echo
    } else {
        Strength::Suspicion
    };
    found.push(Finding::new("exit code", Category::Unknown, strength, at, said));
}
