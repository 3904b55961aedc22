//! Writing to Redis commands nothing: intents that no lead has signed, and actions that
//! the repository's settings, as they are when the action runs, want a person's yes for.

use std::time::Duration;

use greenline_forge::PullNumber;
use greenline_forge::model::MergeMethod;
use greenline_lead::publish::{
    ActionKind, ApprovalAnswer, ApprovalState, Approvals, Halt, Merge, OutsideAction, Publisher,
    PublisherOptions, ShownContent, halt, resume, set_aside,
};
use greenline_queue::{ApprovalOutcome, Epoch};
use serde_json::{Value, json};

use crate::bed::{
    Bed, action, authorization, comment, commit, keys, options, patch, takes_over, word,
};
use crate::github::HEAD;

fn merge(head: &str, approval: Option<&str>) -> OutsideAction {
    let (method, authorization) = (MergeMethod::Squash, authorization(approval));
    action("green", ActionKind::Merge { head: head.parse().unwrap(), method, authorization })
}

impl Bed {
    /// The epoch under which this test's lead leads.
    async fn epoch(&self) -> Epoch {
        takes_over(&self.redis.queue, None, "one").await
    }

    /// A lead that differs from the usual one.
    async fn other(&self, change: impl FnOnce(&mut PublisherOptions)) -> Publisher {
        let epoch = self.epoch().await;
        let mut options = options(&self.redis.queue, &self.github, epoch, &self.clock);
        change(&mut options);
        let other = Publisher::new(options);
        other.sweep().await.unwrap();
        other
    }

    async fn halt(&self) {
        let by = Halt { by: "ada".to_owned(), why: "a test".to_owned(), at: 1 };
        halt(self.redis.queue.store(), &by).await.unwrap();
    }

    async fn resume(&self) {
        assert!(resume(self.redis.queue.store()).await.unwrap());
    }

    /// Writes an intent with plain commands, as redis-cli would.
    async fn write(&self, id: &str, about: &str) {
        let (key, epoch) = (format!("agent:lead:intent:{id}"), self.epoch().await.0.to_string());
        let hash = ["state", "open", "epoch", &epoch, "about", about, "begun_at", "1"];
        let words = [&["HSET", &key][..], &hash].concat();
        let _new: i64 = self.redis.redis_words(&words).await;
        let zadd = ["ZADD", "agent:lead:intents", "1", id];
        let _new: i64 = self.redis.redis_words(&zadd).await;
    }

    async fn about(&self, id: &str) -> String {
        self.redis.redis_words(&["HGET", &format!("agent:lead:intent:{id}"), "about"]).await
    }

    async fn forget(&self, id: &str) {
        let _gone: i64 = self.redis.redis_words(&["DEL", &format!("agent:lead:intent:{id}")]).await;
        let _gone: i64 = self.redis.redis_words(&["ZREM", "agent:lead:intents", id]).await;
    }

    async fn set_aside(&self) -> u64 {
        set_aside(self.redis.queue.store()).await.unwrap().0
    }

    fn nothing_was_written(&self, what: &str) {
        let world = self.github.world();
        assert_eq!(world.writes, [""; 0], "{what}");
        assert!(!world.merged && world.commits.len() == 1, "{what}");
    }
}

/// What stood in Redis before intents were signed, with nobody asked.
fn unsigned(action: &OutsideAction) -> String {
    let mut action = serde_json::to_value(action).unwrap();
    action["deed"]["approval"] = Value::Null;
    json!({ "order": 0, "action": action }).to_string()
}

fn with_signature(action: &OutsideAction, signature: &str) -> String {
    json!({ "order": 0, "action": action, "signature": signature }).to_string()
}

#[tokio::test]
async fn forged_intents_are_set_aside_and_github_sees_no_write() {
    // Settings that ask nobody: the signature alone stands between Redis and GitHub.
    for forged in [commit(patch(), None), merge(HEAD, None)] {
        let (bed, id) = (Bed::new().await, forged.id());
        let lead = bed.publisher().await;
        // One of a lead with another key, as it stands in Redis.
        bed.halt().await;
        let foreign = bed.other(|options| options.keys = keys("a-foreign-intent-key", None)).await;
        assert_eq!(word(&foreign, &forged).await, "later");
        let by_foreign_key = bed.about(&id).await;
        bed.forget(&id).await;
        // One of ours, for a copy of it under another id.
        let ours = comment("x", "x");
        assert_eq!(word(&lead, &forged).await, "later");
        let signed = bed.about(&id).await;
        bed.forget(&id).await;
        assert_eq!(word(&lead, &ours).await, "later");
        let of_comment: Value = serde_json::from_str(&bed.about(&ours.id()).await).unwrap();
        bed.forget(&ours.id()).await;
        bed.resume().await;

        let of_comment = of_comment["signature"].as_str().unwrap();
        let copy_id = format!("{id}-again");
        let forgeries = [
            ("unsigned, as before", id.as_str(), unsigned(&forged)),
            ("no signature", &id, with_signature(&forged, "")),
            ("a made-up signature", &id, with_signature(&forged, &"0".repeat(64))),
            ("the signature of another", &id, with_signature(&forged, of_comment)),
            ("a foreign key", &id, by_foreign_key),
            ("a copy under another id", &copy_id, signed),
        ];
        for (at, (what, id, about)) in forgeries.into_iter().enumerate() {
            bed.write(id, &about).await;
            assert_eq!(bed.later(&lead).await, 0, "{what}: nothing stays open");
            bed.nothing_was_written(what);
            assert_eq!(bed.set_aside().await, at as u64 + 1, "{what}");
        }
        let (_, newest) = set_aside(bed.redis.queue.store()).await.unwrap();
        assert_eq!(newest.unwrap().action, copy_id);
        // The lead's own action of that name is not held up by what was set aside.
        word(&lead, &forged).await;
        assert_eq!(bed.later(&lead).await, 0);
        assert_eq!(bed.github.world().writes.len(), 1);
    }
}

#[tokio::test]
async fn what_the_key_before_signed_is_done_after_a_rotation() {
    let bed = Bed::new().await;
    let before = bed.other(|options| options.keys = keys("first-intent-key", None)).await;
    bed.halt().await;
    assert_eq!(word(&before, &commit(patch(), None)).await, "later");
    bed.resume().await;
    drop(before);
    let rotated = keys("second-intent-key", Some("first-intent-key"));
    let after = bed.other(|options| options.keys = rotated).await;
    assert_eq!(after.sweep().await.unwrap(), 0);
    assert_eq!(bed.github.world().commits.len(), 2);
    assert_eq!(bed.set_aside().await, 0);
}

#[tokio::test]
async fn what_a_key_signed_that_is_gone_is_set_aside() {
    let bed = Bed::new().await;
    let before = bed.other(|options| options.keys = keys("first-intent-key", None)).await;
    bed.halt().await;
    assert_eq!(word(&before, &commit(patch(), None)).await, "later");
    bed.resume().await;
    drop(before);
    let other = keys("third-intent-key", Some("second-intent-key"));
    let after = bed.other(|options| options.keys = other).await;
    assert_eq!(after.sweep().await.unwrap(), 0);
    bed.nothing_was_written("its key is gone");
    assert_eq!(bed.set_aside().await, 1);
}

#[tokio::test]
async fn without_a_yes_the_settings_on_the_base_branch_decide_when_it_runs() {
    let cases = [
        (None, "refused not_approved", "refused not_approved"),
        (Some("[autonomy]\nlevel = 1\n"), "refused not_approved", "refused not_approved"),
        (
            Some("[autonomy]\nlevel = 2\n[autonomy]\n"),
            "refused not_approved",
            "refused not_approved",
        ),
        (Some("[autonomy]\nlevel = 2\n"), "done", "refused not_approved"),
    ];
    for (settings, committed, merged) in cases {
        let bed = Bed::new().await;
        let lead = bed.publisher().await;
        bed.github.world().greenline_toml = settings;
        assert_eq!(word(&lead, &merge(HEAD, None)).await, merged, "{settings:?}");
        assert_eq!(word(&lead, &commit(patch(), None)).await, committed, "{settings:?}");
        assert!(!bed.github.world().merged);
    }
    // It was written down when nobody had to be asked.
    for late in [commit(patch(), None), merge(HEAD, None)] {
        let bed = Bed::new().await;
        let lead = bed.publisher().await;
        bed.halt().await;
        assert_eq!(word(&lead, &late).await, "later");
        bed.github.world().greenline_toml = None;
        bed.resume().await;
        assert_eq!(bed.later(&lead).await, 0);
        bed.nothing_was_written("supervised by now");
    }
}

#[tokio::test]
async fn a_kind_of_change_that_the_repository_names_needs_a_yes() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    let settings = "[autonomy]\nlevel = 2\n[approval]\nrequires_approval = [\"security_patch\"]\n";
    bed.github.world().greenline_toml = Some(settings);
    let mut named = commit(patch(), None);
    let ActionKind::Commit { kinds, .. } = &mut named.kind else { unreachable!("it is a commit") };
    kinds.push(greenline_lead::repo_settings::ChangeKind::SecurityPatch);
    assert_eq!(word(&lead, &named).await, "refused not_approved");
    bed.nothing_was_written("a named kind");
}

#[tokio::test]
async fn a_merge_under_supervision_needs_a_yes_to_exactly_itself() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    bed.github.world().greenline_toml = None;
    let approvals = Approvals::new(bed.redis.queue.clone(), Duration::from_secs(3_600));
    let asked = |head: &str| Merge {
        repo: "acme/app".parse().unwrap(),
        pull: PullNumber(812),
        head: head.parse().unwrap(),
        method: MergeMethod::Squash,
    };
    let task = "ci-fix-812".parse().unwrap();
    let approve = async |merge: &Merge| {
        let asked = approvals.ask_merge(merge, &task, "the merge").await.unwrap();
        let ApprovalState::Open { id } = asked else { panic!("{asked:?}") };
        let hash = merge.content_hash();
        let answering =
            ApprovalAnswer { who: "ada", shown: ShownContent::Hash(&hash), yes: true, why: "" };
        let answered = approvals.answer(&merge.repo, merge.pull, &answering).await.unwrap();
        assert_eq!(answered, ApprovalOutcome::Done);
        id
    };
    let of_other = approve(&asked(&"b".repeat(40))).await;
    assert_eq!(word(&lead, &merge(HEAD, Some(&of_other))).await, "refused not_approved");
    bed.nothing_was_written("a yes to another head");
    let mut again = merge(HEAD, Some(&approve(&asked(HEAD)).await));
    again.key = greenline_lead::publish::IdempotencyKey::new("approved");
    assert_eq!(word(&lead, &again).await, "done");
    assert!(bed.github.world().merged);
}
