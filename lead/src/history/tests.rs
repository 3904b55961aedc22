use greenline_forge::{JobId, Timestamp};
use greenline_testbed::TestBed;

use super::*;
use crate::check::CheckSource;
use crate::plan::tests::{failure, sha};

const NOW: u64 = 1_700_000_000_000;
const HOUR: u64 = 3_600_000;

/// A pytest failure, as its log says it.
fn diagnosis(test: &str) -> Diagnosis {
    let log = format!(
        "##[group]Run pytest\n##[endgroup]\n\
         ============ FAILURES ============\n____ {test} ____\n\n\
         >       assert parse('') == []\nE       AssertionError: assert None == []\n\n\
         tests/test_parse.py:41: AssertionError\n\
         ====== short test summary info ======\n\
         FAILED tests/test_parse.py::{test} - AssertionError: assert None == []\n\
         ====== 1 failed, 213 passed in 2.11s ======\n\
         ##[error]Process completed with exit code 1.\n"
    );
    let found = greenline_diagnosis::diagnose(log.as_bytes(), &Default::default());
    assert!(distinctive_signature(&found).is_some(), "{found:?}");
    found
}

/// A story of results, told to a history.
struct Story {
    bed: TestBed,
    history: History,
    jobs: u64,
    at: u64,
}

impl Story {
    async fn new() -> Self {
        let bed = TestBed::new().await;
        let history = History::new(bed.queue.store().clone());
        Self { bed, history, jobs: 0, at: NOW }
    }

    fn next(&mut self, mut failure: FailedCheck) -> FailedCheck {
        (self.jobs, self.at) = (self.jobs + 1, self.at + HOUR);
        failure.source = CheckSource::Job { run: None, job: JobId(self.jobs), attempt: None };
        failure.completed_at = Some(Timestamp(self.at));
        failure
    }

    async fn red(&mut self, at: &Push, diagnosis: &Diagnosis) -> JudgedOrigin {
        let failure = self.next(at.0.clone());
        let observation = Observation::of_failure(&failure, Some(diagnosis), at.1, NOW);
        let evidence = self.history.observe(&observation).await.unwrap();
        let judged = origin(&observation, &evidence);
        let again = self.history.observe(&observation).await.unwrap();
        assert_eq!(evidence, again, "saying it again changes nothing");
        judged
    }

    async fn green(&mut self, at: &Push) {
        let passed = self.next(at.0.clone());
        let observation = Observation {
            outcome: CheckOutcome::Passed,
            ..Observation::of_failure(&passed, None, at.1, NOW)
        };
        self.history.observe(&observation).await.unwrap();
    }
}

/// A pushed result.
#[derive(Clone)]
struct Push(FailedCheck, &'static str);

fn on_main(digit: char) -> Push {
    let branch = "main".to_owned();
    let main = FailedCheck {
        head_sha: sha(digit),
        branch,
        pull: None,
        on_default_branch: true,
        ..failure()
    };
    Push(main, "ada")
}

fn by(author: &'static str, branch: &str, digit: char) -> Push {
    Push(FailedCheck { head_sha: sha(digit), branch: branch.to_owned(), ..failure() }, author)
}

fn here() -> Push {
    Push(failure(), "ada")
}

#[tokio::test]
async fn what_passed_and_failed_on_one_commit_is_flaky() {
    let mut story = Story::new().await;
    let first = story.red(&here(), &diagnosis("test_a")).await;
    assert_eq!(first.origin, FailureOrigin::Unknown);
    story.green(&here()).await;
    let judged = story.red(&here(), &diagnosis("test_a")).await;
    assert_eq!(judged.origin, FailureOrigin::Flaky);
    assert_eq!(judged.because, "it failed and passed on the same commit aaaaaaa");
    // It keeps failing: whatever it was, it is no longer flaky.
    let judged = story.red(&here(), &diagnosis("test_a")).await;
    assert_eq!(judged.origin, FailureOrigin::Unknown);
}

#[tokio::test]
async fn what_is_new_here_while_the_base_passes_is_the_changes_own() {
    let mut story = Story::new().await;
    story.green(&on_main('1')).await;
    let judged = story.red(&here(), &diagnosis("test_a")).await;
    assert_eq!(
        (judged.origin, judged.because.as_str()),
        (FailureOrigin::PrCode, "it is new here, and main passes")
    );
    // The author's own second branch, and a second push, say nothing else.
    assert_eq!(
        story.red(&by("ada", "y", '3'), &diagnosis("test_a")).await.origin,
        FailureOrigin::PrCode
    );
    assert_eq!(
        story.red(&by("ada", "feat/x", '4'), &diagnosis("test_a")).await.origin,
        FailureOrigin::PrCode
    );
}

#[tokio::test]
async fn what_fails_alike_on_the_base_was_there_before() {
    let mut story = Story::new().await;
    story.green(&on_main('1')).await;
    assert_eq!(story.red(&on_main('2'), &diagnosis("test_a")).await.origin, FailureOrigin::PrCode);
    assert_eq!(
        story.red(&on_main('3'), &diagnosis("test_a")).await.origin,
        FailureOrigin::PreExisting
    );
    let judged = story.red(&here(), &diagnosis("test_a")).await;
    assert_eq!(judged.origin, FailureOrigin::PreExisting);
    assert_eq!(judged.because, "main has failed alike since 2222222");
    assert_eq!(story.red(&here(), &diagnosis("test_b")).await.origin, FailureOrigin::Unknown);
    // Repaired on the base: who fails alike now may have brought it back.
    story.green(&on_main('4')).await;
    let judged = story.red(&by("eve", "z", '5'), &diagnosis("test_a")).await;
    assert_eq!(judged.because, "main failed alike lately, and passes now");
    assert_eq!(judged.origin, FailureOrigin::Unknown);
}

#[tokio::test]
async fn what_fails_alike_for_others_too_is_flaky_only_while_the_base_passes() {
    let mut story = Story::new().await;
    story.red(&by("bob", "y", '3'), &diagnosis("test_a")).await;
    let judged = story.red(&here(), &diagnosis("test_a")).await;
    assert_eq!(judged.origin, FailureOrigin::Unknown, "nothing is known of the base");
    story.green(&on_main('1')).await;
    let judged = story.red(&by("cleo", "z", '4'), &diagnosis("test_a")).await;
    assert_eq!(judged.origin, FailureOrigin::Flaky, "{}", judged.because);
    let judged = story.red(&by("cleo", "z", '4'), &diagnosis("test_a")).await;
    assert_eq!(judged.origin, FailureOrigin::Unknown, "twice on one commit is no accident");
}

#[tokio::test]
async fn others_of_last_week_do_not_count() {
    let mut story = Story::new().await;
    story.red(&by("bob", "y", '3'), &diagnosis("test_a")).await;
    story.green(&on_main('1')).await;
    story.at += 7 * DAY_MS;
    assert_eq!(story.red(&here(), &diagnosis("test_a")).await.origin, FailureOrigin::PrCode);
}

#[tokio::test]
async fn a_compiler_is_never_flaky_by_hearsay_and_neither_is_a_nameless_failure() {
    let mut story = Story::new().await;
    story.green(&on_main('1')).await;
    let mut compiler = diagnosis("test_a");
    compiler.category = greenline_diagnosis::Category::CompileError;
    story.red(&by("bob", "y", '3'), &compiler).await;
    assert_eq!(story.red(&here(), &compiler).await.origin, FailureOrigin::Unknown);

    let log = b"##[group]Run ./x\n##[endgroup]\n##[error]Process completed with exit code 1.\n";
    let nameless = greenline_diagnosis::diagnose(log, &Default::default());
    story.red(&by("bob", "y", '3'), &nameless).await;
    assert_eq!(story.red(&here(), &nameless).await.origin, FailureOrigin::Unknown);
}

#[tokio::test]
async fn a_failing_world_is_nobodys_fault_and_makes_no_test_flaky() {
    let mut story = Story::new().await;
    let log = b"##[group]Run npm ci\n##[endgroup]\nnpm error code ECONNRESET\n\
        npm error network aborted\n##[error]Process completed with exit code 1.\n";
    let outage = greenline_diagnosis::diagnose(log, &Default::default());
    assert!(is_infra(&outage), "{outage:?}");
    assert_eq!(story.red(&here(), &outage).await.origin, FailureOrigin::Infra);
    story.green(&here()).await;
    let repo = failure().repo;
    assert_eq!(story.history.flaky(&repo, story.at).await.unwrap(), []);
    // Nor does it make the base red.
    story.red(&on_main('1'), &outage).await;
    story.green(&on_main('2')).await;
    story.red(&on_main('3'), &outage).await;
    assert_eq!(
        story.red(&by("ada", "x", '4'), &diagnosis("t")).await.origin,
        FailureOrigin::PrCode
    );
}

#[tokio::test]
async fn flaky_tests_are_told_with_their_rate() {
    let mut story = Story::new().await;
    for digit in ['1', '2'] {
        story.red(&by("ada", "x", digit), &diagnosis("test_a")).await;
        story.green(&by("ada", "x", digit)).await;
    }
    story.red(&by("ada", "x", '3'), &diagnosis("test_b")).await;
    story.green(&by("ada", "x", '3')).await;
    story.green(&by("ada", "x", '4')).await;
    story.green(&by("ada", "x", '5')).await;

    let repo = failure().repo;
    let flaky = story.history.flaky(&repo, story.at).await.unwrap();
    let judged: Vec<_> = flaky
        .iter()
        .map(|one| (one.test.as_deref().unwrap(), one.flakes, one.runs, one.last_sha.as_str()))
        .collect();
    let (second, third) = (sha('2'), sha('3'));
    assert_eq!(
        judged,
        [
            ("tests/test_parse.py::test_a", 2, 8, second.as_str()),
            ("tests/test_parse.py::test_b", 1, 8, third.as_str())
        ]
    );
    assert!((flaky[0].rate - 0.25).abs() < 1e-9);
    assert!((story.history.update_flake_rate(story.at).await.unwrap() - 0.375).abs() < 1e-9);
    let later = story.at + (WINDOW + 1) * DAY_MS;
    assert_eq!(story.history.flaky(&repo, later).await.unwrap(), []);
}

const WINDOW: u64 = 14;

#[tokio::test]
async fn every_key_ends_some_day_and_no_list_grows_without_end() {
    let mut story = Story::new().await;
    for at in 0..230_u64 {
        let mut one = by("ada", &format!("b{at}"), '1');
        one.0.head_sha = format!("{at:040x}").parse().unwrap();
        story.red(&one, &diagnosis("test_a")).await;
    }
    story.green(&here()).await;
    story.red(&here(), &diagnosis("test_a")).await;
    story.green(&on_main('9')).await;
    for key in story.bed.keys("agent:lead:history:*").await {
        let ttl: i64 = story.bed.redis_words(&["PTTL", &key]).await;
        assert!(ttl > 0, "{key}");
        if key.contains(":seen:") {
            assert_eq!(story.bed.redis_words::<u64>(&["ZCARD", &key]).await, 200);
        }
    }
}

#[tokio::test]
async fn a_result_that_comes_late_does_not_turn_the_base_back() {
    let mut story = Story::new().await;
    let broken = story.next(on_main('1').0);
    story.green(&on_main('2')).await;
    let late = diagnosis("test_a");
    story
        .history
        .observe(&Observation::of_failure(&broken, Some(&late), "ada", NOW))
        .await
        .unwrap();
    assert_eq!(story.red(&here(), &diagnosis("test_b")).await.origin, FailureOrigin::PrCode);
}

#[tokio::test]
async fn names_of_every_kind_are_kept_apart() {
    let mut story = Story::new().await;
    let check = CheckName::new("test (3.12) x");
    let other = Push(FailedCheck { check, ..failure() }, "ada");
    story.red(&here(), &diagnosis("test_a")).await;
    story.green(&other).await;
    let evidence = story.red(&here(), &diagnosis("test_a")).await;
    assert_eq!(evidence.origin, FailureOrigin::Unknown, "another check's green is not ours");
}
