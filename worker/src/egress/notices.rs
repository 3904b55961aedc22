//! Reports of what was refused, in the task's output: a line for each, once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The most lines for one command.
const MOST_LINES: usize = 40;

/// Reports each line once, and not too many of them.
pub(super) struct Notices {
    reported: Mutex<HashSet<String>>,
    report: Box<dyn Fn(&str) + Send + Sync>,
}

impl Notices {
    pub(super) fn new(report: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { reported: Mutex::default(), report: Box::new(report) }
    }

    pub(super) fn report(&self, line: &str) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.len() > MOST_LINES || !reported.insert(line.to_owned()) {
            return;
        }
        let is_last = reported.len() > MOST_LINES;
        drop(reported);
        if is_last {
            (self.report)("greenline: more was refused than is reported here\n");
        } else {
            (self.report)(&format!("greenline: {line}\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn each_line_is_reported_once_and_their_number_is_bounded() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&lines);
        let notices = Notices::new(move |line| to.lock().unwrap().push(line.to_owned()));
        for number in (0..1_000).chain(0..10) {
            notices.report(&format!("no {number}"));
        }
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), MOST_LINES + 1);
        assert_eq!(lines[0], "greenline: no 0\n");
        assert!(lines[MOST_LINES].contains("more was refused"));
    }
}
