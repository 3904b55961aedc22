//! Errors of unknown tools: the last resort, weaker than anything else.
//!
//! ```text
//! error: relation "invoices" does not exist          an error, by its first word
//! ##[error]docs/a.md links to b.md, which is gone    an annotation by a script of the project's own
//! pages: template footer.html is missing             the last line before a tool gives up:
//! make: *** [Makefile:6: pages] Error 2
//! ##[error]Process completed with exit code 2.
//! ```

use super::{Recognizer, pattern};
use crate::contract::{Category, Location, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const RECOGNIZERS: &[Recognizer] = &[
    Recognizer {
        name: "error line",
        triggers: &["error", "Error", "ERROR", "fatal", "FATAL", "panic", "Exception"],
        look: error_line,
    },
    Recognizer { name: "annotation", triggers: &["##[error]", "::error"], look: annotation },
    Recognizer { name: "exit code", triggers: &[EXIT], look: exit_code },
    Recognizer { name: "make gives up", triggers: &["make: *** [", "]: *** ["], look: before_make },
];

const EXIT: &str = "Process completed with exit code ";

/// Reports a line whose first words announce an error.
fn error_line(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let line = pattern!(
        r"^\s*(?:\[[^\]]+\]\s*)?(?:[[:word:]./-]+: )?(?:(?i:fatal error|fatal|error|panic)(?:\[[^\]]+\])?!?: *|(?:ERROR|FATAL|Error)[: -] *|\[(?i:error|fatal)\] *|(?:[a-zA-Z_$][[:word:]$]*\.)*[A-Z][[:word:]]*(?:Error|Exception): )(\S.*)$"
    );
    let content = log.content(at);
    let Some(hit) = line.captures(content) else { return };
    if content.starts_with(EXIT) || pattern!(r"(?i-u)\b(?:0|no) errors?\b").is_match(content) {
        return;
    }
    let block = log.block(at, 12, |line| line.trim().is_empty());
    found.push(
        Finding::new("error line", Category::Unknown, Strength::Suspicion, at, &hit[1])
            .with_block(block),
    );
}

/// Reports a workflow command that the project's own script wrote, or the runner's rendering of it.
fn annotation(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let text = log.text(at);
    if let Some(hit) = pattern!(r"^::error ?([^:]*)::(.+)$").captures(text) {
        found.push(
            Finding::new("annotation", Category::LintError, Strength::Cause, at, &hit[2])
                .at(place_of_command(&hit[1])),
        );
    } else if let Some(content) = text.strip_prefix("##[error]")
        && !content.starts_with(EXIT)
        && !content.trim().is_empty()
    {
        found.push(annotated(at, content));
    }
}

/// The runner hides the place of an annotation. A file in the text suggests a check of files.
fn annotated(at: usize, content: &str) -> Finding {
    let names_file = pattern!(
        r"(?:^|[\s`'(])[[:word:]@./-]*[[:word:]]\.(?:[a-z]{1,5}|toml|json)(?::[0-9]+)*[\s`',:)]"
    );
    let by_program =
        pattern!(r"^(?:Error|HttpError|RequestError|Unhandled|The process|fatal)(?-u:\b)");
    if names_file.is_match(content) && !by_program.is_match(content) {
        Finding::new("annotation", Category::LintError, Strength::Cause, at, content)
    } else {
        Finding::new("annotation", Category::Unknown, Strength::Suspicion, at, content)
    }
}

/// Parses `file=a.md,line=3,col=1`.
fn place_of_command(properties: &str) -> Option<Location> {
    let get = |name: &str| {
        properties.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    Some(Location::new(get("file")?, get("line"), get("col")))
}

/// Reports the end of a step: its last lines may give the reason; if there are none, this line is
/// all.
fn exit_code(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let Some(content) =
        log.text(at).strip_prefix("##[error]").filter(|content| content.starts_with(EXIT))
    else {
        return;
    };
    let block = last_lines(log, at);
    found.push(
        Finding::new("exit code", Category::Unknown, Strength::Echo, at, content)
            .with_block(block)
            .with_verdict(Verdict::Investigate),
    );
    last_words(log, at, found);
}

/// Reports a target's last line before make gave up.
fn before_make(log: &Log, at: usize, found: &mut Vec<Finding>) {
    if log.content(at).contains("] Error ") {
        last_words(log, at, found);
    }
}

fn last_words(log: &Log, before: usize, found: &mut Vec<Finding>) {
    const FAR: usize = 12;
    let Some(start) = log.step_of(before).map(|step| log.steps()[step].script.end) else { return };
    let near = start.max(before.saturating_sub(FAR))..before;
    let Some(at) = near.rev().find(|&at| !is_echo(log.content(at))) else { return };
    if complains(log.content(at)) {
        found.push(
            Finding::new("last words", Category::Unknown, Strength::Suspicion, at, log.content(at))
                .with_block(last_lines(log, before)),
        );
    }
}

/// Returns `true` for lines that only report an end or its place.
pub(super) fn is_echo(content: &str) -> bool {
    pattern!(
        r"(?i-u)^\s*$|^make(?:\[[0-9]+\])?: |^npm (?:ERR!|error|notice)|^ELIFECYCLE|^\s*at |^##\[|^(?:\+ )?exit [0-9]|^Waiting for|^[-=*_\s]+$|^\[command\]"
    )
    .is_match(content)
}

/// Returns `true` if the words make a last line more than the end of a report. A list is faster
/// than a pattern of so many words, and almost every log asks.
pub(super) fn complains(content: &str) -> bool {
    const WORDS: [&str; 38] = [
        "fail",
        "failed",
        "fails",
        "failure",
        "error",
        "errors",
        "missing",
        "not",
        "no",
        "cannot",
        "can't",
        "couldn't",
        "unable",
        "invalid",
        "unknown",
        "unexpected",
        "denied",
        "refused",
        "must",
        "should",
        "expected",
        "bad",
        "wrong",
        "abort",
        "aborted",
        "aborting",
        "mismatch",
        "differ",
        "differs",
        "many",
        "few",
        "large",
        "long",
        "old",
        "fatal",
        "illegal",
        "lacks",
        "undefined",
    ];
    const COUNTED: [&str; 8] =
        ["error", "errors", "failure", "failures", "failed", "problem", "problems", "issues"];
    let is_of_word = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '\'';
    let words = || content.split(|char| !is_of_word(char)).filter(|word| !word.is_empty());
    let is_one_of =
        |word: &str, list: &[&str]| list.iter().any(|one| word.eq_ignore_ascii_case(one));
    let counts_none = words().zip(words().skip(1)).any(|(count, what)| {
        (count == "0" || count.eq_ignore_ascii_case("no")) && is_one_of(what, &COUNTED)
    });
    let needs_too = |word: &str| is_one_of(word, &["many", "few", "large", "long", "old"]);
    let mut before = "";
    let complaint = words().any(|word| {
        let after = std::mem::replace(&mut before, word);
        is_one_of(word, &WORDS) && (!needs_too(word) || after.eq_ignore_ascii_case("too"))
    });
    complaint && !counts_none
}

/// Returns the end of a step's output, with at most a part of its script.
fn last_lines(log: &Log, at: usize) -> std::ops::Range<usize> {
    const SHOWN: usize = 15;
    let start = log.step_of(at).map_or(0, |step| log.steps()[step].lines.start);
    start.max(at.saturating_sub(SHOWN))..at + 1
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::finding::{Finding, Strength};
    use crate::recognize::found_by;

    fn of(tool: &str, text: &str) -> Vec<Finding> {
        found_by(tool, text)
    }

    #[test]
    fn an_error_is_known_by_its_first_words() {
        for line in [
            "error: relation does not exist",
            "ERROR: relation does not exist",
            "acme: fatal: relation does not exist",
            "[error] relation does not exist",
            "com.acme.RelationException: relation does not exist",
        ] {
            assert_eq!(of("error line", line)[0].message, "relation does not exist", "{line}");
        }
        for line in ["0 errors", "error rate: 0.0", "done: error: 0 errors", "errors.rs compiled"] {
            assert_eq!(of("error line", line), [], "{line}");
        }
    }

    #[test]
    fn annotations_that_name_a_file_are_complaints_about_it() {
        let found = of("annotation", "::error file=docs/a.md,line=3::broken link\n");
        assert_eq!(found[0].location.as_ref().and_then(|place| place.line), Some(3));
        let found = of("annotation", "##[error]docs/a.md links to b.md, which is gone\n");
        assert_eq!((found[0].category, found[0].strength), (Category::LintError, Strength::Cause));
        let found = of("annotation", "##[error]Something went wrong\n");
        assert_eq!(found[0].strength, Strength::Suspicion);
    }

    #[test]
    fn last_words_count_when_they_complain() {
        let log = "##[group]Run ./deploy.sh\nshell: bash\n##[endgroup]\ndeploying\ndeploy: no configuration\n\
                   ##[error]Process completed with exit code 4.\n";
        assert_eq!(of("last words", log)[0].message, "deploy: no configuration");
        let log = "##[group]Run ./deploy.sh\nshell: bash\n##[endgroup]\ndeployed 3 files, 0 errors\n\
                   ##[error]Process completed with exit code 4.\n";
        assert_eq!(of("last words", log), []);
        let log =
            "pages: template is missing\nmake: *** [Makefile:6: pages] Error 2\nnext: 1 of 6\n";
        assert_eq!(of("last words", log)[0].message, "pages: template is missing");
    }
}
