//! Verdicts as they come, and the last line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};

use serde_json::json;

use crate::attempt::AttackVerdict;
use crate::target::AttackTarget;

/// The width of a line.
const WIDTH: usize = 80;

/// What has been seen so far.
pub(crate) struct AttackReport {
    json: bool,
    verbose: bool,
    only: Option<String>,
    target: Option<AttackTarget>,
    broke: usize,
    held: usize,
    /// Reasons why attempts were not tried, and how many.
    not_tried: BTreeMap<String, usize>,
    shown_progress: bool,
}

impl AttackReport {
    pub(crate) fn new(json: bool, verbose: bool, only: Option<String>) -> Self {
        Self {
            json,
            verbose,
            only,
            target: None,
            broke: 0,
            held: 0,
            not_tried: BTreeMap::new(),
            shown_progress: false,
        }
    }

    /// Returns `true` if this attempt is wanted.
    pub(crate) fn wants(&self, name: &str, words: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.starts_with(only) || words.contains(only))
    }

    /// Begins with a ground.
    pub(crate) fn begin(&mut self, target: AttackTarget) {
        self.target = Some(target);
        if !self.json {
            self.line(&format!("\n{target}"));
        }
    }

    /// Shows what a task printed, if that is wanted.
    pub(crate) fn verbose(&mut self, output: &str) {
        if self.verbose && !self.json {
            for line in output.lines().filter(|line| !line.is_empty()) {
                self.line(&format!("    | {}", line.escape_debug()));
            }
        }
    }

    /// Shows on a terminal what is being tried.
    pub(crate) fn progress(&mut self, words: &str) {
        let mut err = std::io::stderr();
        if !self.json && err.is_terminal() {
            let shown: String = format!("  … {words}").chars().take(WIDTH - 1).collect();
            let _gone = write!(err, "\r\x1b[K{shown}");
            let _gone = err.flush();
            self.shown_progress = true;
        }
    }

    /// Adds the verdict on one attempt.
    pub(crate) fn add(&mut self, name: &str, words: &str, verdict: AttackVerdict) {
        match &verdict {
            AttackVerdict::Broke(_) => self.broke += 1,
            AttackVerdict::Held => self.held += 1,
            AttackVerdict::NotTried(why) => *self.not_tried.entry(general(why)).or_default() += 1,
            AttackVerdict::Documented(_) => {
                *self.not_tried.entry("open as documented".to_owned()).or_default() += 1;
            }
        }
        if self.json {
            let line = json!({
                "ground": self.target, "name": name, "words": words, "result": verdict,
            });
            self.line(&line.to_string());
            return;
        }
        let first = match &verdict {
            AttackVerdict::Held => "held",
            AttackVerdict::Broke(_) => "broke",
            AttackVerdict::Documented(_) => "open",
            AttackVerdict::NotTried(_) => "not tried",
        };
        let shown: String =
            format!("  {first:<9}  {name:<5} {words}").chars().take(WIDTH).collect();
        self.line(&shown);
        for line in wrapped(&verdict.why()) {
            self.line(&format!("{:12}{line}", ""));
        }
    }

    /// Adds attempts of which none could be made, for one reason.
    pub(crate) fn skip(&mut self, count: usize, why: &str) {
        *self.not_tried.entry(general(why)).or_default() += count;
        if self.json {
            let line = json!({"ground": self.target, "attempts": count, "not_tried": why});
            self.line(&line.to_string());
        } else {
            self.line(&format!("  could not try {count} attempts ({why})"));
        }
    }

    /// Prints the last line; returns `true` if nothing broke.
    pub(crate) fn end(&mut self) -> bool {
        if !self.json {
            self.line("");
        }
        let line = self.last_line();
        self.line(&line);
        self.broke == 0
    }

    fn last_line(&self) -> String {
        let not_tried: usize = self.not_tried.values().sum();
        let mut line =
            format!("broke {}, held {}, could not try {not_tried}", self.broke, self.held);
        let mut reasons: Vec<_> = self.not_tried.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let reasons: Vec<_> =
            reasons.iter().map(|(why, count)| format!("{why}: {count}")).collect();
        if !reasons.is_empty() {
            let _infallible = write!(line, " ({})", reasons.join("; "));
        }
        line
    }

    fn line(&mut self, text: &str) {
        if std::mem::take(&mut self.shown_progress) {
            let _gone = write!(std::io::stderr(), "\r\x1b[K");
        }
        let mut out = std::io::stdout();
        let _gone = writeln!(out, "{text}");
        let _gone = out.flush();
    }
}

/// Lines of words that fit beside an indentation of 12.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if !line.is_empty() && line.chars().count() + word.chars().count() >= WIDTH - 12 {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// A reason without what differs between attempts, so that they can be counted together.
fn general(why: &str) -> String {
    if why.starts_with("control failed") {
        return "control failed".to_owned();
    }
    why.split(": ").next().unwrap_or(why).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_and_says_why() {
        let mut report = AttackReport::new(true, false, None);
        assert_eq!(report.last_line(), "broke 0, held 0, could not try 0");
        report.add("1", "a", AttackVerdict::Held);
        report.add("2", "b", AttackVerdict::Broke("x".to_owned()));
        for name in ["3", "4"] {
            report.add(name, "c", AttackVerdict::NotTried("control failed: no".to_owned()));
        }
        report.add("5", "d", AttackVerdict::NotTried("no Docker engine".to_owned()));
        let expected = "broke 1, held 1, could not try 3 (control failed: 2; no Docker engine: 1)";
        assert_eq!(report.last_line(), expected);
    }
}
