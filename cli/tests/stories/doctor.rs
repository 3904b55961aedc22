//! What the doctor finds.

use greenline_store::cmd;
use greenline_testbed::TestBed;
use serde_json::Value;

use crate::kernel_limits::KernelRestriction;
use crate::terminal::{Printed, Terminal, claim, enqueue};
use greenline_fake_github::github::{APP_PRIVATE_KEY, AppPermission, GitHub, everything};

fn look(terminal: &Terminal) -> (i32, Vec<Value>) {
    let printed: Printed = terminal.run(&["doctor", "--json"]);
    (printed.code, printed.json())
}

/// The finding that says this.
fn finding<'a>(findings: &'a [Value], part: &str) -> &'a Value {
    let expected = |finding: &&Value| finding["message"].as_str().unwrap().contains(part);
    let Some(found) = findings.iter().find(expected) else { panic!("{part:?} in {findings:#?}") };
    found
}

async fn command(bed: &TestBed, words: &[&str]) {
    let mut call = cmd(words[0]);
    call.arg(&words[1..]);
    bed.queue.store().command::<greenline_store::Value>(&call).await.unwrap();
}

#[tokio::test]
async fn without_redis_the_rest_is_still_looked_at() {
    let terminal = Terminal::alone().with("REDIS_URL", "redis://127.0.0.1:1");
    let (code, findings) = look(&terminal);
    assert_eq!(code, 1);
    let redis = finding(&findings, "failed to reach Redis at 127.0.0.1:1");
    assert_eq!(redis["level"], "fail");
    assert!(redis["hint"].as_str().unwrap().contains("start Redis"));
    finding(&findings, "git version");
    finding(&findings, "free for workspaces");
    finding(&findings, "GREENLINE_STATE_DIR, REDIS_URL");
    terminal.run(&["doctor"]).exits(1).prints(&["fail  redis: ", "      hint: ", "1 failure"]);
}

#[tokio::test]
async fn with_nothing_set_nothing_is_wrong() {
    let (code, findings) = look(&Terminal::alone());
    assert_eq!(code, 0);
    assert_eq!(finding(&findings, "`greenline up` starts its own")["level"], "info");
}

#[test]
fn the_sandbox_is_told_as_it_was_found_by_trying() {
    let terminal = Terminal::alone();
    let (_, alone) = KernelRestriction::WithoutNamespaces.run_under(|| look(&terminal));
    let landlock = finding(&alone, ", no user namespaces");
    assert_eq!((&landlock["about"], &landlock["level"]), (&"sandbox".into(), &"ok".into()));
    let why = finding(&alone, "no namespaces (failed to make namespaces: EPERM");
    assert_eq!(why["level"], "info");
    assert!(why["message"].as_str().unwrap().contains("not even loopback"), "and what that costs");
    assert!(why["hint"].as_str().unwrap().contains("user.max_user_namespaces"));
    finding(&alone, "not kept out: ");

    let (code, none) = KernelRestriction::WithoutLandlock.run_under(|| look(&terminal));
    let refused = finding(&none, "none (this kernel has no Landlock): failures are not reproduced");
    assert_eq!((code, &refused["level"]), (0, &"warn".into()));
    assert!(refused["hint"].as_str().unwrap().contains("Linux 5.13"));

    let open = terminal.with("GREENLINE_RUN_UNTRUSTED_CODE_WITHOUT_ISOLATION", "on");
    let (code, open) = KernelRestriction::WithoutLandlock.run_under(|| look(&open));
    let danger = finding(&open, "what pull requests bring is run all the same");
    assert_eq!((code, &danger["level"]), (1, &"fail".into()));
}

#[tokio::test]
async fn a_redis_that_may_lose_tasks_is_warned_of() {
    let bed = TestBed::new().await;
    command(&bed, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    let (code, findings) = look(&Terminal::at(&bed));
    assert_eq!(code, 0, "a warning is no failure");
    let policy = finding(&findings, "maxmemory-policy is allkeys-lru");
    assert_eq!(policy["level"], "warn");
    assert!(policy["hint"].as_str().unwrap().contains("CONFIG SET maxmemory-policy noeviction"));
    assert_eq!(finding(&findings, "the append-only file is off")["level"], "warn");
    finding(&findings, "database 10");
    finding(&findings, "of Redis's");
    finding(&findings, "user default may work, lead and approve");
    let (_, again) = look(&Terminal::alone().with("REDIS_URL", &bed.redis.url()));
    assert_eq!(findings.len(), again.len(), "looking changes nothing");
}

#[tokio::test]
async fn a_key_of_the_wrong_type_is_named() {
    let bed = TestBed::new().await;
    command(&bed, &["SET", "agent:tasks:scheduled", "oops"]).await;
    command(&bed, &["SET", "agent:task:a", "oops"]).await;
    command(&bed, &["SET", "agent:something:else", "mine"]).await;
    let (code, findings) = look(&Terminal::at(&bed));
    assert_eq!(code, 1);
    let wrong = finding(&findings, "agent:tasks:scheduled is a string, and should be a zset");
    assert_eq!(wrong["level"], "fail");
    assert!(wrong["hint"].as_str().unwrap().contains("RENAME agent:tasks:scheduled"));
    finding(&findings, "agent:task:a is a string, and should be a hash");
}

#[tokio::test]
async fn what_keeps_tasks_from_running_is_found() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    enqueue(&bed.queue, "a", |spec| spec.labels = ["gpu".parse().unwrap()].into()).await;
    let (code, findings) = look(&terminal);
    assert_eq!(code, 0);
    assert_eq!(finding(&findings, "none is alive, 1 task waits")["level"], "warn");
    assert_eq!(finding(&findings, "nobody leads")["level"], "warn");

    let mut worker = bed.worker("w").await;
    bed.queue.lead("lead-1", std::time::Duration::from_secs(60)).await.unwrap();
    command(&bed, &["LPUSH", "agent:tasks:pending", "{broken"]).await;
    claim(&mut worker, 1).await;
    command(&bed, &["SET", "agent:task:b:lock", "ada", "PX", "60000"]).await;
    command(&bed, &["LPUSH", "agent:tasks:pending", "deleted-by-hand"]).await;
    let aside = r#"{"action":"merge:x","why":"it is not signed","at":1,"about":"{}"}"#;
    command(&bed, &["LPUSH", "agent:lead:set_aside", aside]).await;
    terminal.run(&["queue", "pause", "--reason", "upgrade"]).exits(0);
    let (_, findings) = look(&terminal);
    let unfit = finding(&findings, "run_command+gpu, and no worker that is alive fits");
    assert!(unfit["hint"].as_str().unwrap().contains("GREENLINE_LABELS=gpu"));
    finding(&findings, "1 worker is alive");
    finding(&findings, "lead-1 leads");
    finding(&findings, "1 entry in quarantine");
    let aside = finding(&findings, "1 action was set aside and not done, the latest: merge:x, as ");
    assert!(aside["hint"].as_str().unwrap().contains("GREENLINE_INTENT_KEY"), "{aside}");
    finding(&findings, "agent:task:b:lock is held by ada");
    finding(&findings, "deleted-by-hand");
    finding(&findings, "everything is paused by ada@");
}

#[tokio::test]
async fn a_user_without_the_rights_is_told_which() {
    let bed = TestBed::new().await;
    enqueue(&bed.queue, "a", |_| {}).await;
    let rights = [
        "ACL", "SETUSER", "poor", "on", ">secret", "~agent:*", "&agent:*", "+@all", "-zadd",
        "-scan",
    ];
    command(&bed, &rights).await;
    let url = bed.redis.url();
    let terminal = Terminal::alone()
        .with("REDIS_URL", &url)
        .with("REDIS_USERNAME", "poor")
        .with("REDIS_PASSWORD", "secret");
    let (code, findings) = look(&terminal);
    assert_eq!(code, 1);
    let lacks = finding(&findings, "user poor may not: ZADD on agent:tasks:*");
    assert!(lacks["hint"].as_str().unwrap().contains("ACL SETUSER"));

    let wrong = terminal.with("REDIS_PASSWORD", "wrong");
    let (code, findings) = look(&wrong);
    assert_eq!(code, 1);
    let redis = findings.iter().find(|finding| finding["about"] == "redis").unwrap();
    assert!(redis["hint"].as_str().unwrap().contains("REDIS_PASSWORD"), "{redis}");
}

#[tokio::test]
async fn a_worker_by_the_rules_of_the_deployment_has_what_it_needs() {
    let bed = TestBed::new().await;
    enqueue(&bed.queue, "a", |_| {}).await;
    let secrets = bed.folder().join("secrets");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/make-secrets");
    let made = std::process::Command::new(script).arg(&secrets).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    for line in std::fs::read_to_string(secrets.join("redis_acl")).unwrap().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if words[1] != "default" {
            command(&bed, &[&["ACL", "SETUSER"], &words[1..]].concat()).await;
        }
    }
    for (user, may) in [
        ("lead", "work, lead and approve"),
        ("worker", "work, but not lead or approve"),
        ("operator", "work, lead and approve"),
    ] {
        let password = secrets.join(format!("redis_{user}_password")).display().to_string();
        let terminal =
            Terminal::at(&bed).with("REDIS_USERNAME", user).with("REDIS_PASSWORD_FILE", &password);
        let (code, findings) = look(&terminal);
        assert_eq!(code, 0, "{findings:#?}");
        finding(&findings, &format!("user {user} may {may}"));
        let unseen =
            findings.iter().any(|one| one["message"].to_string().contains("not looked at"));
        assert_eq!(unseen, user != "operator", "{findings:#?}");
    }
}

#[test]
fn settings_that_can_not_be_are_findings_too() {
    let terminal = Terminal::alone().with("GREENLINE_LEASE", "15").with("GREENLINE_SLOT", "4");
    let (code, findings) = look(&terminal);
    assert_eq!(code, 1);
    assert_eq!(finding(&findings, "GREENLINE_LEASE: \"15\" has no unit")["level"], "fail");
    finding(&findings, "git version");
    let slip = Terminal::alone().with("GREENLINE_SLOT", "4");
    let (code, findings) = look(&slip);
    assert_eq!(code, 0);
    assert_eq!(finding(&findings, "GREENLINE_SLOT: ")["hint"], "did you mean GREENLINE_SLOTS?");
}

// The doctor is waited for while the fake GitHub answers it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_is_asked_who_we_are_and_what_we_may_do() {
    let github = GitHub::start().await.unwrap();
    let _repo = github.repo("acme/app").await.unwrap();
    let token = github.token("greenline-bot", everything());
    let terminal = || {
        Terminal::alone().with("GITHUB_API_URL", github.url()).with("GREENLINE_REPOS", "acme/app")
    };
    let (_, findings) = look(&terminal().with("GITHUB_TOKEN", &token));
    assert_eq!(finding(&findings, "greenline-bot by a token")["level"], "ok");
    let (_, findings) = look(&terminal().with("GITHUB_TOKEN", "ghp_nobody"));
    assert_eq!(finding(&findings, "does not accept the credentials")["about"], "github");

    let mut may = everything();
    may.remove(&AppPermission::Checks);
    let app = github.app("greenline", may);
    let _installed = app.install("acme", None);
    let by_app = terminal()
        .with("GITHUB_APP_ID", &app.id().to_string())
        .with("GITHUB_APP_PRIVATE_KEY", APP_PRIVATE_KEY)
        .with("GREENLINE_REPOS", "acme/app,acme/gone");
    let (code, findings) = look(&by_app);
    assert_eq!(code, 1);
    let checks = finding(&findings, "can't write checks in acme");
    assert_eq!(checks["hint"], "give the app \"Checks: read and write\"");
    finding(&findings, "acme/gone is not there");
}
