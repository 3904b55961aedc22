//! What the lead remembers: flaky tests, and why it did what it did.

use greenline_forge::model::Conclusion;
use greenline_forge::{JobId, PullNumber, Timestamp};
use greenline_lead::check::{CheckName, CheckSource, CheckedPull, FailedCheck};
use greenline_lead::history::{CheckOutcome, History, Observation, origin};
use greenline_lead::plan::{
    DecisionRecord, LogState, PlanStore, PullDetails, Repairs, Situation, cause, decide,
};
use greenline_lead::repo_settings::RepoSettings;
use greenline_lead::repo_settings::detect_commands::{CommandSource, DetectedCommands};
use greenline_testbed::TestBed;

use crate::terminal::Terminal;

const LOG: &[u8] = b"##[group]Run pytest\n##[endgroup]\n\
    >       assert parse('') == []\nE       AssertionError: assert None == []\n\n\
    tests/test_parse.py:41: AssertionError\n\
    FAILED tests/test_parse.py::test_a - AssertionError: assert None == []\n\
    ====== 1 failed, 213 passed in 2.11s ======\n";

fn failure(job: u64, at: u64) -> FailedCheck {
    FailedCheck {
        repo: "acme/app".parse().unwrap(),
        check: CheckName::new("test (3.12)"),
        source: CheckSource::Job { job: JobId(job), run: None, attempt: None },
        conclusion: Conclusion::Failure,
        head_sha: "a".repeat(40).parse().unwrap(),
        branch: "feat/x".to_owned(),
        pull: Some(CheckedPull { number: PullNumber(812), from_fork: false, base: "main".into() }),
        on_default_branch: false,
        details_url: String::new(),
        completed_at: Some(Timestamp(at)),
    }
}

fn pull() -> PullDetails {
    PullDetails {
        number: PullNumber(812),
        title: "Parse nothing".to_owned(),
        author: "ada".to_owned(),
        base_branch: "main".to_owned(),
        head_sha: "a".repeat(40).parse().unwrap(),
        open: true,
        draft: false,
        labels: vec![],
        fork: false,
    }
}

/// A failure goes the lead's way: observed, judged, decided, noted.
async fn fail(bed: &TestBed, job: u64, now: u64) {
    let diagnosis = greenline_diagnosis::diagnose(LOG, &Default::default());
    let failure = failure(job, now);
    let observation = Observation::of_failure(&failure, Some(&diagnosis), "ada", now);
    let evidence = History::new(bed.queue.store().clone()).observe(&observation).await.unwrap();
    let (judged, plan_store) = (origin(&observation, &evidence), PlanStore::new(bed.queue.clone()));
    let cause = cause(&failure, diagnosis.signature.as_deref());
    let usage = plan_store.usage(&failure, &cause, now).await.unwrap();
    let commands = DetectedCommands {
        setup: vec![],
        validation: vec!["pytest".to_owned()],
        from: CommandSource::Settings,
    };
    let situation = Situation {
        failure: &failure,
        pull: Some(&pull()),
        clone_url: "https://github.com/acme/app.git",
        log: LogState::Read(&diagnosis),
        judged: &judged,
        settings: &RepoSettings::default(),
        commands: &commands,
        changed_files: None,
        own_commit: false,
        usage: &usage,
        repairs: Repairs::On,
        command_key: None,
    };
    let decision = decide(&situation);
    let record = DecisionRecord::of(&situation, &decision, now);
    plan_store.record_decision(&failure, &decision, &record, now).await.unwrap();
}

async fn pass(bed: &TestBed, job: u64, now: u64) {
    let passed = failure(job, now);
    let observation = Observation {
        outcome: CheckOutcome::Passed,
        ..Observation::of_failure(&passed, None, "ada", now)
    };
    History::new(bed.queue.store().clone()).observe(&observation).await.unwrap();
}

#[tokio::test]
async fn a_flaky_test_is_known_and_its_story_told() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    terminal.run(&["flaky"]).exits(0).prints(&["No test is known to be flaky"]);
    terminal.run(&["why", "acme/app#812"]).exits(1).prints(&["Nothing was decided there"]);

    let now = u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap();
    fail(&bed, 1, now - 3_000).await;
    pass(&bed, 2, now - 2_000).await;
    fail(&bed, 3, now - 1_000).await;

    let printed = terminal.run(&["flaky"]).exits(0);
    printed.prints(&["rate", "33.3 %", "acme/app", "test (3.12)", "tests/test_parse.py::test_a"]);
    let flaky = terminal.json(&["flaky", "--repo", "Acme/App"]);
    assert_eq!((flaky.len(), &flaky[0]["flakes"], &flaky[0]["runs"]), (1, &1.into(), &3.into()));
    assert!(flaky[0]["last_seen_at"].as_str().unwrap().ends_with('Z'));

    terminal.run(&["why", "https://github.com/acme/app/pull/812"]).exits(0).prints(&[
        "test (3.12) failed at aaaaaaa",
        "test_assertion, fixable",
        "unknown: nothing is known of this check on main",
        "fix (repair)",
        "ci-fix-check-1, commands named in .greenline.toml",
        "test (3.12) failed at aaaaaaa",
        "flaky: it failed and passed on the same commit aaaaaaa",
        "rerun (run_again)",
    ]);
    let decisions = terminal.json(&["why", "acme/app#812"]);
    let actions: Vec<_> = decisions.iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["fix", "rerun"]);
    assert!(decisions[0]["decided_at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn what_names_no_pull_request_is_refused() {
    let terminal = Terminal::alone();
    terminal.run(&["why", "812"]).exits(2).prints(&["names no pull request", "write acme/app#812"]);
}
