//! Maven's own errors: compilation, resolution, failed plugins.
//!
//! ```text
//! [ERROR] COMPILATION ERROR :
//! [ERROR] /work/src/main/java/com/acme/Store.java:[12,5] cannot find symbol
//!   symbol:   class Client
//!   location: class com.acme.Store
//! [ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin:3.11.0:compile (default-compile) on project store: Compilation failure
//! ```

use std::ops::Range;

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "maven",
    triggers: &[
        ":[",
        "Failed to execute goal ",
        "Non-resolvable ",
        "could not be resolved",
        "Could not resolve dependencies",
        "Could not find artifact ",
        "[FATAL] ",
        "Malformed POM",
        "Rule ",
    ],
    look,
};

const TOOL: &str = "maven";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let Some(message) =
        content.strip_prefix("[ERROR] ").or_else(|| content.strip_prefix("[FATAL] ")).or_else(
            || content.strip_prefix("[WARNING] ").filter(|content| content.starts_with("Rule ")),
        )
    else {
        return;
    };
    if let Some(finding) = compiler(log, at, message) {
        found.push(finding);
    } else if message.starts_with("Failed to execute goal ") {
        found.push(goal(log, at, message));
    } else if message.contains("Rule ") && message.contains(" failed with message:") {
        found.push(enforcer(log, at));
    } else if is_about_dependencies(message) {
        found.push(dependency(log, at, message));
    } else if message.contains("Malformed POM") || message.contains("Non-parseable POM") {
        found.push(Finding::new(TOOL, Category::CompileError, Strength::Cause, at, message));
    }
}

fn is_about_dependencies(message: &str) -> bool {
    message.contains("Non-resolvable ")
        || message.contains("Could not resolve dependencies")
        || message.contains("could not be resolved")
        || message.contains("Could not find artifact ")
}

/// `file:[12,5] message`, with symbol and location under it.
fn compiler(log: &Log, at: usize, message: &str) -> Option<Finding> {
    let pattern = pattern!(
        r"^\s*(?:file://)?(\S.*?\.(?:java|groovy|scala|aj)):\[([0-9]+),([0-9]+)\] (?:error: )?(\S.*)$"
    );
    let hit = pattern.captures(message)?;
    // Checkstyle writes the same form, with a category before the message or a rule after it.
    if pattern!(r"^\([[:word:]]+\) [[:word:]]+:|\[[[:word:]]+\]$").is_match(&hit[4]) {
        return None;
    }
    let block = log.block(at, 12, |line| line.starts_with('[') && !line.starts_with("[ERROR]  "));
    Some(
        Finding::new("javac", Category::CompileError, Strength::Cause, at, &hit[4])
            .with_block(block)
            .at(Some(Location::new(&hit[1], Some(&hit[2]), Some(&hit[3])))),
    )
}

fn dependency(log: &Log, at: usize, message: &str) -> Finding {
    Finding::new(TOOL, Category::DependencyInstall, Strength::Cause, at, message)
        .with_block(log.block(at, 12, closing))
}

/// Reads the line on which Maven gives up, by the text after the project's name.
fn goal(log: &Log, at: usize, message: &str) -> Finding {
    let block = log.block(at, 40, closing);
    let (category, strength, line) = if is_about_dependencies(message) {
        (Category::DependencyInstall, Strength::Cause, at)
    } else if message.contains("There are test failures") || message.contains("There was a timeout")
    {
        (Category::TestAssertion, Strength::Echo, at)
    } else if message.contains("Compilation failure") {
        (Category::CompileError, Strength::Echo, at)
    } else if ["enforcer", "checkstyle", "spotbugs", "findbugs", "pmd", "spotless", "apache-rat"]
        .iter()
        .any(|plugin| message.contains(plugin))
    {
        (Category::LintError, Strength::Summary, at)
    } else if let Some(line) = surefire_reason(log, &block, message) {
        (Category::TestAssertion, Strength::Cause, line)
    } else {
        (Category::Unknown, Strength::Summary, at)
    };
    Finding::new(TOOL, category, strength, line, log.content(line)).with_block(block)
}

/// The test plugin could not run the tests.
fn surefire_reason(log: &Log, block: &Range<usize>, message: &str) -> Option<usize> {
    if !message.contains("-surefire-plugin:") && !message.contains("-failsafe-plugin:") {
        return None;
    }
    block.clone().find(|&line| {
        let content = log.content(line);
        content.contains("No tests ")
            || content.contains("Exception")
            || content.contains("forked VM")
    })
}

fn enforcer(log: &Log, at: usize) -> Finding {
    let block = log.block(at, 25, closing);
    Finding::new("maven-enforcer", Category::LintError, Strength::Cause, at, log.content(at + 1))
        .with_block(block)
}

/// Matches the end of an error's own text, where Maven's advice begins.
fn closing(line: &str) -> bool {
    let bare = line.strip_prefix("[ERROR]").unwrap_or(line).trim();
    bare.starts_with("To see the full stack trace")
        || bare.starts_with("-> [Help")
        || line.starts_with("[INFO]")
        || line.starts_with("##[")
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::finding::Strength;
    use crate::recognize::found_by;

    #[test]
    fn a_compilers_error_has_its_symbol() {
        let found = found_by(
            "javac",
            "[ERROR] /w/src/Store.java:[12,5] cannot find symbol\n  symbol:   class Client\n  location: class com.acme.Store\n[INFO] 1 error\n",
        );
        assert_eq!((found[0].block.clone(), found[0].category), (0..3, Category::CompileError));
    }

    #[test]
    fn what_cannot_be_resolved_is_a_dependency() {
        let found = found_by(
            "maven",
            "[ERROR] Failed to execute goal on project store: Could not resolve dependencies for project com.acme:store:jar:1.0: Could not find artifact a:b:jar:9 in central -> [Help 1]\n",
        );
        assert_eq!(found[0].category, Category::DependencyInstall);
    }

    #[test]
    fn giving_up_is_an_echo() {
        let found = found_by(
            "maven",
            "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-surefire-plugin:3.0.0-M5:test (default-test) on project store: There are test failures.\n",
        );
        assert_eq!(found[0].strength, Strength::Echo);
        assert!(
            found_by("maven", "[INFO] Rule 0: passed\n[WARNING] x.java:[1,2] old\n").is_empty()
        );
    }
}
