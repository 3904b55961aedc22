//! Each action: done once, found again, refused where it has to be.

use std::time::Duration;

use greenline_forge::model::MergeMethod;
use greenline_forge::{CommentId, Timestamp};
use greenline_lead::publish::{
    ActionKind, ApprovalAnswer, ApprovalState, Approvals, FileMode, Halt, Notification,
    PatchChange, PatchEdit, ShownContent, halt, halted, resume,
};
use greenline_queue::ApprovalOutcome;
use serde_json::json;

use crate::bed::{
    Bed, action, authorization, check_run, comment, commit, patch, publisher, rerun, takes_over,
    word,
};
use crate::github::{Fault, HEAD};

#[tokio::test]
async fn there_is_one_comment_and_it_is_edited() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    bed.github.world().comment("mallory", "<!-- greenline pr=812 -->\nnot ours");
    assert_eq!(word(&lead, &comment("a", "red")).await, "done");
    assert_eq!(word(&lead, &comment("a", "red")).await, "before");
    assert_eq!(word(&lead, &comment("b", "red")).await, "already_there");
    assert_eq!(word(&lead, &comment("c", "green")).await, "done");
    let world = bed.github.world();
    assert_eq!(world.comments.len(), 2);
    assert_eq!(world.comments[0]["body"], "<!-- greenline pr=812 -->\nnot ours");
    assert_eq!(world.comments[1]["body"], "<!-- greenline pr=812 -->\n**green**\n");
}

#[tokio::test]
async fn a_deleted_comment_comes_back_once() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    assert_eq!(word(&lead, &comment("a", "red")).await, "done");
    bed.github.world().comments.clear();
    assert_eq!(word(&lead, &comment("b", "red")).await, "done");
    assert_eq!(bed.github.world().comments.len(), 1);
    bed.github.world().comments.clear();
    assert_eq!(word(&lead, &comment("c", "green")).await, "refused unwelcome");
    assert!(bed.github.world().comments.is_empty());
}

#[tokio::test]
async fn a_memory_that_is_lost_makes_no_second_comment() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    assert_eq!(word(&lead, &comment("a", "red")).await, "done");
    let _gone: i64 = bed.redis.redis("DEL agent:lead:comment:acme/app#812").await;
    assert_eq!(word(&lead, &comment("b", "green")).await, "done");
    assert_eq!(bed.github.world().comments.len(), 1);
}

#[tokio::test]
async fn a_check_run_is_kept_current_and_its_remarks_are_sent_once() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    // The first request of 50 remarks arrives, the second one breaks.
    bed.github.world().fault = Some((3, Fault::BrokenBefore));
    assert_eq!(word(&lead, &check_run(120)).await, "later");
    assert_eq!(bed.later(&lead).await, 0);
    {
        let world = bed.github.world();
        assert_eq!(world.check_runs.len(), 1);
        assert_eq!(world.check_runs[0]["output"]["annotations_count"], 120);
    }
    let mut other = check_run(3);
    other.key = greenline_lead::publish::IdempotencyKey::new("other");
    assert_eq!(word(&lead, &other).await, "done");
    assert_eq!(bed.github.world().check_runs.len(), 2, "other remarks, another check run");
}

#[tokio::test]
async fn failed_jobs_run_again_once_and_not_before_the_run_has_ended() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    bed.github.world().run_status = "in_progress";
    assert_eq!(word(&lead, &rerun()).await, "later");
    assert_eq!(bed.later(&lead).await, 1);
    assert_eq!(word(&lead, &comment("a", "red")).await, "later");
    assert_eq!(bed.later(&lead).await, 1, "the comment did not wait for the run");
    assert_eq!(bed.github.world().comments.len(), 1);
    bed.github.world().run_status = "completed";
    assert_eq!(bed.later(&lead).await, 0);
    assert_eq!(word(&lead, &rerun()).await, "before");
    assert_eq!(bed.github.world().run_attempt, 2);
}

#[tokio::test]
async fn a_patch_is_committed_where_it_was_made_for() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    assert_eq!(word(&lead, &commit(patch(), None)).await, "done");
    let world = bed.github.world();
    let made = &world.commits[0];
    assert_eq!(made["parents"], json!([{ "sha": HEAD }]));
    let id = commit(patch(), None).id();
    let message = made["commit"]["message"].as_str().unwrap();
    assert!(message.starts_with("Return an empty list again\n\nThe early return"), "{message}");
    assert!(message.ends_with(&format!("\nGreenline-OutsideAction: {id}")), "{message}");
    assert_eq!(made["changes"]["additions"][0]["path"], "src/x.rs");
}

#[tokio::test]
async fn forks_and_guarded_branches_get_no_commit() {
    type Set = fn(&mut crate::github::World);
    let cases: [(Set, &str); 4] = [
        (|world| world.from_fork = true, "refused fork"),
        (|world| world.protected = true, "refused protected_branch"),
        (|world| world.default_branch = "feat", "refused protected_branch"),
        (|world| world.pull_state = "closed", "refused closed"),
    ];
    for (set, expected) in cases {
        let bed = Bed::new().await;
        let lead = bed.publisher().await;
        set(&mut bed.github.world());
        assert_eq!(word(&lead, &commit(patch(), None)).await, expected);
        assert_eq!(bed.github.world().commits.len(), 1);
        assert_eq!(bed.github.world().writes, [""; 0]);
    }
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    let mut links = patch();
    links.edits[0].change = greenline_lead::publish::PatchChange::Delete { was: FileMode::Symlink };
    assert_eq!(word(&lead, &commit(links, None)).await, "refused patch");
}

#[tokio::test]
async fn a_branch_that_moved_gets_no_commit_and_its_pull_request_is_told() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    assert_eq!(word(&lead, &comment("a", "red")).await, "done");
    let moved = json!({ "sha": "b".repeat(40), "commit": { "message": "y" },
        "parents": [{ "sha": HEAD }] });
    bed.github.world().commits.insert(0, moved);
    assert_eq!(word(&lead, &commit(patch(), None)).await, "refused head_moved");
    assert_eq!(bed.later(&lead).await, 0);
    let world = bed.github.world();
    assert_eq!(world.commits.len(), 2);
    let body = world.comments[0]["body"].as_str().unwrap();
    let text = "**red**\n\nA repair was ready for `3f2a91c` and was discarded, as the branch has \
        moved on since.\n";
    assert!(body.ends_with(text), "{body}");
}

#[tokio::test]
async fn supervised_a_patch_needs_a_yes_to_exactly_itself() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    let approvals = Approvals::new(bed.redis.queue.clone(), Duration::from_secs(3_600));
    let task = "ci-fix-812".parse().unwrap();
    let ApprovalState::Open { id } = approvals.request(&patch(), &task, "the patch").await.unwrap()
    else {
        panic!("it is open")
    };
    let patch_with_yes = || commit(patch(), Some(&id));
    assert_eq!(word(&lead, &patch_with_yes()).await, "refused not_approved");

    let repo = "acme/app".parse().unwrap();
    let hash = patch().content_hash();
    let answer = async |shown: ShownContent<'_>| {
        let answering = ApprovalAnswer { who: "ada", shown, yes: true, why: "a comment" };
        approvals.answer(&repo, patch().pull, &answering).await.unwrap()
    };
    assert_eq!(
        answer(ShownContent::At(Timestamp(1_000))).await,
        ApprovalOutcome::OtherContent,
        "said before it"
    );
    assert_eq!(answer(ShownContent::Hash("00000000")).await, ApprovalOutcome::OtherContent);
    assert_eq!(
        answer(ShownContent::Hash(&hash[..3])).await,
        ApprovalOutcome::OtherContent,
        "too short"
    );
    assert_eq!(answer(ShownContent::Hash(&hash[..8])).await, ApprovalOutcome::Done);
    assert_eq!(
        answer(ShownContent::Hash(&hash[..8])).await,
        ApprovalOutcome::Before("approved".to_owned())
    );
    let stands = approvals.request(&patch(), &task, "the patch").await.unwrap();
    assert_eq!(stands, ApprovalState::Approved { id: id.clone() });

    let mut other = patch();
    other.edits[0].path = "src/y.rs".to_owned();
    assert_eq!(word(&lead, &commit(other, Some(&id))).await, "refused not_approved");
    assert_eq!(bed.github.world().commits.len(), 1);
}

#[tokio::test]
async fn an_approved_patch_is_committed_and_an_expired_yes_counts_no_more() {
    for (term, expected) in [(3_600_000, "done"), (1, "refused not_approved")] {
        let bed = Bed::new().await;
        let lead = bed.publisher().await;
        let approvals = Approvals::new(bed.redis.queue.clone(), Duration::from_secs(3_600));
        let task = "ci-fix-812".parse().unwrap();
        approvals.request(&patch(), &task, "the patch").await.unwrap();
        let repo = "acme/app".parse().unwrap();
        let hash = patch().content_hash();
        let shown = ShownContent::Hash(&hash);
        let answering = ApprovalAnswer { who: "ada", shown, yes: true, why: "" };
        let answered = approvals.answer(&repo, patch().pull, &answering).await.unwrap();
        assert_eq!(answered, ApprovalOutcome::Done);
        let id = format!("publish-812-{}", patch().short_hash());
        if term == 1 {
            let key = format!("agent:approval:{id}");
            let _set: i64 = bed.redis.redis_words(&["HSET", &key, "expires_at", "1"]).await;
        }
        assert_eq!(word(&lead, &commit(patch(), Some(&id))).await, expected);
    }
}

#[tokio::test]
async fn only_what_was_meant_and_is_green_is_merged() {
    let merge = |key: &str, head: &str| {
        let method = MergeMethod::Squash;
        let authorization = authorization(None);
        action(key, ActionKind::Merge { head: head.parse().unwrap(), method, authorization })
    };
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    for state in ["blocked", "behind", "dirty", "unstable", "unknown", "draft"] {
        bed.github.world().mergeable_state = state;
        assert_eq!(word(&lead, &merge(state, HEAD)).await, "refused not_green", "{state}");
    }
    bed.github.world().mergeable_state = "clean";
    assert_eq!(word(&lead, &merge("old", &"b".repeat(40))).await, "refused head_moved");
    assert!(!bed.github.world().merged);
    // Merged, and nobody was told so.
    bed.github.world().fault = Some((2, Fault::BadAfter));
    assert_eq!(word(&lead, &merge("green", HEAD)).await, "later");
    assert_eq!(bed.later(&lead).await, 0);
    assert_eq!(word(&lead, &merge("again", HEAD)).await, "already_there");
    let puts = bed.github.world().writes.len();
    assert_eq!(puts, 1);
}

#[tokio::test]
async fn labels_reviews_and_signs_are_given() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    bed.github.world().labels = vec!["old".to_owned()];
    let label = |key: &str| {
        action(
            key,
            ActionKind::Label { add: vec!["new".to_owned()], remove: vec!["old".to_owned()] },
        )
    };
    assert_eq!(word(&lead, &label("a")).await, "done");
    assert_eq!(word(&lead, &label("b")).await, "already_there");
    assert_eq!(bed.github.world().labels, ["new"]);
    let review = action("a", ActionKind::RequestReview { logins: vec!["ada".to_owned()] });
    assert_eq!(word(&lead, &review).await, "done");
    assert_eq!(bed.github.world().reviewers, ["ada"]);
    let react = action("a", ActionKind::React { comment: CommentId(1), taken: true });
    assert_eq!(word(&lead, &react).await, "done");
    assert_eq!(bed.github.world().reactions, ["eyes"]);
}

#[tokio::test]
async fn people_are_called_and_nobody_waits_for_it() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    let notification = Notification {
        headline: "main is red".to_owned(),
        text: String::new(),
        url: String::new(),
    };
    let notify = action("main-red", ActionKind::Notify { notification });
    bed.github.world().fault = Some((0, Fault::BadBefore));
    assert_eq!(word(&lead, &notify).await, "later", "the sweep sends it");
    bed.github.world().fault = None;
    assert_eq!(word(&lead, &comment("a", "red")).await, "done");
    assert_eq!(bed.later(&lead).await, 0);
    assert_eq!(bed.github.world().calls.len(), 1);
    assert_eq!(bed.github.world().calls[0]["text"], "main is red");
    assert_eq!(word(&lead, &notify).await, "before");
}

#[tokio::test]
async fn a_halt_holds_everything_and_what_was_asked_for_is_done_after_it_in_order() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    let store = bed.redis.queue.store();
    let by = Halt { by: "ada".to_owned(), why: "a look".to_owned(), at: 1 };
    halt(store, &by).await.unwrap();
    for at in 0..5 {
        let text = format!("red {at}");
        assert_eq!(word(&lead, &comment(&text, &text)).await, "later");
    }
    assert_eq!(word(&lead, &rerun()).await, "later");
    assert_eq!(bed.later(&lead).await, 1, "one lane waits");
    assert_eq!(bed.github.world().writes, [""; 0]);
    assert!(resume(store).await.unwrap());
    assert_eq!(bed.later(&lead).await, 0);
    let world = bed.github.world();
    assert_eq!(world.writes.len(), 2, "older words are not written first: {:?}", world.writes);
    assert_eq!(world.comments[0]["body"], "<!-- greenline pr=812 -->\n**red 4**\n");
    assert_eq!(world.run_attempt, 2);
}

#[tokio::test]
async fn a_halt_is_of_its_namespace_alone() {
    let bed = Bed::new().await;
    let acme = bed.redis.queue_in("acme").await;
    let by = Halt { by: "ada".to_owned(), why: "a look".to_owned(), at: 1 };
    let before = bed.redis.keys("agent:*").await;
    halt(acme.store(), &by).await.unwrap();
    assert_eq!(bed.redis.keys("*halt*").await, ["acme:agent:lead:halt"]);
    assert_eq!(bed.redis.keys("agent:*").await, before);
    assert_eq!(halted(bed.redis.queue.store()).await.unwrap(), None);
    assert_eq!(halted(acme.store()).await.unwrap(), Some(by));
    assert!(!resume(bed.redis.queue.store()).await.unwrap(), "another one's is not ended");
    assert!(resume(acme.store()).await.unwrap());
}

#[tokio::test]
async fn a_new_lead_goes_on_with_what_was_left_and_a_deposed_one_does_nothing() {
    let bed = Bed::new().await;
    let old = bed.publisher().await;
    bed.github.world().fault = Some((2, Fault::BrokenAfter));
    assert_eq!(word(&old, &comment("a", "red")).await, "later", "written, and not told so");
    let epoch = takes_over(&bed.redis.queue, Some("one"), "two").await;
    let new = publisher(&bed.redis.queue, &bed.github, epoch, &bed.clock);
    assert_eq!(word(&new, &comment("b", "green")).await, "later", "first what was left");
    assert_eq!(new.sweep().await.unwrap(), 0);
    assert!(old.publish(&comment("c", "wrong")).await.is_err());
    assert!(old.sweep().await.is_err() || old.sweep().await.unwrap() == 0);
    let world = bed.github.world();
    assert_eq!(world.comments.len(), 1);
    assert_eq!(world.comments[0]["body"], "<!-- greenline pr=812 -->\n**green**\n");
}

#[tokio::test]
async fn what_can_not_be_read_stops_nobody() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    let epoch = takes_over(&bed.redis.queue, None, "one").await;
    bed.redis.queue.begin_intent(epoch, "by-hand", "{}").await.unwrap();
    assert_eq!(word(&lead, &comment("a", "red")).await, "done");
    assert_eq!(bed.later(&lead).await, 0, "it was set aside");
    assert_eq!(word(&lead, &comment("b", "green")).await, "done");
}

#[tokio::test]
async fn ci_configuration_is_not_committed_with_a_yes_and_the_person_gets_the_diff() {
    let bed = Bed::new().await;
    let lead = bed.publisher().await;
    let mut workflow = patch();
    let content = "on: push\njobs: { x: {} }\n".to_owned();
    let change =
        PatchChange::Write { content, was: Some(FileMode::Regular), mode: FileMode::Regular };
    let path = ".github/workflows/ci.yml".to_owned();
    workflow.edits.push(PatchEdit { path, change });
    let approvals = Approvals::new(bed.redis.queue.clone(), Duration::from_secs(3_600));
    let task = "ci-fix-812".parse().unwrap();
    let asked = approvals.request(&workflow, &task, "the patch").await.unwrap();
    let ApprovalState::Open { id } = asked else { panic!("{asked:?}") };
    let hash = workflow.content_hash();
    let answering =
        ApprovalAnswer { who: "ada", shown: ShownContent::Hash(&hash), yes: true, why: "" };
    let repo = "acme/app".parse().unwrap();
    approvals.answer(&repo, workflow.pull, &answering).await.unwrap();
    assert_eq!(word(&lead, &commit(workflow.clone(), Some(&id))).await, "refused by_hand");
    assert_eq!(bed.later(&lead).await, 0, "the comment is written");
    assert_eq!(word(&lead, &commit(workflow, None)).await, "refused by_hand", "nor by level");
    let world = bed.github.world();
    assert_eq!(world.commits.len(), 1, "{:?}", world.writes);
    let body = world.comments[0]["body"].as_str().unwrap();
    assert!(body.contains("apply it by hand"), "{body}");
    assert!(body.contains("+++ b/.github/workflows/ci.yml"), "{body}");
    assert!(body.contains("-jobs: {}\n+jobs: { x: {} }"), "{body}");
}
