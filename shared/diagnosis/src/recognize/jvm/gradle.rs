//! Gradle's own summary of a failure.
//!
//! ```text
//! * What went wrong:
//! Execution failed for task ':compileJava'.
//! > Could not resolve all files for configuration ':compileClasspath'.
//!    > Could not find com.acme:store:9.
//!      Required by:
//!          project :
//! ```
//!
//! For failed tests and compilers it is an echo: they explained more before.

use std::ops::Range;

use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "gradle",
    triggers: &["* What went wrong:", "> Task ", "BUILD FAILED", "Build file '"],
    look,
};

const TOOL: &str = "gradle";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if content == "* What went wrong:" {
        found.push(went_wrong(log, at));
    } else if content.starts_with("> Task ") && content.ends_with(" FAILED")
        || content.starts_with("BUILD FAILED in ")
    {
        found.push(Finding::new(TOOL, Category::Unknown, Strength::Echo, at, content));
    }
}

fn went_wrong(log: &Log, at: usize) -> Finding {
    let block = log.block(at, 40, |line| line.starts_with("* ") || line.starts_with("##["));
    let (category, strength) = judged(log, &block);
    let line = if strength >= Strength::Cause { reason(log, &block) } else { at + 1 };
    Finding::new(TOOL, category, strength, line, log.content(line).trim_start_matches(['>', ' ']))
        .with_block(block)
}

/// Each line is caused by a deeper one; the last before `Required by:` holds the reason.
fn reason(log: &Log, block: &Range<usize>) -> usize {
    let deeper = |line: &usize| log.content(*line).trim_start().starts_with("> ");
    let end = block.clone().find(|&line| log.content(line).trim() == "Required by:");
    let mut chain = block.start + 1..end.unwrap_or(block.end);
    chain.rfind(deeper).unwrap_or(block.start + 1)
}

/// Returns the category and strength. An unknown reason is a summary of an unknown kind.
fn judged(log: &Log, block: &Range<usize>) -> (Category, Strength) {
    let mentions = |words: &[&str]| {
        block.clone().any(|line| words.iter().any(|word| log.content(line).contains(word)))
    };
    if mentions(&["There were failing tests", "There were test failures"]) {
        (Category::TestAssertion, Strength::Echo)
    } else if mentions(&["Compilation failed; see", "Compilation error. See", "Compilation error"])
        || mentions(&["compiler failed to compile", "Compilation completed with errors"])
    {
        (Category::CompileError, Strength::Echo)
    } else if mentions(&[
        "Could not resolve ",
        "Could not find ",
        "Could not download ",
        "was not found in any of the following sources",
        "Could not determine the dependencies",
        "Cannot find a Java installation",
        "No matching toolchains found",
        "Dependency verification failed",
    ]) && !mentions(&["Could not find method ", "Could not find property "])
    {
        (Category::DependencyInstall, Strength::Cause)
    } else if mentions(&[
        "Checkstyle",
        "PMD rule",
        "PMD ",
        "SpotBugs",
        "FindBugs",
        "format violations",
        "Lint found",
        "ktlint",
        "KtLint",
        "weighted issues",
        "CodeNarc",
        "coverage",
        "Rule violated for bundle",
        "errorprone",
        "API check failed",
    ]) {
        (Category::LintError, Strength::Cause)
    } else if mentions(&[
        "A problem occurred evaluating",
        "Could not compile ",
        "Could not find method ",
        "A problem occurred configuring",
        "Script compilation error",
        "unable to resolve class",
        "Task '",
    ]) {
        (Category::CompileError, Strength::Cause)
    } else if mentions(&["finished with non-zero exit value", "Process 'command"]) {
        let crashed = pattern!(r"finished with non-zero exit value (?:134|137|139)\b");
        let killed = block.clone().any(|line| crashed.is_match(log.content(line)));
        (Category::Unknown, if killed { Strength::Summary } else { Strength::Echo })
    } else {
        (Category::Unknown, Strength::Summary)
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::finding::Strength;
    use crate::recognize::found_by;

    #[test]
    fn the_deepest_reason_is_the_reason() {
        let found = found_by(
            "gradle",
            "* What went wrong:\nExecution failed for task ':compileJava'.\n> Could not resolve all files for configuration ':compileClasspath'.\n   > Could not find com.acme:store:9.\n     Required by:\n         project :\n\n* Try:\n",
        );
        assert_eq!((found[0].line, found[0].category), (3, Category::DependencyInstall));
    }

    #[test]
    fn failing_tests_have_spoken_before() {
        let text = "* What went wrong:\nExecution failed for task ':test'.\n> There were failing tests. See the report at: file:///x\n\n* Try:\n> Task :test FAILED\n";
        assert!(found_by("gradle", text).iter().all(|one| one.strength == Strength::Echo));
        assert!(found_by("gradle", "> Task :test\nBUILD SUCCESSFUL in 1s\n").is_empty());
    }
}
