//! Guards that each kind of action has for itself: people's halt, GitHub's limits on writing, and
//! the end of leadership.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use greenline_forge::CommentId;
use greenline_forge::model::MergeMethod;
use greenline_lead::publish::{
    ActionKind, CommentBody, Halt, IssueState, LeaderGuard, MarkdownLine, Notification,
    OutsideAction, PublishError, Published, Publisher, halt, resume,
};
use greenline_runtime::clock::ManualClock;
use greenline_testbed::TestBed;

use crate::bed::{
    Bed, action, authorization, check_run, comment, commit, options, patch, publisher, rerun,
    takes_over, word,
};
use crate::github::{GitHub, HEAD};

/// One action of each kind.
fn every_kind() -> Vec<OutsideAction> {
    let body =
        CommentBody { headline: MarkdownLine::text("main is broken"), ..CommentBody::default() };
    let call = Notification { headline: "red".to_owned(), text: String::new(), url: String::new() };
    let (head, method) = (HEAD.parse().unwrap(), MergeMethod::Squash);
    vec![
        comment("a", "red"),
        check_run(3),
        action("a", ActionKind::Issue { branch: "main".to_owned(), body, state: IssueState::Open }),
        rerun(),
        commit(patch(), None),
        action("a", ActionKind::Merge { head, method, authorization: authorization(None) }),
        action("a", ActionKind::Label { add: vec!["new".to_owned()], remove: Vec::new() }),
        action("a", ActionKind::RequestReview { logins: vec!["ada".to_owned()] }),
        action("a", ActionKind::React { comment: CommentId(1), taken: true }),
        action("a", ActionKind::Notify { notification: call }),
    ]
}

#[tokio::test]
async fn each_kind_of_action_alone_is_held_by_a_halt_and_by_an_empty_bucket() {
    let bed = TestBed::new().await;
    for (number, action) in every_kind().into_iter().enumerate() {
        let (name, kind) = (format!("kind-{number}"), action.label());
        let queue = bed.queue_in(&name).await;
        let (github, clock) = (GitHub::start().await, ManualClock::at(1_700_000_000_000));
        let epoch = takes_over(&queue, None, "one").await;
        let lead = publisher(&queue, &github, epoch, &clock);
        lead.sweep().await.unwrap();
        let tries = async |what: &str| {
            clock.advance(Duration::from_secs(600));
            let left = lead.sweep().await.unwrap();
            assert_eq!((left, github.world().writes.clone()), (1, Vec::new()), "{kind}, {what}");
        };

        let by = Halt { by: "ada".to_owned(), why: "a test".to_owned(), at: 1 };
        halt(queue.store(), &by).await.unwrap();
        assert_eq!(word(&lead, &action).await, "later", "{kind}, halted");
        tries("halted").await;
        // Notifications of people are no writes to GitHub: they have no bucket.
        let is_call = matches!(action.kind, ActionKind::Notify { .. });
        if !is_call {
            let count = format!("{name}:agent:lead:writes");
            let empty = ["HSET", &count, "60000:left", "-1000", "3600000:left", "-1000"];
            let _new: i64 = bed.redis_words(&empty).await;
            assert!(resume(queue.store()).await.unwrap());
            tries("with an empty bucket").await;
            let _full: i64 = bed.redis_words(&["DEL", &count]).await;
        } else {
            assert!(resume(queue.store()).await.unwrap());
        }
        clock.advance(Duration::from_secs(4 * 3_600));
        assert_eq!(lead.sweep().await.unwrap(), 0, "{kind}");
        assert!(!github.world().writes.is_empty(), "{kind} is done once it may be");
    }
}

#[tokio::test]
async fn a_lead_that_is_deposed_inside_an_action_writes_nothing_more() {
    for (action, path) in [
        (comment("a", "red"), "/issues/812/comments"),
        (commit(patch(), None), "/contents/.greenline.toml"),
        (rerun(), "/actions/runs/9"),
    ] {
        let bed = Bed::new().await;
        let epoch = takes_over(&bed.redis.queue, None, "one").await;
        let leads = Arc::new(AtomicBool::new(true));
        let asked = leads.clone();
        let mut options = options(&bed.redis.queue, &bed.github, epoch, &bed.clock);
        options.guard = LeaderGuard::new(move || {
            asked.load(Ordering::SeqCst).then_some((epoch, Duration::from_millis(10)))
        });
        let lead = Publisher::new(options);
        lead.sweep().await.unwrap();

        bed.github.holds(path);
        let (it, kind) = (lead.clone(), action.label());
        let under_way = tokio::spawn(async move { it.publish(&action).await });
        bed.github.holds_one().await;
        leads.store(false, Ordering::SeqCst);
        // GitHub still hangs: the action has to end by itself.
        let ended = tokio::time::timeout(Duration::from_secs(10), under_way).await;
        let ended = ended.unwrap_or_else(|_| panic!("{kind} goes on without leadership")).unwrap();
        assert!(matches!(ended, Ok(Published::Later)), "{kind}: {ended:?}");
        bed.github.lets_go();
        bed.github.is_left_alone().await;
        assert_eq!(bed.github.world().writes, [""; 0], "{kind}");
        assert!(matches!(lead.sweep().await, Err(PublishError::NotLeading)));
    }
}
