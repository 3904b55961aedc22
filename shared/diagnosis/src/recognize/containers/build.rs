//! Failed RUN instructions.
//!
//! ```text
//! #12 [stage 3/5] RUN make
//! #12 0.412 cc: error: main.c: No such file or directory
//! #12 ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2
//! ------
//!  > [stage 3/5] RUN make:
//! 0.412 cc: error: main.c: No such file or directory
//! ------
//! Dockerfile:7
//! --------------------
//!    5 |     COPY . .
//!    7 | >>> RUN make
//! --------------------
//! ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2
//! ```
//!
//! The command's own output is the cause; recognizers of its tool see it too, and know it better.
//! This one adds the command's last line.

use std::ops::Range;

use crate::contract::{Category, Location, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::generic::{complains, is_echo};
use crate::recognize::pattern;

/// The number of lines of a failed instruction's output to read back.
const OUTPUT: usize = 60;

pub(super) fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let text = log.text(at);
    if let Some(hit) = pattern!(r"^#([0-9]+) ERROR: (.+)$").captures(text) {
        let output = output_of(log, at, &hit[1]);
        found.extend(last_said(log, at, output.clone()));
        found.push(said_by_docker(log, at, &hit[2], Strength::Summary).with_block(output));
    } else if let Some(hit) = pattern!(
        r"(?:failed to solve: |^)((?:process |executor failed|The command ).+(?:did not complete successfully: exit code|returned a non-zero code|\]: exit code): [0-9]+)"
    )
    .captures(log.content(at))
    {
        let classic = hit[1].starts_with("The command ");
        if classic {
            found.extend(last_said(log, at, at.saturating_sub(OUTPUT)..at));
        }
        let strength = if classic { Strength::Summary } else { Strength::Echo };
        let before = at.saturating_sub(30)..at + 1;
        found.push(said_by_docker(log, at, &hit[1], strength).with_block(before));
    }
}

fn said_by_docker(log: &Log, at: usize, message: &str, strength: Strength) -> Finding {
    Finding::new("docker build", Category::DockerBuild, strength, at, message)
        .at(place_in_dockerfile(log, at))
}

/// Returns the lines of one instruction: each begins with `#12 `, the first names it.
fn output_of(log: &Log, at: usize, number: &str) -> Range<usize> {
    let own = |line: usize| {
        log.text(line)
            .strip_prefix('#')
            .and_then(|rest| rest.strip_prefix(number))
            .is_some_and(|rest| rest.starts_with(' '))
    };
    let start = (at.saturating_sub(OUTPUT)..at).rev().take_while(|&line| own(line)).last();
    start.unwrap_or(at)..at + 1
}

/// Returns the last line that complains, because the command's two outputs arrive in any order. A
/// network failure among them takes precedence.
fn last_said(log: &Log, at: usize, output: Range<usize>) -> Option<Finding> {
    let network = pattern!(
        r"(?i)server returned error: .*(?-u:\b)(?:5[0-9][0-9]|429)(?-u:\b)|could not resolve|temporary failure|bad gateway|service unavailable|gateway time-?out|connection (?:reset|refused|timed out)|timed out|tls handshake"
    );
    let heading = pattern!(r"^\[.+\] [A-Z]+ |^(?:Step [0-9]+/| ---> )|^CACHED$|^DONE ");
    let words = |line: usize| {
        let content = log.content(line).trim();
        !is_echo(content) && !heading.is_match(content)
    };
    let last = || (output.start..at).rev().filter(|&line| words(line)).take(12);
    let newest = last().find(|&line| complains(log.content(line))).or_else(|| last().next())?;
    let trouble = last().find(|&line| network.is_match(log.content(line)));
    let block = output.start.min(trouble.unwrap_or(newest))..at + 1;
    let finding = |line, strength| {
        Finding::new("docker build", Category::DockerBuild, strength, line, log.content(line))
            .with_block(block.clone())
            .at(place_in_dockerfile(log, at))
    };
    Some(match trouble {
        Some(line) => finding(line, Strength::Root).with_verdict(Verdict::Rerun),
        None => finding(newest, Strength::Summary),
    })
}

/// Returns `Dockerfile:7`, which stands near the end of BuildKit's output.
fn place_in_dockerfile(log: &Log, at: usize) -> Option<Location> {
    const NEAR: usize = 40;
    let place = pattern!(r"^([[:word:]./-]*[Dd]ockerfile[[:word:].-]*):([0-9]+)$");
    let is_place = |line: &str| place.is_match(line);
    let line = log.ahead(at, NEAR, is_place).or_else(|| log.back(at, NEAR, is_place))?;
    let hit = place.captures(log.content(line))?;
    Some(Location::new(&hit[1], Some(&hit[2]), None))
}

#[cfg(test)]
mod tests {
    use crate::contract::{Category, Verdict};
    use crate::finding::{Finding, Strength};
    use crate::recognize::found_by;

    const LOG: &str = "#12 [stage 3/5] RUN ./check
#12 0.412 checking
#12 0.512 page 3 has no title
#12 ERROR: process \"/bin/sh -c ./check\" did not complete successfully: exit code: 2
------
 > [stage 3/5] RUN ./check:
0.512 page 3 has no title
------
Dockerfile:7
--------------------
   7 | >>> RUN ./check
--------------------
ERROR: failed to solve: process \"/bin/sh -c ./check\" did not complete successfully: exit code: 2
";

    fn builds(text: &str) -> Vec<Finding> {
        found_by("docker build", text)
    }

    #[test]
    fn the_commands_last_words_are_found_with_the_place_in_the_dockerfile() {
        let found = builds(LOG);
        assert_eq!(found[0].message, "page 3 has no title");
        assert_eq!(found[0].category, Category::DockerBuild);
        assert_eq!(found[0].location.as_ref().and_then(|place| place.line), Some(7));
        assert_eq!(found.last().map(|last| last.strength), Some(Strength::Echo));
    }

    #[test]
    fn a_server_that_failed_is_worth_another_run() {
        let log = LOG.replace("page 3 has no title", "wget: server returned error: HTTP/1.1 502");
        let found = builds(&log);
        assert_eq!((found[0].strength, found[0].verdict), (Strength::Root, Some(Verdict::Rerun)));
        assert_eq!(found[0].category, Category::DockerBuild);
    }

    #[test]
    fn the_classic_builder_says_it_in_one_line() {
        let log = "Step 3/5 : RUN ./check\n ---> Running in 0123456789ab\npage 3 has no title\n\
                   The command '/bin/sh -c ./check' returned a non-zero code: 2\n";
        assert_eq!(builds(log)[0].message, "page 3 has no title");
    }

    #[test]
    fn a_build_that_completes_says_nothing() {
        assert_eq!(
            builds("#12 [3/5] RUN make\n#12 DONE 0.4s\nall did complete successfully\n"),
            []
        );
    }
}
