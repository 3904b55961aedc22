//! Reproduced, different, or not.

use greenline_diagnosis::{Category, diagnose};
use greenline_worker::reproduce::{ReproductionOutcome, SandboxPolicy};

use crate::setup::{Stage, safeties, safety, safety_with_hosts, task};
use greenline_testbed::GitServer;

const TYPES: &str = "error[E0308]: mismatched types\n --> src/lib.rs:3:5\n  |\n3 |     \"x\"\n";
const OTHER: &str = "error[E0425]: cannot find value `y` in this scope\n --> src/lib.rs:9:5\n";

/// A test that says this and fails.
fn failing(says: &str) -> String {
    format!("echo 'running tests'\ncat <<'END' >&2\n{says}END\nexit 101\n")
}

/// The signature that CI's log of the same failure has: with times, and more around it.
fn signature_in_ci(says: &str) -> String {
    let log = format!(
        "##[group]Run cargo test\ncargo test\n##[endgroup]\n{says}##[error]Process completed with exit code 101.\n"
    );
    let log: String =
        log.lines().map(|line| format!("2026-03-02T10:11:12.0000000Z {line}\n")).collect();
    diagnose(log.as_bytes(), &Default::default()).signature.unwrap()
}

#[tokio::test]
async fn the_same_failure_is_reproduced_in_every_sandbox() {
    let forge = GitServer::public().await;
    let head = forge.commit(&[("test.sh", &failing(TYPES))]);
    for safety in safeties() {
        let stage = Stage::new(safety.clone(), &forge, None).await;
        let task = task(&forge, &head, |it| it["signature"] = signature_in_ci(TYPES).into());
        let result = stage.result(task).await;
        assert_eq!(result.outcome, ReproductionOutcome::Reproduced, "{result:?}");
        assert_eq!(result.category, Some(Category::CompileError));
        assert_eq!(result.headline.as_deref(), Some("error[E0308]: mismatched types"));
        assert_eq!(result.signature, Some(signature_in_ci(TYPES)));
        assert_eq!(result.commands.len(), 1);
        let SandboxPolicy::Sandbox(sandbox) = safety else { panic!("a sandbox") };
        assert_eq!(result.isolation, sandbox.isolation().to_string());
    }
}

#[tokio::test]
async fn another_failure_is_different_and_none_is_none() {
    let forge = GitServer::public().await;
    let stage = Stage::new(safety(), &forge, None).await;
    let broken = forge.commit(&[("test.sh", &failing(OTHER))]);
    let sound = forge.commit(&[("test.sh", "exit 0\n")]);
    let expect = |it: &mut serde_json::Value| it["signature"] = signature_in_ci(TYPES).into();

    let other = stage.result(task(&forge, &broken, expect)).await;
    assert_eq!(other.outcome, ReproductionOutcome::Different, "{other:?}");
    assert!(other.reason.contains("`sh test.sh` exited with 101: another failure"), "{other:?}");

    let none = stage.result(task(&forge, &sound, expect)).await;
    assert_eq!(none.outcome, ReproductionOutcome::NotReproduced);
    assert_eq!(none.reason, "all commands passed here");

    let mut early = task(&forge, &broken, expect);
    early.setup = vec!["echo 'no such package'; exit 1".to_owned()];
    let early = stage.result(early).await;
    assert_eq!(early.outcome, ReproductionOutcome::NotReproduced, "{early:?}");
    assert_eq!(early.commands.len(), 1);
}

#[tokio::test]
async fn what_a_fork_brings_is_not_even_fetched() {
    let forge = GitServer::public().await;
    let stage = Stage::new(safety(), &forge, None).await;
    let head = forge.commit(&[("test.sh", "exit 1\n")]);
    for (fork, reason) in
        [(true.into(), "fork's"), (serde_json::Value::Null, "inputs.fork is missing")]
    {
        let result = stage.result(task(&forge, &head, |it| it["fork"] = fork)).await;
        assert_eq!(result.outcome, ReproductionOutcome::NotReproduced);
        assert!(result.reason.contains(reason), "{result:?}");
        assert!(result.commands.is_empty());
    }
    assert_eq!(forge.requests(), 0);
}

#[tokio::test]
async fn without_isolation_nothing_is_fetched_or_run() {
    let forge = GitServer::public().await;
    let safety = SandboxPolicy::Refuse("this kernel has no Landlock".to_owned());
    let stage = Stage::new(safety, &forge, None).await;
    let head = forge.commit(&[("test.sh", "exit 1\n")]);
    let result = stage.result(task(&forge, &head, |_| {})).await;
    assert_eq!(result.outcome, ReproductionOutcome::NotReproduced);
    assert_eq!(result.reason, "no isolation: this kernel has no Landlock");
    assert_eq!((result.isolation.as_str(), forge.requests()), ("none", 0));
}

#[tokio::test]
async fn an_operator_may_do_without() {
    let forge = GitServer::public().await;
    let stage = Stage::new(SandboxPolicy::RunInTheOpen, &forge, None).await;
    let head = forge.commit(&[("test.sh", &failing(TYPES))]);
    let task = task(&forge, &head, |it| it["signature"] = signature_in_ci(TYPES).into());
    let result = stage.result(task).await;
    assert_eq!(result.outcome, ReproductionOutcome::Reproduced, "{result:?}");
    assert_eq!(result.isolation, "none, as the operator wants");
}

#[tokio::test]
async fn a_failure_at_the_end_of_much_output_is_found() {
    let forge = GitServer::public().await;
    let stage = Stage::new(safety(), &forge, None).await;
    let noisy = format!("seq 1500000\n{}", failing(TYPES));
    let head = forge.commit(&[("test.sh", &noisy)]);
    let task = task(&forge, &head, |it| it["signature"] = signature_in_ci(TYPES).into());
    let result = stage.result(task).await;
    assert_eq!(result.outcome, ReproductionOutcome::Reproduced, "{result:?}");
}

/// A repository's list takes from the operator's and adds nothing. The checkout needs neither, and
/// `setup` does not reach the host of the checkout.
#[tokio::test]
async fn setup_reaches_what_both_the_operator_and_the_repository_list() {
    let forge = GitServer::public().await;
    let head = forge.commit(&[("file", "x\n")]);
    let servers = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let [one, two, three] = servers.each_ref().map(|server| server.local_addr().unwrap());
    let operator = [one.to_string(), two.to_string()];
    let operator: Vec<&str> = operator.iter().map(String::as_str).collect();
    let Some(safety) = safety_with_hosts(&operator) else { return };
    let stage = Stage::new(safety, &forge, None).await;

    let tries = [one.port(), two.port(), three.port(), forge.address.port()];
    let tries = tries.map(|port| format!("(: </dev/tcp/127.0.0.1/{port}) 2>&- && r=$r,{port}"));
    let look = format!("bash -c 'r=; {}; echo reached $r; exit 1'", tries.join("; "));
    let reached = async |hosts: Option<serde_json::Value>| {
        let mut task = task(&forge, &head, |it| {
            if let Some(hosts) = hosts {
                it["hosts"] = hosts;
            }
        });
        task.setup = vec![look.clone()];
        task.validation = vec!["true".to_owned()];
        let result = stage.result(task).await;
        result.commands[0].tail.clone()
    };
    let (first, second) = (one.port(), two.port());
    assert_eq!(reached(None).await, format!("reached ,{first},{second}\n"));
    let wanted = serde_json::json!([two.to_string(), three.to_string(), "evil.test"]);
    assert_eq!(reached(Some(wanted)).await, format!("reached ,{second}\n"));
    assert_eq!(reached(Some(serde_json::json!([]))).await, "reached\n");
}
