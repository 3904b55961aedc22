//! Commands in comments: whose count, and when.

use greenline_forge::{CommentId, PullNumber, UserId};
use greenline_lead::commands::{Heard, Intake, Spoken, Word};
use greenline_lead::publish::Identity;

use crate::bed::{Bed, word};

fn intake(bed: &Bed) -> Intake {
    let (queue, forge) = (bed.redis.queue.clone(), bed.github.forge());
    Intake { queue, forge, identity: Identity::named("greenline") }
}

fn spoken(id: u64) -> Spoken {
    let repo = "acme/app".parse().unwrap();
    Spoken { repo, pull: PullNumber(812), comment: CommentId(id), by: Some(UserId(7)) }
}

#[tokio::test]
async fn a_command_counts_once_for_who_may_push() {
    let bed = Bed::new().await;
    let (lead, intake) = (bed.publisher().await, intake(&bed));
    let id = bed.github.world().comment("ada", "@greenline retry\n@greenline explain");
    let heard = intake.hear(&spoken(id)).await.unwrap();
    let Heard::Commands(commands) = &heard else { panic!("{heard:?}") };
    let words: Vec<&Word> = commands.iter().map(|command| &command.word).collect();
    assert_eq!(words, [&Word::Retry, &Word::Explain]);
    assert_eq!(
        (commands[0].by.as_str(), commands[0].key()),
        ("ada", format!("comment-{id}-retry"))
    );
    assert_eq!(intake.hear(&spoken(id)).await.unwrap(), heard, "nobody took it up yet");
    assert_eq!(word(&lead, &spoken(id).sign(&heard).unwrap()).await, "done");
    assert_eq!(bed.github.world().reactions, ["eyes"]);
    intake.obeyed(&spoken(id)).await.unwrap();
    assert_eq!(intake.hear(&spoken(id)).await.unwrap(), Heard::Nothing, "delivered twice");
}

#[tokio::test]
async fn others_are_not_obeyed() {
    let bed = Bed::new().await;
    let (lead, intake) = (bed.publisher().await, intake(&bed));
    for permission in ["read", "triage", "none", "x"] {
        bed.github.world().permission = permission;
        let id = bed.github.world().comment("mallory", "@greenline approve");
        let heard = intake.hear(&spoken(id)).await.unwrap();
        assert_eq!(heard, Heard::NotAllowed, "{permission}");
        word(&lead, &spoken(id).sign(&heard).unwrap()).await;
    }
    assert_eq!(bed.github.world().reactions, ["confused"]);
    bed.github.world().permission = "admin";
    let ours = bed.github.world().comment("greenline", "@greenline fix");
    assert_eq!(intake.hear(&spoken(ours)).await.unwrap(), Heard::Nothing);
    let edited = bed.github.world().comment("ada", "@greenline fix");
    bed.github.world().comments.last_mut().unwrap()["updated_at"] = "2026-01-02T00:00:00Z".into();
    assert_eq!(intake.hear(&spoken(edited)).await.unwrap(), Heard::Nothing);
    assert_eq!(intake.hear(&spoken(9_999)).await.unwrap(), Heard::Nothing, "deleted");
    let words = bed.github.world().comment("ada", "thanks");
    let heard = intake.hear(&spoken(words)).await.unwrap();
    assert_eq!((spoken(words).sign(&heard), heard), (None, Heard::Nothing));
}
