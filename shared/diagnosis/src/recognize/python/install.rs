//! Installers: pip, uv, poetry, conda and its variants.
//!
//! ```text
//! ERROR: Could not find a version that satisfies the requirement iniconfig==99.1.0 (from versions: …)
//! ERROR: No matching distribution found for iniconfig==99.1.0
//! ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies.
//!   × No solution found when resolving dependencies:
//! pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock`.
//! ```
//!
//! pip's message about conflicts among packages that it installed anyway ("pip's dependency
//! resolver does not currently take into account …") is a warning, although it begins with
//! `ERROR:`.

use std::ops::Range;

use super::super::one_liners::{OneLiner, recognize};
use super::super::{Recognizer, pattern};
use super::trace;
use crate::contract::Category::DependencyInstall;
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const ERROR_LINES: Recognizer = Recognizer {
    name: "pip",
    triggers: &[
        "ERROR: ",
        "error: ",
        "No solution found when resolving",
        "poetry.lock",
        "version solving failed",
        "Unable to find installation candidates",
        "Could not solve for environment specs",
        "ResolvePackageNotFound",
        "PackagesNotFoundError",
        "UnsatisfiableError",
        "pipenv.exceptions",
        "Your Pipfile.lock ",
        "Failed to build `",
        "Failed to download",
    ],
    look: |log, at, found| recognize(SAYINGS, log, at, found),
};

pub(super) const BUILDS: Recognizer = Recognizer {
    name: "pip builds",
    triggers: &[
        "error: subprocess-exited-with-error",
        "ERROR: Command errored out with exit status",
    ],
    look: build,
};

const SAYINGS: &[OneLiner] = &[
    // "No matching distribution" follows and repeats it in fewer words.
    OneLiner {
        tool: "pip",
        begins: "ERROR: Could not find a version that satisfies the requirement ",
        holds: "",
        category: DependencyInstall,
        strength: Strength::Summary,
        lines: 2,
    },
    OneLiner::cause("pip", "ERROR: No matching distribution found for ", "", DependencyInstall, 1),
    OneLiner::cause("pip", "ERROR: Cannot install ", "conflicting", DependencyInstall, 40),
    OneLiner::echo("pip", "ERROR: ResolutionImpossible", "", DependencyInstall),
    OneLiner::cause(
        "pip",
        "ERROR: Could not install packages due to an ",
        "",
        DependencyInstall,
        3,
    ),
    OneLiner::cause("pip", "ERROR: Could not open requirements file: ", "", DependencyInstall, 1),
    OneLiner::cause("pip", "ERROR: Invalid requirement: ", "", DependencyInstall, 3),
    OneLiner::cause("pip", "ERROR: Package ", "requires a different Python", DependencyInstall, 1),
    OneLiner::cause(
        "pip",
        "ERROR: ",
        "is not a supported wheel on this platform",
        DependencyInstall,
        1,
    ),
    OneLiner::cause(
        "pip",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES",
        "",
        DependencyInstall,
        12,
    ),
    OneLiner::cause("pip", "ERROR: Hashes are required ", "", DependencyInstall, 8),
    OneLiner::cause("pip", "ERROR: In --require-hashes mode", "", DependencyInstall, 8),
    OneLiner::cause(
        "pip",
        "ERROR: ",
        "does not appear to be a Python project",
        DependencyInstall,
        1,
    ),
    OneLiner::cause("pip", "ERROR: Double requirement given: ", "", DependencyInstall, 1),
    OneLiner::cause("pip", "ERROR: Directory ", "is not installable", DependencyInstall, 1),
    OneLiner::echo("pip", "ERROR: Failed building wheel for ", "", DependencyInstall),
    OneLiner::echo("pip", "ERROR: Failed to build ", "", DependencyInstall),
    OneLiner::echo("pip", "ERROR: Could not build wheels for ", "", DependencyInstall),
    OneLiner::echo("pip", "error: metadata-generation-failed", "", DependencyInstall),
    OneLiner::echo("pip", "error: failed-wheel-build-for-install", "", DependencyInstall),
    OneLiner::cause("uv", "× No solution found when resolving ", "", DependencyInstall, 12),
    OneLiner::cause(
        "uv",
        "error: ",
        "The lockfile at `uv.lock` needs to be updated",
        DependencyInstall,
        2,
    ),
    OneLiner::cause("uv", "error: Failed to ", "`uv.lock`", DependencyInstall, 3),
    OneLiner::cause("uv", "error: No interpreter found for ", "", DependencyInstall, 2),
    OneLiner::cause("uv", "× Failed to build `", "", DependencyInstall, 30),
    OneLiner::cause("uv", "× Failed to download", "", DependencyInstall, 8),
    OneLiner::cause("uv", "error: Failed to prepare distributions", "", DependencyInstall, 8),
    OneLiner::cause(
        "poetry",
        "pyproject.toml changed significantly since poetry.lock",
        "",
        DependencyInstall,
        1,
    ),
    OneLiner::cause(
        "poetry",
        "Error: pyproject.toml changed significantly since poetry.lock",
        "",
        DependencyInstall,
        1,
    ),
    OneLiner::cause("poetry", "Error: poetry.lock is not up to date", "", DependencyInstall, 1),
    OneLiner::cause("poetry", "", "version solving failed", DependencyInstall, 3),
    OneLiner::cause(
        "poetry",
        "Unable to find installation candidates for ",
        "",
        DependencyInstall,
        8,
    ),
    OneLiner::cause("pipenv", "Your Pipfile.lock ", "is out of date", DependencyInstall, 2),
    OneLiner::cause("pipenv", "pipenv.exceptions.", "", DependencyInstall, 6),
    OneLiner::cause("conda", "ResolvePackageNotFound", "", DependencyInstall, 10),
    OneLiner::cause("conda", "PackagesNotFoundError: ", "", DependencyInstall, 10),
    OneLiner::cause("conda", "UnsatisfiableError: ", "", DependencyInstall, 30),
    OneLiner::cause("conda", "LibMambaUnsatisfiableError: ", "", DependencyInstall, 30),
    OneLiner::cause(
        "conda",
        "error    libmamba Could not solve for environment specs",
        "",
        DependencyInstall,
        30,
    ),
];

/// Reads a failed build of a package under pip: the build's last lines explain more than pip's.
fn build(log: &Log, at: usize, found: &mut Vec<Finding>) {
    const LONGEST: usize = 400;
    let ends = |line: &str| {
        let line = line.trim();
        line == "[end of output]"
            || BUILDS.triggers.iter().any(|trigger| line.starts_with(trigger))
            || line.starts_with("note: This error originates from a subprocess")
            || line == "----------------------------------------"
    };
    let lines = log.block(at, LONGEST, ends);
    let line = telling(log, &lines).unwrap_or(at);
    let message = log.content(line).trim();
    found.push(
        Finding::new("pip", DependencyInstall, Strength::Cause, line, message).with_block(lines),
    );
}

fn telling(log: &Log, lines: &Range<usize>) -> Option<usize> {
    let after = lines.start + 1..lines.end;
    let fatal = pattern!(r"^\s*(?:\S+: )?(?:fatal error: |error: |ERROR: |RuntimeError: )\S");
    let compiler = pattern!(r"^\s*\S+:[0-9]+:(?:[0-9]+:)? (?:fatal )?error: \S");
    let first = after.clone().find(|&at| compiler.is_match(log.content(at)));
    let raised = || {
        let raised = |&at: &usize| trace::is_exception(log.content(at).trim_start());
        let traced =
            after.clone().find(|&at| log.content(at).contains("Traceback (most recent"))?;
        (traced..after.end).rev().find(raised)
    };
    let last = || after.clone().rev().find(|&at| fatal.is_match(log.content(at)));
    first.or_else(raised).or_else(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            (ERROR_LINES.look)(&log, at, &mut found);
            if BUILDS.triggers.iter().any(|word| log.content(at).contains(word)) {
                build(&log, at, &mut found);
            }
        }
        found.retain(|finding| finding.strength == Strength::Cause);
        found
    }

    #[test]
    fn each_installer_says_what_it_lacks() {
        let found = look(
            "\
ERROR: Could not find a version that satisfies the requirement iniconfig==99.1.0
ERROR: No matching distribution found for iniconfig==99.1.0
ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies.
  × No solution found when resolving dependencies:
  ╰─▶ Because a was not found, your project's requirements are unsatisfiable.
pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock` to fix the lock file.
Because x depends on y (^2) which doesn't match any versions, version solving failed.
",
        );
        let tools: Vec<&str> = found.iter().map(|one| &*one.tool).collect();
        assert_eq!(tools, ["pip", "pip", "uv", "poetry", "poetry"]);
    }

    #[test]
    fn a_build_speaks_by_its_own_last_words() {
        let found = look(
            "\
  error: subprocess-exited-with-error
  × Building wheel for x (pyproject.toml) did not run successfully.
  │ exit code: 1
  ╰─> [9 lines of output]
      Traceback (most recent call last):
        File \"setup.py\", line 3, in <module>
      RuntimeError: needs libfoo
      [end of output]
  ERROR: Failed building wheel for x
",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "RuntimeError: needs libfoo");
        assert_eq!(found[0].block, 0..7);
    }

    #[test]
    fn a_conflict_that_stops_nothing_is_no_failure() {
        let text = "ERROR: pip's dependency resolver does not currently take into account all the packages that are installed.\nERROR: a 1 has requirement b<2, but you'll have b 3 which is incompatible.\n";
        assert!(look(text).is_empty());
    }
}
