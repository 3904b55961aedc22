use std::collections::BTreeSet;

use greenline_diagnosis::{Category, Diagnosis, Verdict};
use greenline_forge::model::Conclusion;
use greenline_forge::{CheckRunId, JobId, PullNumber, Sha, Timestamp};
use greenline_queue::EnqueueOutcome;
use greenline_testbed::TestBed;

use super::*;
use crate::check::{CheckName, CheckSource, CheckedPull, FailedCheck};
use crate::history::{FailureOrigin, JudgedOrigin};
use crate::prompts::Prompts;
use crate::repo_settings::RepoSettings;
use crate::repo_settings::detect_commands::{CommandSource, DetectedCommands};

const NOW: u64 = 1_700_000_000_000;

pub(crate) fn sha(digit: char) -> Sha {
    digit.to_string().repeat(40).parse().unwrap()
}

pub(crate) fn failure() -> FailedCheck {
    FailedCheck {
        repo: "acme/app".parse().unwrap(),
        check: CheckName::new("test (3.12)"),
        source: CheckSource::Job { job: JobId(4_471), run: None, attempt: None },
        conclusion: Conclusion::Failure,
        head_sha: sha('a'),
        branch: "feat/x".to_owned(),
        pull: Some(CheckedPull { number: PullNumber(812), from_fork: false, base: "main".into() }),
        on_default_branch: false,
        details_url: String::new(),
        completed_at: Some(Timestamp(NOW)),
    }
}

fn pull() -> PullDetails {
    PullDetails {
        number: PullNumber(812),
        title: "Parse nothing".to_owned(),
        author: "ada".to_owned(),
        base_branch: "main".to_owned(),
        head_sha: sha('a'),
        open: true,
        draft: false,
        labels: vec![],
        fork: false,
    }
}

/// A situation that owns what it is made of. As it stands, a repair is tried.
#[derive(Clone)]
struct Scene {
    failure: FailedCheck,
    pull: Option<PullDetails>,
    diagnosis: Option<Diagnosis>,
    expired: bool,
    judged: JudgedOrigin,
    settings: RepoSettings,
    commands: DetectedCommands,
    changed_files: Option<Vec<String>>,
    own_commit: bool,
    usage: LimitUsage,
    repairs: Repairs,
}

fn diagnosis() -> Diagnosis {
    let log = b"##[group]Run pytest\n##[endgroup]\n\
        >       assert parse('') == []\nE       AssertionError: assert None == []\n\n\
        tests/test_parse.py:41: AssertionError\n\
        FAILED tests/test_parse.py::test_a - AssertionError: assert None == []\n\
        ====== 1 failed, 213 passed in 2.11s ======\n";
    let found = greenline_diagnosis::diagnose(log, &Default::default());
    assert_eq!(found.verdict, Verdict::Fixable, "{found:?}");
    found
}

impl Scene {
    fn new() -> Self {
        Self {
            failure: failure(),
            pull: Some(pull()),
            diagnosis: Some(diagnosis()),
            expired: false,
            judged: judged(FailureOrigin::PrCode),
            settings: RepoSettings::default(),
            commands: DetectedCommands {
                setup: vec!["pip install -e .".to_owned()],
                validation: vec!["pytest".to_owned()],
                from: CommandSource::Settings,
            },
            changed_files: None,
            own_commit: false,
            usage: LimitUsage::default(),
            repairs: Repairs::On,
        }
    }

    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut scene = Self::new();
        change(&mut scene);
        scene
    }

    fn situation(&self) -> Situation<'_> {
        let log = match &self.diagnosis {
            _ if self.expired => LogState::Expired,
            Some(diagnosis) => LogState::Read(diagnosis),
            None => LogState::None,
        };
        Situation {
            failure: &self.failure,
            pull: self.pull.as_ref(),
            clone_url: "https://github.com/acme/app.git",
            log,
            judged: &self.judged,
            settings: &self.settings,
            commands: &self.commands,
            changed_files: self.changed_files.as_deref(),
            own_commit: self.own_commit,
            usage: &self.usage,
            repairs: self.repairs,
            command_key: None,
        }
    }

    fn decide(&self) -> Decision {
        decide(&self.situation())
    }

    fn pull(&mut self) -> &mut PullDetails {
        self.pull.as_mut().unwrap()
    }

    fn diagnosis(&mut self) -> &mut Diagnosis {
        self.diagnosis.as_mut().unwrap()
    }

    fn on_main(&mut self) {
        (self.pull, self.failure.pull) = (None, None);
        self.failure.branch = "main".to_owned();
        self.failure.on_default_branch = true;
    }
}

fn judged(origin: FailureOrigin) -> JudgedOrigin {
    JudgedOrigin { origin, because: "so it looks".to_owned() }
}

fn settings(text: &str) -> RepoSettings {
    RepoSettings::parse(text).unwrap()
}

fn open(sha: Sha) -> OpenTask {
    OpenTask { id: "other-1".parse().unwrap(), head_sha: sha }
}

type Change = fn(&mut Scene);

/// Each rule with what shows it, and with what is just not it.
const RULES: &[(DecisionRule, &str, Change, Change)] = &[
    (
        DecisionRule::OwnCheck,
        "nothing",
        |s| s.failure.check = CheckName::new("greenline"),
        |s| s.failure.check = CheckName::new("greenline-tests"),
    ),
    (DecisionRule::NoPullRequest, "nothing", |s| s.pull = None, |s| s.on_main()),
    (DecisionRule::Closed, "nothing", |s| s.pull().open = false, |s| s.pull().open = true),
    (
        DecisionRule::HeadMoved,
        "nothing",
        |s| s.pull().head_sha = sha('b'),
        |s| s.pull().head_sha = sha('a'),
    ),
    (
        DecisionRule::Ignored,
        "nothing",
        |s| s.pull().labels = vec!["Greenline:Off".into()],
        |s| s.pull().labels = vec!["off".into()],
    ),
    (
        DecisionRule::Ignored,
        "nothing",
        |s| s.pull().draft = true,
        |s| {
            s.pull().draft = true;
            s.settings = settings("[ignore]\ndrafts = false");
        },
    ),
    (
        DecisionRule::Ignored,
        "nothing",
        |s| s.settings = settings("[ignore]\nbranches = [\"feat/*\"]"),
        |s| s.settings = settings("[ignore]\nbranches = [\"*\"]"),
    ),
    (
        DecisionRule::Ignored,
        "nothing",
        |s| s.settings = settings("[ignore]\nchecks = [\"test*\"]"),
        |s| s.settings = settings("[ignore]\nchecks = [\"test\"]"),
    ),
    (
        DecisionRule::Ignored,
        "nothing",
        |s| s.settings = settings("[ignore]\nauthors = [\"Ada\"]"),
        |s| s.settings = settings("[ignore]\nauthors = [\"bob\"]"),
    ),
    (
        DecisionRule::Ignored,
        "nothing",
        |s| {
            s.settings = settings("[ignore]\npaths = [\"docs/**\"]");
            s.changed_files = Some(vec!["docs/a.md".into(), "docs/b/c.md".into()]);
        },
        |s| {
            s.settings = settings("[ignore]\npaths = [\"docs/**\"]");
            s.changed_files = Some(vec!["docs/a.md".into(), "src/a.rs".into()]);
        },
    ),
    (DecisionRule::Fork, "nothing", |s| s.pull().fork = true, |s| s.pull().fork = false),
    (
        DecisionRule::Fork,
        "nothing",
        |s| {
            s.pull().fork = true;
            s.judged.origin = FailureOrigin::Infra;
        },
        |s| s.judged.origin = FailureOrigin::Infra,
    ),
    (DecisionRule::LogExpired, "nothing", |s| s.expired = true, |s| s.expired = false),
    (DecisionRule::NoLog, "nothing", |s| s.diagnosis = None, |_| {}),
    (
        DecisionRule::RunAgain,
        "rerun",
        |s| s.judged.origin = FailureOrigin::Flaky,
        |s| s.judged.origin = FailureOrigin::Unknown,
    ),
    (
        DecisionRule::RunAgain,
        "rerun",
        |s| s.judged.origin = FailureOrigin::Infra,
        |s| {
            s.judged.origin = FailureOrigin::Infra;
            s.usage.rerun = true;
        },
    ),
    (
        DecisionRule::RunAgain,
        "rerun",
        |s| {
            s.repairs = Repairs::NoModelKey;
            s.judged.origin = FailureOrigin::Flaky;
        },
        |s| s.repairs = Repairs::NoModelKey,
    ),
    (
        DecisionRule::RanAgain,
        "escalate",
        |s| {
            s.judged.origin = FailureOrigin::Infra;
            s.usage.rerun = true;
        },
        |s| {
            s.judged.origin = FailureOrigin::Flaky;
            s.usage.rerun = true;
        },
    ),
    (
        DecisionRule::NoRerun,
        "nothing",
        |s| {
            s.judged.origin = FailureOrigin::Flaky;
            s.failure.source = CheckSource::CheckRun { id: CheckRunId(1) };
        },
        |s| s.judged.origin = FailureOrigin::Flaky,
    ),
    (
        DecisionRule::NoRerun,
        "nothing",
        |s| {
            s.judged.origin = FailureOrigin::Infra;
            s.settings = settings("[rerun]\nenabled = false");
        },
        |s| s.settings = settings("[rerun]\nenabled = false"),
    ),
    (DecisionRule::BaseBroken, "escalate", |s| s.failure.on_default_branch = true, |_| {}),
    (
        DecisionRule::BaseBroken,
        "nothing",
        |s| {
            s.on_main();
            s.usage.notified = true;
        },
        |s| s.usage.notified = true,
    ),
    (
        DecisionRule::BaseBroken,
        "escalate",
        |s| {
            s.on_main();
            s.diagnosis = None;
        },
        |s| s.diagnosis = None,
    ),
    (
        DecisionRule::PreExisting,
        "nothing",
        |s| s.judged.origin = FailureOrigin::PreExisting,
        |s| s.judged.origin = FailureOrigin::PrCode,
    ),
    (
        DecisionRule::NeedsPerson,
        "escalate",
        |s| s.diagnosis().verdict = Verdict::Escalate,
        |s| s.diagnosis().verdict = Verdict::Investigate,
    ),
    (
        DecisionRule::NeedsPerson,
        "nothing",
        |s| {
            s.diagnosis().verdict = Verdict::Escalate;
            s.usage.notified = true;
        },
        |s| s.diagnosis().verdict = Verdict::Escalate,
    ),
    (
        DecisionRule::OwnCommit,
        "escalate",
        |s| s.own_commit = true,
        |s| {
            s.own_commit = true;
            s.judged.origin = FailureOrigin::Infra;
        },
    ),
    (
        DecisionRule::RepairsOff,
        "nothing",
        |s| s.repairs = Repairs::NoModelKey,
        |s| s.repairs = Repairs::On,
    ),
    (
        DecisionRule::RepairsOff,
        "nothing",
        |s| s.repairs = Repairs::SwitchedOff,
        |s| s.repairs = Repairs::On,
    ),
    (
        DecisionRule::RepairsOff,
        "nothing",
        |s| s.settings = settings("[repair]\nenabled = false"),
        |s| s.settings = settings("[repair]\nenabled = true"),
    ),
    (
        DecisionRule::PullSwitchedOff,
        "nothing",
        |s| s.usage.repair_off = Some(RepairOff::Reverted),
        |s| s.usage.repair_off = None,
    ),
    (
        DecisionRule::PullSwitchedOff,
        "nothing",
        |s| s.usage.repair_off = Some(RepairOff::Stopped),
        |s| {
            s.usage.repair_off = Some(RepairOff::Stopped);
            s.judged.origin = FailureOrigin::Flaky;
        },
    ),
    (DecisionRule::Attempts, "escalate", |s| s.usage.attempts = 2, |s| s.usage.attempts = 1),
    (
        DecisionRule::Attempts,
        "escalate",
        |s| {
            s.usage.attempts = 1;
            s.settings = settings("[limits]\nattempts = 1");
        },
        |s| s.settings = settings("[limits]\nattempts = 1"),
    ),
    (
        DecisionRule::NoCommands,
        "nothing",
        |s| s.commands.validation.clear(),
        |s| s.commands.setup.clear(),
    ),
    (
        DecisionRule::OpenTasks,
        "nothing",
        |s| s.usage.open = vec![open(sha('a'))],
        |s| s.usage.open = vec![open(sha('b'))],
    ),
    (
        DecisionRule::OpenTasks,
        "nothing",
        |s| {
            s.usage.open = vec![open(sha('a')), open(sha('a'))];
            s.settings = settings("[limits]\nopen_tasks_per_pull = 2");
        },
        |s| {
            s.usage.open = vec![open(sha('a'))];
            s.settings = settings("[limits]\nopen_tasks_per_pull = 2");
        },
    ),
    (
        DecisionRule::TasksToday,
        "nothing",
        |s| s.usage.tasks_today = 20,
        |s| s.usage.tasks_today = 19,
    ),
    (
        DecisionRule::TasksToday,
        "nothing",
        |s| s.settings = settings("[limits]\ntasks_per_day = 0"),
        |s| s.settings = settings("[limits]\ntasks_per_day = 1"),
    ),
    (
        DecisionRule::DollarsToday,
        "nothing",
        |s| s.usage.dollars_today = 18.01,
        |s| s.usage.dollars_today = 18.0,
    ),
    (DecisionRule::Repair, "fix", |_| {}, |s| s.diagnosis().confidence = 0.5),
    (
        DecisionRule::Look,
        "investigate",
        |s| s.diagnosis().verdict = Verdict::Investigate,
        |s| s.diagnosis().verdict = Verdict::Fixable,
    ),
    (
        DecisionRule::Look,
        "investigate",
        |s| s.diagnosis().confidence = 0.59,
        |s| s.diagnosis().confidence = 0.6,
    ),
    (
        DecisionRule::Look,
        "investigate",
        |s| s.diagnosis().category = Category::Unknown,
        |s| s.diagnosis().category = Category::LintError,
    ),
    (
        DecisionRule::Look,
        "investigate",
        |s| s.settings = settings("[repair]\ncategories = [\"lint_error\"]"),
        |s| s.settings = settings("[repair]\ncategories = [\"test_assertion\"]"),
    ),
    (
        DecisionRule::Look,
        "investigate",
        |s| {
            s.judged.origin = FailureOrigin::Flaky;
            s.usage.rerun = true;
        },
        |s| s.usage.rerun = true,
    ),
];

#[test]
fn every_rule_has_what_shows_it_and_what_is_just_not_it() {
    for (at, (rule, action, shows, edge)) in RULES.iter().enumerate() {
        let decision = Scene::with(shows).decide();
        let notified = (decision.rule, decision.action.as_str());
        assert_eq!(notified, (*rule, *action), "line {at}: {}", decision.reason);
        let beside = Scene::with(edge).decide();
        assert!(
            beside.rule != *rule || beside.action.as_str() != *action,
            "line {at}: {} at its edge: {}",
            rule,
            beside.reason
        );
        assert!(!decision.reason.is_empty() && !decision.reason.ends_with('.'), "{decision:?}");
    }
    let shown: BTreeSet<DecisionRule> = RULES.iter().map(|(rule, ..)| *rule).collect();
    assert_eq!(shown, DecisionRule::ALL.iter().copied().collect(), "a rule is not shown");
}

#[test]
fn what_is_left_alone_is_not_talked_about_and_a_fork_is() {
    let reporting = |change: Change| Scene::with(change).decide().reporting;
    assert_eq!(reporting(|s| s.pull().draft = true), Reporting::Silent);
    assert_eq!(reporting(|s| s.pull().fork = true), Reporting::Explain);
    assert_eq!(reporting(|s| s.repairs = Repairs::NoModelKey), Reporting::Explain);
    assert_eq!(reporting(|s| s.expired = true), Reporting::Explain);
}

#[test]
fn a_new_head_makes_tasks_of_older_ones_pointless() {
    let tasks = [open(sha('a')), open(sha('b'))];
    let ids: Vec<&str> = superseded(&tasks[..1], &sha('b')).iter().map(|id| id.as_str()).collect();
    assert_eq!(ids, ["other-1"]);
    assert!(superseded(&tasks[1..], &sha('b')).is_empty());
}

/// Any situation, made of several changes at once.
fn any_scene(random: &mut fastrand::Rng) -> Scene {
    let mut scene = Scene::new();
    for _ in 0..random.usize(0..5) {
        let (_, _, shows, edge) = RULES[random.usize(0..RULES.len())];
        // A pull request that an earlier change took away has nothing left to change.
        if scene.pull.is_some() && scene.diagnosis.is_some() {
            if random.bool() { shows(&mut scene) } else { edge(&mut scene) }
        }
    }
    scene.usage.attempts = random.u32(0..4);
    scene.usage.tasks_today = random.u32(0..25);
    scene.usage.dollars_today = f64::from(random.u32(0..30));
    scene.usage.rerun = random.bool();
    scene.judged.origin = random
        .choice([
            FailureOrigin::PrCode,
            FailureOrigin::PreExisting,
            FailureOrigin::Flaky,
            FailureOrigin::Infra,
            FailureOrigin::Unknown,
        ])
        .unwrap();
    scene
}

#[test]
fn no_situation_breaks_a_limit() {
    let mut random = fastrand::Rng::with_seed(4);
    let mut actions = BTreeSet::new();
    for _ in 0..20_000 {
        let scene = any_scene(&mut random);
        let decision = scene.decide();
        assert_eq!(decision, scene.decide(), "the same again");
        actions.insert(decision.action.as_str());
        let Scene { usage, settings, judged, failure, .. } = &scene;
        let fork = scene.pull.as_ref().is_some_and(|pull| pull.fork);
        let moves = decision.action != NextStep::Nothing;
        assert!(!(fork && moves), "a fork is only explained");
        assert!(!(decision.reporting == Reporting::Silent && moves), "whatever is done is told");
        if let Some(draft) = decision.action.task() {
            assert!(usage.attempts < settings.limits.attempts.min(2) && draft.attempt <= 2);
            assert!(usage.tasks_today < settings.limits.tasks_per_day);
            let record_cost = usage.dollars_today + draft.max_cost_usd;
            assert!(record_cost <= settings.limits.dollars_per_day);
            assert!(!failure.on_default_branch && scene.pull.is_some() && !scene.own_commit);
            assert!(usage.repair_off.is_none() && scene.repairs == Repairs::On);
            assert!(!draft.commands.validation.is_empty());
            assert_ne!(judged.origin, FailureOrigin::Infra);
        }
        if let NextStep::Rerun(_) = decision.action {
            assert!(
                !usage.rerun
                    && [FailureOrigin::Flaky, FailureOrigin::Infra].contains(&judged.origin)
            );
        }
        if matches!(decision.action, NextStep::Fix(_)) {
            assert_ne!(judged.origin, FailureOrigin::Flaky);
        }
    }
    assert_eq!(actions.len(), 5, "every action was seen: {actions:?}");
}

#[test]
fn a_task_holds_all_that_its_worker_needs() {
    let scene = Scene::new();
    let prompts = Prompts::builtin().unwrap();
    let task = task_of(&scene.decide(), &prompts).unwrap().unwrap();
    let spec: serde_json::Value = serde_json::from_str(task.payload()).unwrap();
    assert_eq!(spec["task_id"], format!("ci-fix-{}", scene.failure.key()));
    assert_eq!(spec["type"], "fix_test_failure");
    assert_eq!(spec["inputs"]["repo"], "acme/app");
    assert_eq!(spec["inputs"]["pr_number"], 812);
    assert_eq!(spec["inputs"]["branch"], "feat/x");
    assert_eq!(spec["inputs"]["head_sha"], "a".repeat(40));
    assert_eq!(spec["inputs"]["check"], "test (3.12)");
    assert_eq!(spec["inputs"]["clone_url"], "https://github.com/acme/app.git");
    assert_eq!(spec["inputs"]["fork"], false);
    assert_eq!(spec["inputs"]["signature"].as_str(), diagnosis().signature.as_deref());
    assert_eq!(spec["setup"], serde_json::json!(["pip install -e ."]));
    assert_eq!(spec["validation"], serde_json::json!(["pytest"]));
    assert_eq!(spec["concurrency_key"], "acme/app#812");
    assert!(spec["dedup_key"].as_str().unwrap().starts_with("acme/app#812:"));
    let prompt = spec["prompt"].as_str().unwrap();
    for expected in ["tests/test_parse.py::test_a", "attempt 1 of 2", "E       AssertionError"] {
        assert!(prompt.contains(expected), "{expected}\n{prompt}");
    }

    let look = Scene::with(|s| s.diagnosis().verdict = Verdict::Investigate).decide();
    let task = task_of(&look, &prompts).unwrap().unwrap();
    assert_eq!(task.spec().kind.as_str(), "investigate_failure");
    assert!(task.spec().task_id.as_str().starts_with("ci-look-"));

    let nothing = Scene::with(|s| s.expired = true).decide();
    assert!(task_of(&nothing, &prompts).unwrap().is_none());
}

#[test]
fn names_that_no_key_allows_still_make_a_task() {
    let scene = Scene::with(|s| {
        s.failure.repo = format!("{}/{}", "o".repeat(100), "r".repeat(100)).parse().unwrap();
        s.failure.check = CheckName::new("tést \u{202e} \u{1f}`x`");
        s.failure.branch = "feat/ä ö".to_owned();
    });
    let task = task_of(&scene.decide(), &Prompts::builtin().unwrap()).unwrap().unwrap();
    let spec = task.spec();
    assert!(spec.concurrency_key.as_ref().unwrap().as_str().starts_with("hash-"));
    assert!(!spec.prompt.as_ref().unwrap().contains('\u{202e}'));
}

/// Decides by what the ledger says, and notes it.
async fn step(plan_store: &PlanStore, scene: &mut Scene) -> (Decision, bool) {
    let diagnosis = scene.diagnosis.clone();
    let signature = diagnosis.as_ref().and_then(|diagnosis| diagnosis.signature.as_deref());
    let cause = cause(&scene.failure, signature);
    scene.usage = plan_store.usage(&scene.failure, &cause, NOW).await.unwrap();
    let decision = scene.decide();
    let record = DecisionRecord::of(&scene.situation(), &decision, NOW);
    let new = plan_store.record_decision(&scene.failure, &decision, &record, NOW).await.unwrap();
    (decision, new)
}

/// The same check, failed again.
fn again(scene: &mut Scene, job: u64, head: char) {
    scene.failure.source = CheckSource::Job { job: JobId(job), run: None, attempt: None };
    scene.failure.head_sha = sha(head);
    scene.pull().head_sha = sha(head);
}

#[tokio::test]
async fn a_failure_is_tried_twice_and_then_a_person_is_called() {
    let bed = TestBed::new().await;
    let plan_store = PlanStore::new(bed.queue.clone());
    let prompts = Prompts::builtin().unwrap();
    let mut scene = Scene::new();
    let mut actions = Vec::new();
    for (job, head) in [(1, 'a'), (2, 'b'), (3, 'c')] {
        again(&mut scene, job, head);
        let (decision, new) = step(&plan_store, &mut scene).await;
        assert!(new);
        // As after a restart: the same answer, and nothing is counted twice.
        let (same, new) = step(&plan_store, &mut scene).await;
        assert_eq!((&same, new), (&decision, false));
        if let Some(task) = task_of(&decision, &prompts).unwrap() {
            assert!(matches!(
                bed.queue.enqueue(task).await.unwrap(),
                EnqueueOutcome::Created { .. }
            ));
            let (same, _) = step(&plan_store, &mut scene).await;
            assert_eq!(same, decision, "its own task is not in its way");
            bed.queue.cancel(&[id_of(&decision.action).unwrap()], "over").await.unwrap();
        }
        actions.push(decision.action.as_str());
    }
    assert_eq!(actions, ["fix", "fix", "escalate"]);
    assert_eq!(scene.usage.tasks_today, 2);

    let decisions =
        plan_store.decisions(&scene.failure.repo, &Subject::of(&scene.failure)).await.unwrap();
    let notified: Vec<_> =
        decisions.iter().map(|one| (one.rule.as_str(), one.head_sha.as_str())).collect();
    let (a, b, c) = (sha('a'), sha('b'), sha('c'));
    assert_eq!(
        notified,
        [("repair", a.as_str()), ("repair", b.as_str()), ("attempts", c.as_str())]
    );
    assert_eq!(decisions[0].category, Some(Category::TestAssertion));
}

#[tokio::test]
async fn one_worker_for_one_pull_request_until_its_task_has_ended() {
    let bed = TestBed::new().await;
    let plan_store = PlanStore::new(bed.queue.clone());
    let mut scene = Scene::new();
    let (first, _) = step(&plan_store, &mut scene).await;
    let task = task_of(&first, &Prompts::builtin().unwrap()).unwrap().unwrap();
    let id = task.id().clone();
    bed.queue.enqueue(task).await.unwrap();

    scene.failure.check = CheckName::new("lint");
    again(&mut scene, 2, 'a');
    let (second, _) = step(&plan_store, &mut scene).await;
    assert_eq!((second.rule, scene.usage.open.len()), (DecisionRule::OpenTasks, 1));

    bed.queue.cancel(&[id], "over").await.unwrap();
    let (third, _) = step(&plan_store, &mut scene).await;
    assert_eq!((third.action.as_str(), scene.usage.open.len()), ("fix", 0));
}

#[tokio::test]
async fn a_job_runs_again_once_for_a_commit() {
    let bed = TestBed::new().await;
    let plan_store = PlanStore::new(bed.queue.clone());
    let mut scene = Scene::with(|s| s.judged.origin = FailureOrigin::Infra);
    assert_eq!(step(&plan_store, &mut scene).await.0.rule, DecisionRule::RunAgain);
    assert_eq!(
        step(&plan_store, &mut scene).await.0.rule,
        DecisionRule::RunAgain,
        "the same result"
    );
    again(&mut scene, 2, 'a');
    assert_eq!(step(&plan_store, &mut scene).await.0.rule, DecisionRule::RanAgain);
    again(&mut scene, 3, 'b');
    assert_eq!(
        step(&plan_store, &mut scene).await.0.rule,
        DecisionRule::RunAgain,
        "another commit"
    );
}

#[tokio::test]
async fn people_are_told_of_a_broken_branch_once() {
    let bed = TestBed::new().await;
    let plan_store = PlanStore::new(bed.queue.clone());
    let mut scene = Scene::with(Scene::on_main);
    assert_eq!(step(&plan_store, &mut scene).await.0.action, NextStep::Escalate);
    scene.failure.source = CheckSource::Job { job: JobId(2), run: None, attempt: None };
    scene.failure.head_sha = sha('b');
    assert_eq!(step(&plan_store, &mut scene).await.0.reporting, Reporting::Silent);
    let decisions =
        plan_store.decisions(&scene.failure.repo, &Subject::of(&scene.failure)).await.unwrap();
    assert_eq!(decisions.len(), 2);
}

#[tokio::test]
async fn money_is_counted_as_it_was_spent_and_a_stop_holds() {
    let bed = TestBed::new().await;
    let plan_store = PlanStore::new(bed.queue.clone());
    let mut scene = Scene::new();
    let (first, _) = step(&plan_store, &mut scene).await;
    let (repo, pull) = (scene.failure.repo.clone(), scene.pull().number);
    again(&mut scene, 2, 'b');
    step(&plan_store, &mut scene).await;
    assert!((scene.usage.dollars_today - 2.0).abs() < 1e-9, "what it may cost");
    plan_store.record_cost(&repo, &id_of(&first.action).unwrap(), 0.31, NOW).await.unwrap();
    step(&plan_store, &mut scene).await;
    assert!((scene.usage.dollars_today - 0.31).abs() < 1e-9, "what it did cost");

    plan_store.set_repairs_off(&repo, pull, Some(RepairOff::Stopped)).await.unwrap();
    assert_eq!(step(&plan_store, &mut scene).await.0.rule, DecisionRule::PullSwitchedOff);
    plan_store.set_repairs_off(&repo, pull, None).await.unwrap();
    assert_eq!(step(&plan_store, &mut scene).await.0.rule, DecisionRule::Repair);
}

#[tokio::test]
async fn a_story_is_capped_and_every_key_ends_some_day() {
    let bed = TestBed::new().await;
    let plan_store = PlanStore::new(bed.queue.clone());
    let mut scene = Scene::with(|s| s.judged.origin = FailureOrigin::Infra);
    for job in 0..205 {
        again(&mut scene, job, 'a');
        step(&plan_store, &mut scene).await;
    }
    let mut fixed = Scene::new();
    step(&plan_store, &mut fixed).await;
    let decisions =
        plan_store.decisions(&scene.failure.repo, &Subject::of(&scene.failure)).await.unwrap();
    assert_eq!(decisions.len(), 200);
    for key in bed.keys("agent:lead:*").await {
        assert!(bed.redis_words::<i64>(&["PTTL", &key]).await > 0, "{key}");
    }
}
