//! Redis, as the user of a worker that was taken over.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::stage::Stage;
use super::{Case, broke_if, verdict};
use crate::attempt::AttackVerdict;

/// A command that a worker's user must not run.
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) words: &'static str,
    arguments: &'static [&'static str],
}

/// The numbers of the findings, in their order.
#[rustfmt::skip]
const COMMANDS: &[(&str, &str, &[&str])] = &[
    ("66", "writes an approval", &["HSET", "agent:approval:x", "state", "approved"]),
    ("67", "takes the lead", &["SET", "agent:lead", "x"]),
    ("68", "changes the lead's epoch", &["INCR", "agent:lead:epoch"]),
    ("69", "writes an intent", &["HSET", "agent:lead:intent:x", "state", "open"]),
    ("69b", "opens an intent", &["ZADD", "agent:lead:intents", "1", "x"]),
    ("70", "writes an event", &["XADD", "agent:lead:events", "*", "a", "b"]),
    ("71", "writes a finding", &["SET", "agent:lead:finding:x", "y"]),
    ("72", "writes settings of a repository", &["SET", "agent:lead:settings:acme/app", "y"]),
    ("73", "writes what is known of a comment", &["HSET", "agent:lead:comment:acme/app#1", "id", "1"]),
    ("74", "takes off a halt", &["DEL", "agent:lead:halt"]),
    ("75", "RENAME into an approval", &["RENAME", "agent:task:x", "agent:approval:x"]),
    ("75b", "COPY into an approval", &["COPY", "agent:task:x", "agent:approval:x"]),
    ("75c", "SUNIONSTORE into an approval", &["SUNIONSTORE", "agent:approval:x", "agent:task:x"]),
    ("75d", "a script writes an approval", &["EVAL", "return redis.call('HSET', KEYS[1], 'state', 'approved')", "1", "agent:approval:x"]),
    ("76", "CONFIG SET", &["CONFIG", "SET", "dir", "/tmp"]),
    ("77", "ACL SETUSER", &["ACL", "SETUSER", "x", "on"]),
    ("77b", "ACL LIST", &["ACL", "LIST"]),
    ("78", "CLIENT KILL", &["CLIENT", "KILL", "TYPE", "pubsub"]),
    ("78b", "CLIENT PAUSE", &["CLIENT", "PAUSE", "1"]),
    ("79", "CLIENT LIST", &["CLIENT", "LIST"]),
    ("80", "MONITOR", &["MONITOR"]),
    ("81", "FLUSHALL", &["FLUSHALL"]),
    ("81b", "FLUSHDB", &["FLUSHDB"]),
    ("82", "SWAPDB", &["SWAPDB", "10", "11"]),
    ("83", "SHUTDOWN", &["SHUTDOWN", "NOSAVE"]),
    ("84", "REPLICAOF", &["REPLICAOF", "127.0.0.1", "1"]),
    ("85", "MODULE LOAD", &["MODULE", "LOAD", "/tmp/x.so"]),
    ("86", "FUNCTION LOAD", &["FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('x', function() return 1 end)"]),
    ("87", "MIGRATE", &["MIGRATE", "127.0.0.1", "1", "agent:task:x", "0", "1"]),
    ("88", "RESTORE", &["RESTORE", "agent:task:x", "0", "x"]),
    ("89", "SAVE", &["SAVE"]),
    ("89b", "BGSAVE", &["BGSAVE"]),
    ("90", "SCRIPT FLUSH", &["SCRIPT", "FLUSH"]),
    ("91", "SCRIPT KILL", &["SCRIPT", "KILL"]),
    ("92", "PSYNC", &["PSYNC", "?", "-1"]),
    ("93", "FAILOVER", &["FAILOVER"]),
    ("94", "SORT", &["SORT", "agent:tasks:pending"]),
    ("95", "a key outside of the deployment", &["SET", "other", "x"]),
    ("95b", "KEYS", &["KEYS", "*"]),
    ("B10g", "CONFIG GET of passwords", &["CONFIG", "GET", "masterauth"]),
    ("B10h", "writes the schema's number, which stops every start", &["SET", "agent:schema", "999"]),
    ("B10i", "PUBLISH on the lead's channels", &["PUBLISH", "agent:lead:x", "y"]),
];

pub(super) fn commands() -> Vec<Command> {
    let all = COMMANDS.iter();
    all.map(|(name, words, arguments)| Command { name, words, arguments }).collect()
}

/// Judges one command: the administrator may run it, the worker's user must not.
pub(super) fn refused(stage: &Stage, command: &Command) -> AttackVerdict {
    let dry = ["ACL", "DRYRUN", "admin"];
    let control = stage.redis("admin", &[&dry, command.arguments].concat());
    let Ok(control) = control else { return AttackVerdict::NotTried("control failed".to_owned()) };
    if control != "OK" {
        return AttackVerdict::NotTried(format!("control failed: {control}"));
    }
    let schema = stage.redis("admin", &["GET", "agent:schema"]);
    let answer = stage.redis("worker", command.arguments);
    // Every other attempt needs the queue as it was.
    if let Ok(schema) = schema {
        let _restored = stage.redis("admin", &["SET", "agent:schema", &schema]);
    }
    match answer {
        Ok(answer) if answer.contains("NOPERM") || answer.contains("No permissions") => {
            AttackVerdict::Held
        }
        Ok(answer) => AttackVerdict::Broke(answer.chars().take(100).collect()),
        Err(error) => AttackVerdict::NotTried(format!("failed: {error:#}")),
    }
}

pub(super) const CASES: &[Case] = &[
    Case { name: "B6", words: "a worker's user runs what waits for a yes", run: without_a_yes },
    Case { name: "B6b", words: "the same with a task that says it needs none", run: rewritten },
    Case { name: "B8a", words: "a forged intent commits a workflow", run: forged_commit },
    Case { name: "B8b", words: "a forged intent merges", run: forged_merge },
];

/// What holds up the queue itself, after everything that needs it.
pub(super) const LATE: &[Case] = &[Case {
    name: "B10o",
    words: "a script of the worker's user that does not end",
    run: endless,
}];

const ENDLESS: &str = "run a script that does not end: Redis answers BUSY after 5 s, and the \
                       operator ends it with SCRIPT KILL";

/// Redis stands still, as docs/security.md says; the operator can end it.
fn endless(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    std::thread::scope(|scope| {
        let script = ["EVAL", "while true do end", "0"];
        scope.spawn(move || stage.redis("worker", &script));
        let stood_still = stage.until("a Redis that stands still", || {
            stage.redis("operator", &["PING"]).is_ok_and(|answer| answer.contains("BUSY"))
        });
        let ended = stage.until("the end of the script", || {
            let _asked = stage.redis("operator", &["SCRIPT", "KILL"]);
            stage.redis("operator", &["PING"]).is_ok_and(|answer| answer == "PONG")
        });
        Ok(match (stood_still, ended) {
            (Err(_), _) => AttackVerdict::Held,
            (Ok(()), Ok(())) => AttackVerdict::Documented(ENDLESS.to_owned()),
            (Ok(()), Err(_)) => AttackVerdict::Broke("the operator can't end it".to_owned()),
        })
    })
}

fn touches(stage: &Stage, name: &str) -> (String, std::path::PathBuf) {
    let marker = stage.path("received").join(name);
    (format!("echo x >{}", marker.display()), marker)
}

/// An ordinary task runs: what waits for a yes would run as well, if it were let.
fn control(stage: &Stage, name: &str) -> anyhow::Result<bool> {
    let (command, marker) = touches(stage, &format!("control-{name}"));
    let id = format!("control-{name}");
    stage.enqueue(&json!({"task_id": id, "type": "run_command", "validation": [command]}))?;
    stage.ended(&id)?;
    Ok(marker.exists())
}

fn hold(stage: &Stage, name: &str) -> anyhow::Result<std::path::PathBuf> {
    let (command, marker) = touches(stage, name);
    stage.enqueue(&json!({
        "task_id": name, "type": "run_command", "validation": [command],
        "requires_approval": true,
    }))?;
    Ok(marker)
}

fn push(stage: &Stage, name: &str) -> anyhow::Result<()> {
    let task = format!("agent:task:{name}");
    stage.redis("worker", &["HSET", &task, "status", "pending"])?;
    for list in ["agent:tasks:pending:normal@", "agent:tasks:pending", "agent:tasks:pending:normal"]
    {
        stage.redis("worker", &["RPUSH", list, name])?;
    }
    stage.redis("worker", &["LPUSH", "agent:tasks:wake", "x"])?;
    Ok(())
}

/// What is enqueued after the attempt has run: so the attempt had its turn.
fn had_its_turn(stage: &Stage, name: &str) -> anyhow::Result<()> {
    for round in 0..3 {
        control(stage, &format!("{name}-after-{round}"))?;
    }
    Ok(())
}

fn without_a_yes(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let works = control(stage, "b6")?;
    let marker = hold(stage, "needs-a-yes")?;
    push(stage, "needs-a-yes")?;
    had_its_turn(stage, "b6")?;
    Ok(verdict(works, broke_if(marker.exists(), "it ran, and nobody was asked")))
}

fn rewritten(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let works = control(stage, "b6b")?;
    let marker = hold(stage, "says-none")?;
    let task = "agent:task:says-none";
    let payload = stage.redis("worker", &["HGET", task, "payload"])?;
    // Still the payload that a person is asked about, with the question taken out of the hash.
    for field in ["requires_approval", "needs_approval", "approval"] {
        stage.redis("worker", &["HDEL", task, field])?;
    }
    let approved = format!("agent:approval:{}", "says-none");
    stage.redis("worker", &["HSET", &approved, "state", "approved"])?;
    push(stage, "says-none")?;
    had_its_turn(stage, "b6b")?;
    let works = works && payload.contains("says-none");
    Ok(verdict(works, broke_if(marker.exists(), "it ran, and nobody was asked")))
}

/// Writes an intent as the lead's own user does, but by hand.
fn forge(stage: &Stage, id: &str, action: &Value) -> anyhow::Result<()> {
    let about = json!({"order": 0, "action": action}).to_string();
    let epoch = stage.redis("lead", &["GET", "agent:lead:epoch"])?;
    let key = format!("agent:lead:intent:{id}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis().to_string();
    let fields = ["state", "open", "epoch", &epoch, "about", &about, "begun_at", &now];
    stage.redis("lead", &[&["HSET", &key][..], &fields].concat())?;
    stage.redis("lead", &["ZADD", "agent:lead:intents", "1", id])?;
    Ok(())
}

fn open_pull(stage: &Stage, branch: &str) -> anyhow::Result<(u64, String)> {
    use greenline_fake_github::github::{GitChange, NewPull};
    stage.runtime.block_on(async {
        let changes = vec![GitChange::write(&format!("{branch}.txt"), "x\n")];
        let pull = stage.repo.open_pull(NewPull::new(branch, "A change", changes)).await?;
        let head = stage.repo.pull_head(pull.number).unwrap_or_default();
        Ok((pull.number, head))
    })
}

/// Lets the lead see its open intents: as a new leader does.
fn elect_anew(stage: &Stage) -> anyhow::Result<()> {
    stage.redis("admin", &["DEL", "agent:lead"])?;
    stage.until("a leader", || {
        stage.redis("admin", &["EXISTS", "agent:lead"]).is_ok_and(|answer| answer == "1")
    })?;
    std::thread::sleep(std::time::Duration::from_secs(8));
    Ok(())
}

fn forged_commit(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let (number, head) = open_pull(stage, "forged-commit")?;
    let action = json!({
        "repo": "acme/app", "pull": number, "occasion": "forged",
        "deed": {"type": "commit", "approval": null, "patch": {
            "repo": "acme/app", "pull": number, "head": head, "headline": "Forged", "body": "",
            "edits": [{"path": ".github/workflows/pwn.yml", "change": "write",
                       "content": "on: push\n", "was": null, "mode": "regular"}],
        }},
    });
    forge(stage, &format!("commit:acme/app#{number}:forged"), &action)?;
    elect_anew(stage)?;
    let now = stage.repo.pull_head(number).unwrap_or_default();
    Ok(verdict(!head.is_empty(), broke_if(now != head, "the branch has a commit of the lead's")))
}

fn forged_merge(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let (number, head) = open_pull(stage, "forged-merge")?;
    let before = stage.repo.head("main").unwrap_or_default();
    let pull = stage.repo.pull_head(number).unwrap_or_default();
    let action = json!({
        "repo": "acme/app", "pull": number, "occasion": "forged",
        "deed": {"type": "merge", "head": head, "method": "merge"},
    });
    forge(stage, &format!("merge:acme/app#{number}:{head}:forged"), &action)?;
    elect_anew(stage)?;
    let now = stage.repo.head("main").unwrap_or_default();
    Ok(verdict(!pull.is_empty(), broke_if(now != before, "main has moved")))
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_left_open_is_in_the_documentation() {
        assert!(include_str!("../../../docs/security.md").contains(super::ENDLESS));
    }
}
