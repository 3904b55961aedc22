//! Commands in comments: whose count, and when.

use greenline_forge::{CommentId, PullNumber, UserId};
use greenline_lead::commands::{CommandAuthorizer, CommandKind, CommandsFound, PullComment};
use greenline_lead::publish::Identity;

use crate::bed::{Bed, word};

fn authorizer(bed: &Bed) -> CommandAuthorizer {
    let (queue, forge) = (bed.redis.queue.clone(), bed.github.forge());
    CommandAuthorizer { queue, forge, identity: Identity::named("greenline") }
}

fn comment_ref(id: u64) -> PullComment {
    let repo = "acme/app".parse().unwrap();
    PullComment { repo, pull: PullNumber(812), comment: CommentId(id), by: Some(UserId(7)) }
}

#[tokio::test]
async fn a_command_counts_once_for_who_may_push() {
    let bed = Bed::new().await;
    let (lead, authorizer) = (bed.publisher().await, authorizer(&bed));
    let id = bed.github.world().comment("ada", "@greenline retry\n@greenline explain");
    let found = authorizer.authorize(&comment_ref(id)).await.unwrap();
    let CommandsFound::Commands(commands) = &found else { panic!("{found:?}") };
    let words: Vec<&CommandKind> = commands.iter().map(|command| &command.kind).collect();
    assert_eq!(words, [&CommandKind::Retry, &CommandKind::Explain]);
    assert_eq!(
        (commands[0].by.as_str(), commands[0].key()),
        ("ada", format!("comment-{id}-retry"))
    );
    assert_eq!(
        authorizer.authorize(&comment_ref(id)).await.unwrap(),
        found,
        "nobody took it up yet"
    );
    assert_eq!(word(&lead, &comment_ref(id).reaction(&found).unwrap()).await, "done");
    assert_eq!(bed.github.world().reactions, ["eyes"]);
    authorizer.mark_handled(&comment_ref(id)).await.unwrap();
    assert_eq!(
        authorizer.authorize(&comment_ref(id)).await.unwrap(),
        CommandsFound::Nothing,
        "delivered twice"
    );
}

#[tokio::test]
async fn others_are_not_obeyed() {
    let bed = Bed::new().await;
    let (lead, authorizer) = (bed.publisher().await, authorizer(&bed));
    for permission in ["read", "triage", "none", "x"] {
        bed.github.world().permission = permission;
        let id = bed.github.world().comment("mallory", "@greenline approve");
        let found = authorizer.authorize(&comment_ref(id)).await.unwrap();
        assert_eq!(found, CommandsFound::NotAllowed, "{permission}");
        word(&lead, &comment_ref(id).reaction(&found).unwrap()).await;
    }
    assert_eq!(bed.github.world().reactions, ["confused"]);
    bed.github.world().permission = "admin";
    let ours = bed.github.world().comment("greenline", "@greenline fix");
    assert_eq!(authorizer.authorize(&comment_ref(ours)).await.unwrap(), CommandsFound::Nothing);
    let edited = bed.github.world().comment("ada", "@greenline fix");
    bed.github.world().comments.last_mut().unwrap()["updated_at"] = "2026-01-02T00:00:00Z".into();
    assert_eq!(authorizer.authorize(&comment_ref(edited)).await.unwrap(), CommandsFound::Nothing);
    assert_eq!(
        authorizer.authorize(&comment_ref(9_999)).await.unwrap(),
        CommandsFound::Nothing,
        "deleted"
    );
    let words = bed.github.world().comment("ada", "thanks");
    let found = authorizer.authorize(&comment_ref(words)).await.unwrap();
    assert_eq!((comment_ref(words).reaction(&found), found), (None, CommandsFound::Nothing));
}
