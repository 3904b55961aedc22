//! Giving work to the queue.

use greenline_queue::{Priority, TaskStatus};
use greenline_testbed::TestBed;

use crate::terminal::{Terminal, id};

fn line(name: &str) -> String {
    format!(r#"{{"task_id":"{name}","type":"run_command","validation":["true"]}}"#)
}

async fn count(bed: &TestBed) -> u64 {
    bed.queue.stats().await.unwrap().pending
}

#[tokio::test]
async fn a_command_becomes_a_task() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    let args = [
        "queue",
        "enqueue",
        "--id",
        "nightly",
        "--command",
        "cargo test",
        "--setup",
        "make deps",
        "--priority",
        "high",
        "--label",
        "gpu",
        "--timeout-minutes",
        "5",
        "--concurrency-key",
        "a#1",
    ];
    let printed =
        terminal.run(&args).exits(0).prints(&["nightly", "pending", "No worker is alive"]);
    assert!(!printed.out.contains("No worker"), "hints are not data");
    let record = bed.queue.record(&id("nightly")).await.unwrap().unwrap();
    let task = greenline_queue::Task::from_json(&record.payload).unwrap();
    let spec = task.spec();
    assert_eq!((&spec.setup[0][..], &spec.validation[0][..]), ("make deps", "cargo test"));
    assert_eq!((spec.priority, spec.timeout_minutes), (Priority::High, 5));
    assert_eq!(record.route.as_deref(), Some("run_command+gpu"));
    assert!(record.created_at.is_some());

    let outcome = &terminal.json(&["queue", "enqueue", "--command", "true"])[0];
    assert_eq!(outcome["outcome"], "created");
    assert!(outcome["task_id"].as_str().unwrap().starts_with("cmd-"));
}

#[tokio::test]
async fn a_command_may_wait_for_its_time_for_others_and_for_a_person() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    let enqueue = |more: &[&str]| {
        let args = [&["queue", "enqueue", "--command", "true"], more].concat();
        terminal.json(&args)[0]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(enqueue(&["--id", "first", "--not-before", "10m"]), "scheduled");
    assert_eq!(enqueue(&["--depends-on", "first"]), "waiting");
    assert_eq!(enqueue(&["--requires-approval"]), "awaiting_approval");
}

#[tokio::test]
async fn tasks_come_as_one_object_an_array_or_one_a_line() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    let pretty =
        "{\n  \"task_id\": \"a\",\n  \"type\": \"run_command\",\n  \"setup\": [\"true\"]\n}\n";
    terminal.file("one.json", pretty);
    terminal.file("array.json", &format!("[{}, {}]", line("b"), line("c")));
    terminal
        .run(&["queue", "enqueue", "one.json", "array.json"])
        .exits(0)
        .prints(&["a ", "b ", "c "]);

    let lines: String = (1..=600).map(|n| line(&format!("load-{n}")) + "\n").collect();
    let printed = terminal.feed(&["queue", "enqueue", "--json", "-"], &lines).exits(0);
    let outcomes = printed.json();
    assert_eq!(outcomes.len(), 600);
    assert_eq!(outcomes[599]["task_id"], "load-600");
    assert_eq!(outcomes[599]["status"], "pending");
    assert_eq!(printed.err, "");
    assert_eq!(count(&bed).await, 603);

    let record = bed.queue.record(&id("a")).await.unwrap().unwrap();
    assert_eq!(record.payload, pretty.trim());
}

#[tokio::test]
async fn nothing_is_enqueued_half_and_every_mistake_has_its_place() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    let lines = [
        &line("good")[..],
        r#"{"task_id":"x","type":"run_command","timeout_minutes":"30"}"#,
        r#"{"task_id":"a b","type":"run_command"}"#,
        r#"{"task_id":"long","type":"x","timeout_minutes":525600}"#,
        "{broken",
    ];
    terminal.file("tasks.jsonl", &lines.join("\n"));
    terminal.run(&["queue", "enqueue", "tasks.jsonl"]).exits(2).prints(&[
        "error: tasks.jsonl:2:",
        "timeout_minutes: invalid type",
        "error: tasks.jsonl:3:",
        "task_id: ",
        "error: tasks.jsonl:4:1: timeout_minutes: 525600 is not between 1 and 1440",
        "error: tasks.jsonl:5:",
        "nothing was enqueued",
    ]);
    assert_eq!(count(&bed).await, 0);
}

#[tokio::test]
async fn the_same_call_again_changes_nothing() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    terminal.feed(&["queue", "enqueue", "-"], &line("a")).exits(0);
    let again = terminal.feed(&["queue", "enqueue", "--json", "-"], &line("a")).exits(0);
    assert_eq!(again.json()[0]["outcome"], "exists");
    assert_eq!(count(&bed).await, 1);
}

#[tokio::test]
async fn a_task_that_is_refused_is_an_answer_of_no() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    let args = ["queue", "enqueue", "--command", "true", "--depends-on", "nobody"];
    terminal.run(&args).exits(1).prints(&["refused: depends_on names nobody"]);
}

#[tokio::test]
async fn a_task_that_is_too_large_is_refused_with_what_to_do() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    let large = format!(r#"{{"task_id":"a","type":"x","prompt":"{}"}}"#, "x".repeat(300 * 1024));
    let expected = ["stdin:1:1: the task has", "at most 262144 are allowed", "name it in `inputs`"];
    terminal.feed(&["queue", "enqueue", "-"], &large).exits(2).prints(&expected);
}

#[tokio::test]
async fn what_is_wrong_with_the_command_line_is_said() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    let run = |args: &[&str]| terminal.run(&[&["queue", "enqueue"], args].concat()).exits(2);
    run(&[]).prints(&["--command"]);
    run(&["--id", "a"]).prints(&["--command"]);
    run(&["--command", "true", "--id", "a b"]).prints(&["use 1 to 128 of A-Z a-z 0-9"]);
    run(&["--command", "true", "--timeout-minutes", "0"])
        .prints(&["--timeout-minutes: 0 is not between"]);
    run(&["--command", " "]).prints(&["--command: command 1 is empty"]);
    run(&["--command", "true", "--priority", "urgent"]).prints(&["critical, high, normal, low"]);
    run(&["missing.json"]).prints(&["failed to read missing.json"]);
    run(&["--command", "true", "file.json"]).prints(&["cannot be used with"]);
    terminal.file("empty.json", "\n");
    run(&["empty.json"]).prints(&["empty.json: there is no task in it"]);
    assert_eq!(count(&bed).await, 0);
}

#[tokio::test]
async fn a_namespace_keeps_deployments_apart() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    terminal
        .run(&["--namespace", "acme", "queue", "enqueue", "--id", "a", "--command", "true"])
        .exits(0);
    assert_eq!(count(&bed).await, 0);
    let listed = terminal.json(&["queue", "list", "--namespace", "acme"]);
    assert_eq!(listed[0]["id"], "a");
    assert_eq!(listed[0]["status"], TaskStatus::Pending.as_str());
}
