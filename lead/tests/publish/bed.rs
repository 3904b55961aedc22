//! A publisher over a real Redis and the small GitHub, and actions to give it.

use std::time::Duration;

use greenline_forge::{PullNumber, RunId};
use greenline_lead::publish::{
    ActionKind, ApprovalId, Authorization, CheckAnnotation, CheckReport, CheckResult, CommentBody,
    FileMode, IdempotencyKey, IntentKeys, LeaderGuard, MarkdownLine, Notifier, OutsideAction,
    Patch, PatchChange, PatchEdit, Published, Publisher, PublisherOptions,
};
use greenline_queue::{Epoch, Leadership, Queue};
use greenline_runtime::clock::ManualClock;
use greenline_testbed::TestBed;

use crate::github::{GitHub, HEAD};

const LONG: Duration = Duration::from_secs(600);

pub(crate) struct Bed {
    pub(crate) redis: TestBed,
    pub(crate) github: GitHub,
    pub(crate) clock: ManualClock,
}

/// A lead that may act, until another takes over.
pub(crate) async fn takes_over(queue: &Queue, before: Option<&str>, name: &str) -> Epoch {
    if let Some(before) = before {
        queue.resign(before).await.unwrap();
    }
    match queue.lead(name, LONG).await.unwrap() {
        Leadership::Ours(epoch) => epoch,
        Leadership::Other { holder } => panic!("{holder} leads"),
    }
}

pub(crate) fn publisher(
    queue: &Queue,
    github: &GitHub,
    epoch: Epoch,
    clock: &ManualClock,
) -> Publisher {
    Publisher::new(options(queue, github, epoch, clock))
}

/// The keys of a deployment's leads: one, and the one before it.
pub(crate) fn keys(current: &str, previous: Option<&str>) -> IntentKeys {
    let secret = |text: &str| text.to_owned().into();
    IntentKeys::new(secret(current), previous.map(secret))
}

pub(crate) fn options(
    queue: &Queue,
    github: &GitHub,
    epoch: Epoch,
    clock: &ManualClock,
) -> PublisherOptions {
    let hook = github.url("/hook").into();
    PublisherOptions {
        queue: queue.clone(),
        keys: keys("intent-key-of-this-test", None),
        forge: github.forge(),
        guard: LeaderGuard::new(move || Some((epoch, LONG))),
        notifier: Some(Notifier::new(&hook).unwrap().pausing(Duration::ZERO)),
        clock: clock.clock(),
    }
}

impl Bed {
    pub(crate) async fn new() -> Self {
        let (redis, github) = (TestBed::new().await, GitHub::start().await);
        Self { redis, github, clock: ManualClock::at(1_700_000_000_000) }
    }

    /// A publisher that leads and has seen what was open.
    pub(crate) async fn publisher(&self) -> Publisher {
        let epoch = takes_over(&self.redis.queue, None, "one").await;
        let publisher = publisher(&self.redis.queue, &self.github, epoch, &self.clock);
        publisher.sweep().await.unwrap();
        publisher
    }

    /// Sweeps once all waiting is over; how much stays open.
    pub(crate) async fn later(&self, publisher: &Publisher) -> usize {
        self.clock.advance(LONG);
        publisher.sweep().await.unwrap()
    }
}

pub(crate) async fn word(publisher: &Publisher, action: &OutsideAction) -> String {
    match publisher.publish(action).await.unwrap() {
        Published::Now(outcome) => {
            let json = serde_json::to_value(&outcome).unwrap();
            let reason = json["reason"].as_str().map(|it| format!(" {it}")).unwrap_or_default();
            format!("{}{reason}", outcome.label())
        }
        Published::Before => "before".to_owned(),
        Published::Later => "later".to_owned(),
    }
}

pub(crate) fn action(key: &str, kind: ActionKind) -> OutsideAction {
    OutsideAction {
        repo: "acme/app".parse().unwrap(),
        pull: Some(PullNumber(812)),
        key: IdempotencyKey::new(key),
        kind,
    }
}

pub(crate) fn comment(key: &str, text: &str) -> OutsideAction {
    let body = CommentBody { headline: MarkdownLine::text(text), ..CommentBody::default() };
    action(key, ActionKind::Comment { body })
}

pub(crate) fn check_run(annotations: usize) -> OutsideAction {
    let annotation = |line| CheckAnnotation {
        path: "src/x.rs".to_owned(),
        line,
        title: "a test fails".to_owned(),
        message: "left is not right".to_owned(),
    };
    let report = CheckReport {
        head: HEAD.parse().unwrap(),
        result: CheckResult::Neutral,
        title: "1 test fails".to_owned(),
        body: CommentBody {
            headline: MarkdownLine::text("1 test fails"),
            ..CommentBody::default()
        },
        annotations: (1..=annotations as u64).map(annotation).collect(),
    };
    action("red", ActionKind::CheckRun { report })
}

pub(crate) fn rerun() -> OutsideAction {
    action("red", ActionKind::Rerun { run: RunId(9), attempt: 1 })
}

pub(crate) fn patch() -> Patch {
    let content = "mended\n".to_owned();
    let change =
        PatchChange::Write { content, was: Some(FileMode::Regular), mode: FileMode::Regular };
    Patch {
        repo: "acme/app".parse().unwrap(),
        pull: PullNumber(812),
        head: HEAD.parse().unwrap(),
        headline: "Return an empty list again".to_owned(),
        body: "The early return dropped it.".to_owned(),
        edits: vec![PatchEdit { path: "src/x.rs".to_owned(), change }],
    }
}

pub(crate) fn commit(patch: Patch, approval: Option<&str>) -> OutsideAction {
    let authorization = authorization(approval);
    action("repair", ActionKind::Commit { patch, kinds: Vec::new(), authorization })
}

pub(crate) fn authorization(approval: Option<&str>) -> Authorization {
    match approval {
        Some(id) => Authorization::Approved(ApprovalId::new(id)),
        None => Authorization::ByLevel,
    }
}
