//! Tests on shortened real logs of each CI system.

use super::StepKind::{self, Cleanup, Opening, Work};
use crate::log::Log;
use crate::log_of;

/// Returns each step's kind, its first line, and the line that reports its failure.
fn steps(log: &Log) -> Vec<(StepKind, &str, Option<&str>)> {
    let step = |step: &super::LogStep| {
        (step.kind, log.text(step.lines.start), step.failed.map(|at| log.text(at)))
    };
    log.steps().iter().map(step).collect()
}

const EXIT: &str = "##[error]Process completed with exit code 1.";

#[test]
fn github() {
    let log = log_of(
        "2026-05-07T11:59:42.1Z Current runner version: '2.334.0'\n\
         2026-05-07T11:59:42.1Z ##[group]Run actions/checkout@v4\n\
         2026-05-07T11:59:42.1Z with:\n\
         2026-05-07T11:59:42.1Z   repository: acme/acme\n\
         2026-05-07T11:59:42.1Z ##[endgroup]\n\
         2026-05-07T11:59:42.1Z ##[group]Getting Git version info\n\
         2026-05-07T11:59:42.1Z ##[endgroup]\n\
         2026-05-07T11:59:42.1Z ##[group]Run make test\n\
         2026-05-07T11:59:42.1Z \u{1b}[36;1mmake test\u{1b}[0m\n\
         2026-05-07T11:59:42.1Z shell: /usr/bin/bash -e {0}\n\
         2026-05-07T11:59:42.1Z ##[endgroup]\n\
         2026-05-07T11:59:42.1Z ##[group]Run the slow ones\n\
         2026-05-07T11:59:42.1Z no\n\
         2026-05-07T11:59:42.1Z ##[endgroup]\n\
         2026-05-07T11:59:42.1Z ##[error]Process completed with exit code 1.\n\
         2026-05-07T11:59:42.1Z Post job cleanup.\n",
    );
    assert_eq!(
        steps(&log),
        [
            (Opening, "Current runner version: '2.334.0'", None),
            (Work, "##[group]Run actions/checkout@v4", None),
            (Work, "##[group]Run make test", Some(EXIT)),
            (Cleanup, "Post job cleanup.", None),
        ]
    );
    assert_eq!(log.steps()[2].script, 7..11);
}

#[test]
fn a_log_in_a_log_is_not_believed() {
    let log = log_of(
        "2026-05-07T11:59:42.1Z ##[group]Run make test\n\
         2026-05-07T11:59:42.1Z shell: /usr/bin/bash -e {0}\n\
         2026-05-07T11:59:42.1Z ##[endgroup]\n\
         2026-05-07T11:59:42.1Z 2024-01-01T00:00:00.0Z ##[group]Run inner\n\
         2026-05-07T11:59:42.1Z   ##[error]Process completed with exit code 2.\n\
         2026-05-07T11:59:42.1Z ##[error]Process completed with exit code 3.\n\
         2026-05-07T11:59:42.1Z and then it went on\n\
         ##[error]Process completed with exit code 4.\n\
         2026-05-07T11:59:42.1Z ok\n",
    );
    assert_eq!(steps(&log), [(Work, "##[group]Run make test", None)]);
}

#[test]
fn an_action_fails_with_its_last_words() {
    let log = log_of(
        "##[group]Run acme/deploy@v1\nwith:\n  to: staging\n##[endgroup]\nuploading\n\
         ##[error]The request was refused.\nPost job cleanup.\n",
    );
    let failed = Some("##[error]The request was refused.");
    assert_eq!(steps(&log)[0], (Work, "##[group]Run acme/deploy@v1", failed));
}

#[test]
fn act() {
    let log = log_of(
        "[CI/test] 🚀  Start image=node:16\n\
         [CI/test] ⭐ Run Main npm test\n\
         [CI/test]   🐳  docker exec cmd=[bash -e]\n\
         [CI/test]   | ⭐ Run Main a log in a log\n\
         [CI/test]   ❌  Failure - Main npm test\n\
         [CI/test] exitcode '1': failure\n\
         [CI/test] ⭐ Run Post actions/checkout@v4\n\
         [CI/test] 🏁  Job failed\n",
    );
    assert_eq!(
        steps(&log),
        [
            (Opening, "[CI/test] 🚀  Start image=node:16", None),
            (
                Work,
                "[CI/test] ⭐ Run Main npm test",
                Some("[CI/test]   ❌  Failure - Main npm test")
            ),
            (Cleanup, "[CI/test] ⭐ Run Post actions/checkout@v4", None),
        ]
    );
}

#[test]
fn azure() {
    let log = log_of(
        "2024-01-01T00:00:00.1Z ##[section]Starting: Run tests\n\
         2024-01-01T00:00:00.1Z ========================== Starting Command Output ===========\n\
         2024-01-01T00:00:00.1Z no\n\
         2024-01-01T00:00:00.1Z ##[error]Bash exited with code '1'.\n\
         2024-01-01T00:00:00.1Z ##[section]Finishing: Run tests\n\
         2024-01-01T00:00:00.1Z ##[section]Starting: Finalize Job\n",
    );
    let failed = Some("##[error]Bash exited with code '1'.");
    assert_eq!(
        steps(&log),
        [
            (Work, "##[section]Starting: Run tests", failed),
            (Cleanup, "##[section]Starting: Finalize Job", None),
        ]
    );
}

#[test]
fn gitlab() {
    let log = log_of(
        "2024-05-14T07:30:21.483212Z 00O Running with gitlab-runner 17.0.0 (1)\n\
         2024-05-14T07:30:21.483212Z 00O section_start:1715671821:step_script\r\x1b[0K\x1b[36;1mExecuting \"step_script\" stage of the job script\x1b[0;m\n\
         2024-05-14T07:30:21.483212Z 01E make: *** [test] Error 1\n\
         2024-05-14T07:30:21.483212Z 00O section_end:1715671822:step_script\r\x1b[0K\n\
         2024-05-14T07:30:21.483212Z 00O section_start:1:cleanup_file_variables\r\x1b[0KCleaning up project directory and file based variables\n\
         2024-05-14T07:30:21.483212Z 00O ERROR: Job failed: exit code 1\n",
    );
    let script = "Executing \"step_script\" stage of the job script";
    assert_eq!(steps(&log)[1], (Work, script, Some("")));
    assert_eq!(steps(&log)[2].0, Cleanup);
}

#[test]
fn jenkins() {
    let log = log_of(
        "Started by user acme\n[Pipeline] Start of Pipeline\n[Pipeline] stage\n\
         [Pipeline] { (Test)\n[Pipeline] sh\n+ make test\nmake: *** [test] Error 1\n\
         [Pipeline] }\n[Pipeline] // stage\n[Pipeline] stage\n[Pipeline] { (Deploy)\n\
         Stage \"Deploy\" skipped due to earlier failure(s)\n[Pipeline] }\n\
         ERROR: script returned exit code 2\nFinished: FAILURE\n",
    );
    assert_eq!(
        steps(&log),
        [
            (Opening, "Started by user acme", None),
            (Work, "[Pipeline] { (Test)", Some("[Pipeline] stage")),
            (Cleanup, "[Pipeline] { (Deploy)", None),
        ]
    );
}

#[test]
fn circle_ci_travis_and_buildkite() {
    let circle =
        log_of("#!/bin/bash -eo pipefail\nnpm test\n\nno\n\nExited with code exit status 1\n");
    let failed = Some("Exited with code exit status 1");
    assert_eq!(steps(&circle), [(Work, "#!/bin/bash -eo pipefail", failed)]);

    let travis = log_of(
        "Worker information\nThe command \"make\" exited with 0.\n$ make test\nno\n\
         The command \"make test\" exited with 2.\n\nDone. Your build exited with 1.\n",
    );
    let failed = Some("The command \"make test\" exited with 2.");
    assert_eq!(steps(&travis)[1], (Work, "$ make test", failed));

    let buildkite = log_of(
        "~~~ Preparing working directory\n~~~ Running commands\n\x1b_bk;t=1\x07$ make test\n\
         --- a/file\nno\n🚨 Error: The command exited with status 1\n^^^ +++\n\
         ~~~ Running global pre-exit hook\n",
    );
    let failed = Some("🚨 Error: The command exited with status 1");
    assert_eq!(steps(&buildkite)[1], (Work, "~~~ Running commands", failed));
    assert_eq!(steps(&buildkite)[2].0, Cleanup);
}

#[test]
fn a_log_without_marks_is_one_step() {
    let log = log_of("make test\nno\n");
    assert_eq!(steps(&log), [(Opening, "make test", None)]);
    assert!(log_of("").steps().is_empty());
}
