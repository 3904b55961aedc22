//! Go programs that die: panics, fatal errors, data races, and tests that take too long.
//!
//! ```text
//! panic: runtime error: index out of range [3] with length 3
//!
//! goroutine 7 [running]:
//! example.com/acme.First(...)
//!     /work/first.go:12 +0x1d
//! ```

use std::ops::Range;

use crate::contract::{Category, FailedTest, Location, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "go", triggers: &["panic: ", "fatal error: ", "WARNING: DATA RACE"], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim_start();
    if content == "WARNING: DATA RACE" {
        found.push(race(log, at));
    } else if content.starts_with("panic: test timed out after ") {
        found.push(timed_out(log, at));
    } else if content.starts_with("panic: ") || content.starts_with("fatal error: ") {
        found.extend(died(log, at));
    }
}

fn died(log: &Log, at: usize) -> Option<Finding> {
    let goroutine = log.ahead(at, 12, is_goroutine)?;
    let block = at..log
        .block(goroutine, 60, |line| line.starts_with("FAIL") || line.starts_with("##["))
        .end;
    let location = frame(log, &block);
    let content = log.content(at).trim();
    let failed = failed_before(log, at);
    let tool = if failed.is_some() { "go test" } else { "go" };
    let finding = Finding::new(tool, Category::TestAssertion, Strength::Cause, at, content);
    Some(
        match failed {
            Some((start, name)) => finding
                .with_test(FailedTest::named(&name).saying(content).at(location.clone()))
                .with_block(start..block.end),
            None => finding.with_block(block),
        }
        .at(location),
    )
}

fn is_goroutine(line: &str) -> bool {
    pattern!(r"^\s*goroutine [0-9]+ .*\[.*\]:$").is_match(line)
}

/// A test's panic comes after its result.
fn failed_before(log: &Log, at: usize) -> Option<(usize, String)> {
    let line = log.back(at, 6, |line| line.trim_start().starts_with("--- FAIL: "))?;
    let name = log.content(line).trim_start().strip_prefix("--- FAIL: ")?.split(' ').next()?;
    Some((line, name.to_owned()))
}

/// Returns the first frame in code that belongs neither to Go nor to a dependency.
fn frame(log: &Log, block: &Range<usize>) -> Option<Location> {
    let foreign = ["/usr/local/go/", "/hostedtoolcache/", "/pkg/mod/", "/vendor/", "/usr/lib/go"];
    block.clone().find_map(|line| {
        let content = log.content(line);
        let hit = pattern!(r"^\s+(\S+\.go):([0-9]+)(?: \+0x[0-9a-f]+)?$").captures(content)?;
        let own = !foreign.iter().any(|part| hit[1].contains(part));
        own.then(|| Location::new(&hit[1], Some(&hit[2]), None))
    })
}

/// A test's stack ends in the testing package.
fn speaker(log: &Log, block: &Range<usize>) -> &'static str {
    let tested = block.clone().any(|line| log.content(line).trim_start().starts_with("testing."));
    if tested { "go test" } else { "go" }
}

fn race(log: &Log, at: usize) -> Finding {
    let block = log.block(at, 100, |line| {
        let line = line.trim_start();
        line.starts_with("==========") || line == "WARNING: DATA RACE"
    });
    let location = frame(log, &block);
    Finding::new(
        speaker(log, &block),
        Category::TestAssertion,
        Strength::Cause,
        at,
        log.content(at),
    )
    .with_block(block)
    .at(location)
}

/// Go 1.20 and later list the running tests under the panic; before, only the frames name them.
fn timed_out(log: &Log, at: usize) -> Finding {
    let message = log.content(at);
    let mut finding = Finding::new("go test", Category::TimeoutOrOom, Strength::Cause, at, message)
        .with_block(log.block(at, 60, |line| line.starts_with("FAIL\t")))
        .with_verdict(Verdict::Investigate);
    let listed = pattern!(r"^\s+(Test\S+) \([0-9hms.]+\)$");
    let frame = pattern!(r"^\S+\.(Test[A-Z_0-9]\S*?)\(");
    for line in at + 1..at + 80 {
        let content = log.content(line);
        let Some(hit) = listed.captures(content).or_else(|| frame.captures(content)) else {
            continue;
        };
        if finding.tests.iter().all(|test| test.name.split('/').next() != Some(&hit[1])) {
            finding = finding.with_test(FailedTest::named(&hit[1]).saying(message));
        }
    }
    finding
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::recognize::found_by;

    #[test]
    fn a_panic_points_to_the_projects_frame() {
        let found = found_by(
            "go test",
            "--- FAIL: TestFirst (0.00s)\npanic: boom [recovered]\n\tpanic: boom\n\ngoroutine 7 [running]:\nacme.First(...)\n\t/usr/local/go/src/runtime/panic.go:9 +0x1\nacme.First(...)\n\t/work/first.go:12 +0x1d\nFAIL\tacme\t0.1s\n",
        );
        let panic = found.iter().find(|one| one.line == 1).expect("a panic");
        assert_eq!(panic.location.as_ref().and_then(|place| place.line), Some(12));
        assert_eq!(panic.tests[0].name, "TestFirst");
    }

    #[test]
    fn a_time_limit_names_what_was_running() {
        let found = found_by(
            "go test",
            "panic: test timed out after 1s\nrunning tests:\n\tTestSlow (1s)\n\ngoroutine 9 [running]:\n",
        );
        assert_eq!(found[0].category, Category::TimeoutOrOom);
        assert_eq!(found[0].tests[0].name, "TestSlow");
    }

    #[test]
    fn a_word_is_not_a_panic() {
        assert!(found_by("go", "panic: the movie\nfatal error: none of Go's\n").is_empty());
    }
}
