//! Package managers: npm, Yarn (both), pnpm, Bun.
//!
//! ```text
//! npm ERR! code ERESOLVE
//! npm ERR! ERESOLVE unable to resolve dependency tree
//! error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.
//! ➤ YN0028: │ The lockfile would have been modified by this install, which is explicitly forbidden.
//!  ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with "frozen-lockfile" because …
//! ```
//!
//! Mostly they only report that a script failed (`ELIFECYCLE`, `Command failed with exit code 1.`),
//! after the script's own message: an echo.

use std::ops::Range;

use super::super::one_liners::{OneLiner, recognize};
use super::super::{Recognizer, pattern};
use crate::contract::Category::{
    self, DependencyInstall, GithubActionsConfig, NetworkOrFlaky, PermissionOrSecret, TimeoutOrOom,
    Unknown,
};
use crate::contract::Verdict;
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const NPM: Recognizer =
    Recognizer { name: "npm", triggers: &["npm ERR! ", "npm error "], look: npm };

pub(super) const PNPM: Recognizer =
    Recognizer { name: "pnpm", triggers: &["ERR_PNPM_", "ELIFECYCLE"], look: pnpm };

pub(super) const YARN: Recognizer = Recognizer {
    name: "yarn",
    triggers: &["error ", "➤ YN", "Usage Error: ", "Internal Error: "],
    look: yarn,
};

pub(super) const BUN: Recognizer = Recognizer {
    name: "bun",
    triggers: &["error: lockfile had changes", "failed to resolve", "error: script \""],
    look: |log, at, found| recognize(BUN_LINES, log, at, found),
};

/// A report of npm is one finding, read from its first line.
fn npm(log: &Log, at: usize, found: &mut Vec<Finding>) {
    const LONGEST: usize = 60;
    let reports = |line: &str| after_mark(line).is_some();
    if !reports(log.content(at)) || (at > 0 && reports(log.content(at - 1))) {
        return;
    }
    let lines = log.block(at, LONGEST, |line| !reports(line));
    let meaning = meaning(log, &lines);
    let message = after_mark(log.content(meaning.line)).unwrap_or_default();
    let finding = Finding::new("npm", meaning.category, meaning.strength, meaning.line, message);
    found.push(mendable(finding.with_block(lines)));
}

/// A missing script is an error of the workflow or of the package; a change of the repository fixes
/// both.
fn mendable(finding: Finding) -> Finding {
    match finding.category {
        GithubActionsConfig => finding.with_verdict(Verdict::Fixable),
        _ => finding,
    }
}

fn after_mark(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("npm ERR!").or_else(|| line.strip_prefix("npm error"))?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start())
}

struct Meaning {
    category: Category,
    strength: Strength,
    line: usize,
}

fn meaning(log: &Log, lines: &Range<usize>) -> Meaning {
    let content = |at: usize| after_mark(log.content(at)).unwrap_or_default();
    let find = |begins: &[&str]| {
        lines.clone().find(|&at| begins.iter().any(|begin| content(at).starts_with(begin)))
    };
    let code = find(&["code "]).map_or("", |at| content(at).trim_start_matches("code ").trim());
    let cause = |category, line: Option<usize>| Meaning {
        category,
        strength: Strength::Cause,
        line: line.unwrap_or(lines.start),
    };
    match code {
        "ERESOLVE" => cause(DependencyInstall, find(&["ERESOLVE ", "Could not resolve"])),
        "E404" | "ETARGET" | "ENOVERSIONS" => {
            cause(DependencyInstall, find(&["404 Not Found", "404 ", "notarget ", "No "]))
        }
        "EUSAGE" => {
            let missing = find(&["Missing: ", "Invalid: "]);
            cause(DependencyInstall, missing.or(find(&["`npm ci` can only", "The `npm ci`"])))
        }
        "EBADENGINE" | "ENOTSUP" | "EBADPLATFORM" => {
            cause(DependencyInstall, find(&["engine ", "notsup "]))
        }
        "EINTEGRITY" => cause(DependencyInstall, find(&["Verification failed", "sha"])),
        "EJSONPARSE" => cause(DependencyInstall, find(&["JSON.parse ", "Failed to parse"])),
        "E401" | "E403" | "ENEEDAUTH" | "EOTP" => {
            cause(PermissionOrSecret, find(&["401 ", "403 ", "Incorrect or missing", "need auth"]))
        }
        "ENOSPC" => cause(TimeoutOrOom, find(&["nospc "])),
        "ENOTFOUND" | "ECONNRESET" | "ECONNREFUSED" | "ETIMEDOUT" | "EAI_AGAIN" | "E500"
        | "E502" | "E503" | "E504" | "ERR_SOCKET_TIMEOUT" => {
            cause(NetworkOrFlaky, find(&["network ", "50"]))
        }
        "ELIFECYCLE" | "" | "1" | "2" => unnamed(log, lines),
        _ if code.bytes().all(|byte| byte.is_ascii_digit()) => unnamed(log, lines),
        _ => Meaning { category: Unknown, strength: Strength::Suspicion, line: lines.start },
    }
}

/// Interprets a report whose code is unspecific.
fn unnamed(log: &Log, lines: &Range<usize>) -> Meaning {
    let content = |at: usize| after_mark(log.content(at)).unwrap_or_default();
    let find = |form: &regex::Regex| lines.clone().find(|&at| form.is_match(content(at)));
    let script = pattern!(r"^(?:missing script: |Missing script: )");
    let locked = pattern!(r"can only install (?:packages )?(?:when|with)");
    let native = pattern!(r"^gyp ERR! (?:stack Error|not ok|find Python)");
    let (category, strength, line) = match () {
        () if find(script).is_some() => (GithubActionsConfig, Strength::Cause, find(script)),
        () if find(locked).is_some() => (DependencyInstall, Strength::Cause, find(locked)),
        () if find(native).is_some() => (DependencyInstall, Strength::Cause, find(native)),
        () => (Unknown, Strength::Echo, None),
    };
    Meaning { category, strength, line: line.unwrap_or(lines.start) }
}

fn pnpm(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at).trim();
    if pattern!(r"^(?:\S+ \S+: )?\[?\s?ELIFECYCLE\]?\s+(?:Command|Test) failed").is_match(content) {
        found.push(Finding::new("pnpm", Unknown, Strength::Echo, at, content));
        return;
    }
    let form = pattern!(r"^\[?(ERR_PNPM_[A-Z0-9_]+)\]?\s+(\S.*)$");
    let Some(hit) = form.captures(content) else { return };
    let (category, strength) = match &hit[1] {
        code if code.contains("RECURSIVE_") || code.ends_with("_FIRST_FAIL") => {
            (Unknown, Strength::Echo)
        }
        "ERR_PNPM_NO_SCRIPT" | "ERR_PNPM_NO_SCRIPT_OR_SERVER" => {
            (GithubActionsConfig, Strength::Cause)
        }
        "ERR_PNPM_FETCH_401" | "ERR_PNPM_FETCH_403" => (PermissionOrSecret, Strength::Cause),
        code if code.starts_with("ERR_PNPM_FETCH_5") || code.contains("META_FETCH_FAIL") => {
            (NetworkOrFlaky, Strength::Cause)
        }
        _ => (DependencyInstall, Strength::Cause),
    };
    let block = log.block(at, 20, |line| line.starts_with("##[") || line.contains("ELIFECYCLE"));
    found.push(mendable(Finding::new("pnpm", category, strength, at, content).with_block(block)));
}

fn yarn(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    if content.starts_with("error ") || content.starts_with("Usage Error: ") {
        let before = found.len();
        recognize(YARN_LINES, log, at, found);
        let content = found.split_off(before);
        found.extend(content.into_iter().map(mendable));
    } else if let Some(hit) = pattern!(r"^➤ (YN[0-9]{4}): (?:[│└┌] )*(.+)$").captures(content)
    {
        found.extend(berry(log, at, &hit[1], &hit[2]));
    }
}

/// Yarn uses codes for warnings too; these stop an install.
fn berry(log: &Log, at: usize, code: &str, message: &str) -> Option<Finding> {
    let category = match code {
        "YN0028" | "YN0018" | "YN0027" | "YN0035" | "YN0016" | "YN0082" | "YN0009" => {
            DependencyInstall
        }
        "YN0041" | "YN0033" => PermissionOrSecret,
        "YN0001" if message.contains("Error: ") => DependencyInstall,
        _ => return None,
    };
    let block = log.block(at, 12, |line| !line.starts_with("➤ ") || line.contains("└"));
    let finding = Finding::new("yarn", category, Strength::Cause, at, message);
    Some(finding.with_block(block))
}

const YARN_LINES: &[OneLiner] = &[
    OneLiner::echo("yarn", "error Command failed with ", "", Unknown),
    OneLiner::cause("yarn", "error Your lockfile needs to be updated", "", DependencyInstall, 2),
    OneLiner::cause("yarn", "error Couldn't find ", "", DependencyInstall, 2),
    OneLiner::cause("yarn", "error Found incompatible module", "", DependencyInstall, 2),
    OneLiner::cause("yarn", "error ", "is incompatible with this module", DependencyInstall, 2),
    OneLiner::cause(
        "yarn",
        "error Received malformed response from registry",
        "",
        DependencyInstall,
        2,
    ),
    OneLiner::cause(
        "yarn",
        "error An unexpected error occurred: ",
        "Request failed \"404",
        DependencyInstall,
        3,
    ),
    OneLiner::cause(
        "yarn",
        "error An unexpected error occurred: ",
        "Request failed \"401",
        PermissionOrSecret,
        3,
    ),
    OneLiner::cause(
        "yarn",
        "error An unexpected error occurred: ",
        "Request failed \"403",
        PermissionOrSecret,
        3,
    ),
    OneLiner::cause(
        "yarn",
        "error An unexpected error occurred: ",
        "ESOCKETTIMEDOUT",
        NetworkOrFlaky,
        3,
    ),
    OneLiner::cause("yarn", "error An unexpected error occurred: ", "", DependencyInstall, 3),
    OneLiner::cause(
        "yarn",
        "error Package ",
        "refers to a non-existing file",
        DependencyInstall,
        2,
    ),
    OneLiner::cause("yarn", "error Integrity check failed", "", DependencyInstall, 3),
    OneLiner::cause("yarn", "error Command \"", "not found.", GithubActionsConfig, 2),
    OneLiner::cause(
        "yarn",
        "Usage Error: Couldn't find a script named ",
        "",
        GithubActionsConfig,
        2,
    ),
    OneLiner::cause("yarn", "Usage Error: The project in ", "", DependencyInstall, 4),
    OneLiner::cause(
        "yarn",
        "Usage Error: This project is configured to use ",
        "",
        GithubActionsConfig,
        2,
    ),
];

const BUN_LINES: &[OneLiner] = &[
    OneLiner::cause(
        "bun",
        "error: lockfile had changes, but lockfile is frozen",
        "",
        DependencyInstall,
        2,
    ),
    OneLiner::cause("bun", "error: ", "failed to resolve", DependencyInstall, 2),
    OneLiner::echo("bun", "error: script \"", "exited with code", Unknown),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            npm(&log, at, &mut found);
            pnpm(&log, at, &mut found);
            yarn(&log, at, &mut found);
        }
        found
    }

    #[test]
    fn npms_report_is_told_by_its_code() {
        let found = look(
            "\
npm ERR! code ERESOLVE
npm ERR! ERESOLVE unable to resolve dependency tree
npm ERR! 
npm ERR! Found: react@18.0.0

npm error code EUSAGE
npm error
npm error `npm ci` can only install packages when your package.json and package-lock.json are in sync.

npm ERR! Missing script: \"tset\"

npm ERR! code ELIFECYCLE
npm ERR! errno 1
",
        );
        let got: Vec<(Category, Strength, usize)> =
            found.iter().map(|one| (one.category, one.strength, one.line)).collect();
        assert_eq!(
            got,
            [
                (DependencyInstall, Strength::Cause, 1),
                (DependencyInstall, Strength::Cause, 7),
                (GithubActionsConfig, Strength::Cause, 9),
                (Unknown, Strength::Echo, 11)
            ]
        );
    }

    #[test]
    fn yarn_and_pnpm_say_what_stopped_them() {
        let found = look(
            "\
error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.
➤ YN0028: │ The lockfile would have been modified by this install, which is explicitly forbidden.
 ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with \"frozen-lockfile\" because pnpm-lock.yaml is not up to date
[ERR_PNPM_RECURSIVE_RUN_FIRST_FAIL] pnpm@11.0.6 .test: `jest`
[ELIFECYCLE] Command failed with exit code 1.
error Command failed with exit code 1.
",
        );
        let causes = found.iter().filter(|one| one.strength == Strength::Cause).count();
        assert_eq!((causes, found.len()), (3, 6));
    }

    #[test]
    fn warnings_are_nothing() {
        let text = "\
npm WARN deprecated x@1
➤ YN0002: │ a@1 doesn't provide b, requested by c
➤ YN0000: └ Completed
error handling is tested here
";
        assert!(look(text).is_empty());
    }
}
