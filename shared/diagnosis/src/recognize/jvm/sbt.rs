//! sbt: the Scala compiler, and the test frameworks that run under it.
//!
//! ```text
//! [error] /work/src/main/scala/Store.scala:12:5: not found: value open
//! [info] StoreSpec:
//! [info] - should open *** FAILED ***
//! [info]   1 did not equal 2 (StoreSpec.scala:12)
//! [error] Test com.acme.StoreTest.opens failed: java.lang.AssertionError: no, took 0.002s
//! [error] Failed: Total 5, Failed 1, Errors 0, Passed 4
//! ```

use crate::contract::{Category, FailedTest, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "sbt",
    triggers: &[
        ".scala:",
        "*** FAILED ***",
        " failed: ",
        "==> X ",
        "[error] Failed: Total",
        "[error]   x ",
        "[error] (",
        "ResolveException",
        "Error downloading ",
        "[error] -- [E",
    ],
    look,
};

const TOOL: &str = "sbt";

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = bare(log.content(at));
    found.extend(
        compiler(log, at, content)
            .or_else(|| junit(log, at, content))
            .or_else(|| scalatest(log, at, content))
            .or_else(|| munit(log, at, content))
            .or_else(|| specs2(log, at, content))
            .or_else(|| closing(at, content)),
    );
}

/// Removes sbt's prefix; a build tested by another build has two.
fn bare(content: &str) -> &str {
    let mut content = content;
    for _ in 0..3 {
        let marks = ["[info] ", "[error] ", "[warn] "];
        match marks.iter().find_map(|mark| content.strip_prefix(mark)) {
            Some(rest) => content = rest,
            None => break,
        }
    }
    content
}

fn is_error(line: &str) -> bool {
    line.contains("[error]")
}

fn compiler(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let two = pattern!(r"^(\S.*?\.scala):([0-9]+):(?:([0-9]+):)? (\S.*)$");
    let three = pattern!(r"^-- (?:\[E[0-9]+\] )?.*Error: (\S+\.scala):([0-9]+):([0-9]+) -*$");
    if !is_error(log.content(at)) {
        return None;
    }
    let block = log.block(at, 20, |line| !is_error(line) || bare(line).starts_with("-- "));
    let finding = |line: usize, message: &str| {
        Finding::new("scalac", Category::CompileError, Strength::Cause, line, message)
            .with_block(block.clone())
    };
    if let Some(hit) = three.captures(content) {
        let place = Location::new(&hit[1], Some(&hit[2]), Some(&hit[3]));
        return Some(finding(at, content).at(Some(place)));
    }
    let hit = two.captures(content)?;
    let place = Location::new(&hit[1], Some(&hit[2]), hit.get(3).map(|it| it.as_str()));
    Some(finding(at, &hit[4]).at(Some(place)))
}

/// junit-interface and jupiter-interface.
fn junit(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let pattern = pattern!(
        r"^Test ([[:word:].$]+[.#][^:]+?) failed: (\S.*?)(?:, took [0-9.]+ s(?:ec)?|, took [0-9.]+s)?$"
    );
    let hit = pattern.captures(content)?;
    let block = log.block(at, 40, |line| {
        !bare(line).trim_start().starts_with("at ") && !bare(line).starts_with("    ")
    });
    let place = block.clone().find_map(|line| {
        let hit =
            pattern!(r"\(([[:word:]$]+\.(?:java|scala)):([0-9]+)\)").captures(log.content(line))?;
        Some(Location::new(&hit[1], Some(&hit[2]), None))
    });
    let name = hit[1].replace('#', ".");
    Some(failed("junit", at, block, FailedTest::named(&name).saying(&hit[2]).at(place)))
}

fn scalatest(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let name = content.strip_suffix("*** FAILED ***")?.trim().trim_start_matches("- ").trim();
    let depth = indent(content);
    let block = log.block(at, 60, |line| {
        let content = bare(line);
        content.trim_start().starts_with("- ") || indent(content) <= depth && !content.is_empty()
    });
    let line = if at + 1 < block.end { at + 1 } else { at };
    let assertion_text = bare(log.content(line)).trim();
    let place = pattern!(r"\(([[:word:]$]+\.scala):([0-9]+)\)").captures(assertion_text);
    let place = place.map(|hit| Location::new(&hit[1], Some(&hit[2]), None));
    let suite =
        log.back(at, 100, |line| pattern!(r"^(?:\[info\] )?[A-Z][[:word:]$]*:$").is_match(line));
    let suite = suite.map(|line| bare(log.content(line)).trim_end_matches(':'));
    let name = suite.map_or_else(|| name.to_owned(), |suite| format!("{suite} > {name}"));
    Some(failed(
        "scalatest",
        line,
        block,
        FailedTest::named(&name).saying(assertion_text).at(place),
    ))
}

fn indent(content: &str) -> usize {
    content.len() - content.trim_start().len()
}

fn munit(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let pattern = pattern!(r"^==> X (\S.*?)(?:  [0-9.]+s)(?: (\S.*))?$");
    let hit = pattern.captures(content)?;
    let assertion_text = hit.get(2).map_or("", |it| it.as_str());
    let block = log.block(at, 40, |line| bare(line).starts_with("==> "));
    Some(failed("munit", at, block, FailedTest::named(&hit[1]).saying(assertion_text)))
}

/// specs2: `x the example`, then the compared values with their place.
fn specs2(log: &Log, at: usize, content: &str) -> Option<Finding> {
    let name = content.trim_start().strip_prefix("x ").filter(|_| is_error(log.content(at)))?;
    let place = pattern!(r"\(([[:word:]$]+\.scala):([0-9]+)\)");
    let line = log.ahead(at, 6, |line| place.is_match(line))?;
    let hit = place.captures(log.content(line))?;
    let location = Location::new(&hit[1], Some(&hit[2]), None);
    let test = FailedTest::named(name).saying(bare(log.content(line))).at(Some(location));
    Some(failed("specs2", line, at..line + 1, test))
}

fn failed(
    tool: &'static str,
    line: usize,
    block: std::ops::Range<usize>,
    test: FailedTest,
) -> Finding {
    let message = test.message.clone().unwrap_or_default();
    Finding::new(tool, Category::TestAssertion, Strength::Cause, line, &message)
        .with_block(block)
        .at(test.location.clone())
        .with_test(test)
}

fn closing(at: usize, content: &str) -> Option<Finding> {
    let finding = |category, strength| Some(Finding::new(TOOL, category, strength, at, content));
    if content.starts_with("Failed: Total ") {
        finding(Category::TestAssertion, Strength::Summary)
    } else if content.contains("sbt.TestsFailedException") || content.contains("Tests unsuccessful")
    {
        finding(Category::TestAssertion, Strength::Echo)
    } else if content.starts_with('(') && content.contains("Compilation failed") {
        finding(Category::CompileError, Strength::Echo)
    } else if content.contains("ResolveException") || content.starts_with("Error downloading ") {
        finding(Category::DependencyInstall, Strength::Cause)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn each_framework_names_its_test() {
        for (tool, text, name) in [
            (
                "junit",
                "[error] Test com.acme.StoreTest.opens failed: java.lang.AssertionError: no, took 0.002s\n[error]     at com.acme.StoreTest.opens(StoreTest.java:22)\n",
                "com.acme.StoreTest.opens",
            ),
            (
                "scalatest",
                "[info] StoreSpec:\n[info] - should open *** FAILED ***\n[info]   1 did not equal 2 (StoreSpec.scala:12)\n",
                "StoreSpec > should open",
            ),
            (
                "munit",
                "==> X com.acme.StoreSuite.opens  0.02s munit.ComparisonFailException: no\n",
                "com.acme.StoreSuite.opens",
            ),
            ("specs2", "[error]   x opens\n[error]    1 != 2 (StoreSpec.scala:12)\n", "opens"),
        ] {
            assert_eq!(found_by(tool, text)[0].tests[0].name, name);
        }
    }

    #[test]
    fn the_compiler_has_a_place() {
        let text = "[error] /w/Store.scala:12:5: not found: value open\n[error]     open()\n[error]     ^\n[error] one error found\n";
        let place = found_by("scalac", text)[0].location.clone().expect("a place");
        assert_eq!((place.line, place.column), (Some(12), Some(5)));
        assert!(found_by("scalac", "[warn] /w/Store.scala:12:5: unused\n").is_empty());
    }
}
