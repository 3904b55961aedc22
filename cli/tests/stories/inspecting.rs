//! Looking into the queue.

use std::time::Duration;

use greenline_queue::{NewLogPiece, PauseTarget, TaskFailure, TaskSpec};
use greenline_testbed::TestBed;

use crate::terminal::{Terminal, claim, enqueue, id, until};

const RESULT: &str = r#"{"commands":[{"command":"cargo test","phase":"validation","exit_code":101,"duration_ms":1200,"tail":"assertion failed\n","truncated_bytes":0}],"outcome":{"kind":"failed","which":0}}"#;

/// Fails a task for good.
async fn fail(bed: &TestBed, name: &str, error: &str) {
    enqueue(&bed.queue, name, |_| {}).await;
    let mut worker = bed.worker("w1").await;
    let claims = claim(&mut worker, 1).await;
    let failure =
        TaskFailure { error: error.to_owned(), retryable: false, result: Some(RESULT.to_owned()) };
    bed.queue.fail(&worker.profile().id, &claims[0], &failure).await.unwrap();
}

#[tokio::test]
async fn a_list_shows_what_fits() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    terminal.run(&["queue", "list"]).exits(0).prints(&["No task fits"]);
    fail(&bed, "dead-1", "No space left on device").await;
    enqueue(&bed.queue, "live-1", |spec| spec.priority = "high".parse().unwrap()).await;
    enqueue(&bed.queue, "live-2", |_| {}).await;
    enqueue(&bed.queue, "other", |spec| spec.kind = "deploy_step".parse().unwrap()).await;

    let ids = |filter: &[&str]| {
        let listed = terminal.json(&[&["queue", "list"], filter].concat());
        let ids = listed.iter().map(|task| task["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(&[]), ["live-1", "live-2", "other", "dead-1"]);
    assert_eq!(ids(&["--status", "dead"]), ["dead-1"]);
    assert_eq!(ids(&["--status", "failed,running"]), ["dead-1"]);
    assert_eq!(ids(&["--type", "deploy_step"]), ["other"]);
    assert_eq!(ids(&["--priority", "high"]), ["live-1"]);
    assert_eq!(ids(&["--id", "live-"]), ["live-1", "live-2"]);
    assert_eq!(ids(&["--containing", "No space"]), ["dead-1"]);
    assert_eq!(ids(&["--limit", "1"]), ["live-1"]);
    let more = terminal.run(&["queue", "list", "--limit", "1"]).exits(0);
    assert!(more.err.contains("There are more") && more.out.lines().count() == 2);

    terminal.run(&["queue", "dead"]).exits(0).prints(&["dead-1", "failed", "No space left"]);
    terminal.run(&["queue", "list", "--status", "lost"]).exits(2).prints(&["awaiting_approval"]);
}

#[tokio::test]
async fn a_task_tells_its_whole_story() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    fail(&bed, "ci-fix-812", "validation `cargo test` exited with 101").await;
    terminal.run(&["queue", "show", "ci-f"]).exits(0).prints(&[
        "ci-fix-812 failed for good",
        "validation `cargo test` exited with 101",
        "What",
        "run_command",
        "validation `true`",
        "Timeline",
        "enqueued",
        "attempt 1 on w1",
        "attempt 1 failed after",
        "Result",
        "validation `cargo test`: exit code 101 after 1.2 s",
        "assertion failed",
        "greenline queue log ci-fix-812",
        "greenline queue retry ci-fix-812",
    ]);
    let story = &terminal.json(&["queue", "show", "ci-fix-812"])[0];
    assert_eq!(story["result"]["commands"][0]["exit_code"], 101);
    assert!(story["finished_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(story["attempts"][0]["outcome"], "failed");
    assert_eq!(story["task"]["validation"][0], "true");
}

#[tokio::test]
async fn an_id_may_be_shortened_while_it_is_unique() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    enqueue(&bed.queue, "job-1", |_| {}).await;
    enqueue(&bed.queue, "job-12", |_| {}).await;
    terminal.run(&["queue", "show", "job-12"]).exits(0);
    terminal.run(&["queue", "show", "job-1"]).exits(0).prints(&["job-1 waits"]);
    terminal.run(&["queue", "show", "job"]).exits(2).prints(&["several", "job-1, job-12"]);
    terminal.run(&["queue", "show", "nobody"]).exits(1).prints(&["there is no task", "queue list"]);
}

#[tokio::test]
async fn a_task_that_does_not_run_says_why() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    let why = |name: &str| {
        let story = &terminal.json(&["queue", "show", name])[0];
        story["why"].as_array().unwrap().iter().map(ToString::to_string).collect::<String>()
    };
    enqueue(&bed.queue, "plain", |_| {}).await;
    assert!(why("plain").contains("no worker is alive"), "{}", why("plain"));

    let mut worker = bed.worker("w1").await;
    enqueue(&bed.queue, "gpu", |spec| spec.labels = ["gpu".parse().unwrap()].into()).await;
    assert!(why("gpu").contains("no worker with label gpu is alive"), "{}", why("gpu"));
    enqueue(&bed.queue, "child", |spec| spec.depends_on = vec![id("plain")]).await;
    assert!(why("child").contains("it waits for plain, which is pending"), "{}", why("child"));
    enqueue(&bed.queue, "ask", |spec| spec.requires_approval = true).await;
    assert!(why("ask").contains("greenline approvals approve ask"), "{}", why("ask"));
    let later = |spec: &mut TaskSpec| {
        spec.not_before = Some(chrono::Utc::now() + Duration::from_secs(600));
    };
    enqueue(&bed.queue, "later", later).await;
    assert!(why("later").contains("not to run before"), "{}", why("later"));

    claim(&mut worker, 1).await;
    let keyed = |spec: &mut TaskSpec| spec.concurrency_key = Some("acme/app#1".parse().unwrap());
    enqueue(&bed.queue, "one", keyed).await;
    enqueue(&bed.queue, "two", keyed).await;
    claim(&mut worker, 1).await;
    assert!(why("two").contains("one runs, and one task of acme/app#1"), "{}", why("two"));

    enqueue(&bed.queue, "held", |_| {}).await;
    bed.queue.pause(&PauseTarget::All, "ada", "upgrade").await.unwrap();
    let held = why("held");
    assert!(held.contains("everything is paused by ada") && held.contains("upgrade"), "{held}");
}

#[tokio::test]
async fn a_log_is_printed_and_can_do_nothing_to_the_terminal() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    enqueue(&bed.queue, "a", |_| {}).await;
    terminal.run(&["queue", "log", "a"]).exits(0).prints(&["printed nothing"]);
    let piece = |attempt, text: &str| NewLogPiece { attempt, stream: "out", text: text.to_owned() };
    let pieces = [piece(1, "first\n"), piece(2, "\x1b[2Jsecond\x1b]0;title\x07\n")];
    bed.queue.write_log(&id("a"), &pieces).await.unwrap();
    let printed = terminal.run(&["queue", "log", "a", "--color", "always"]).exits(0);
    assert!(printed.out.contains("first\n") && printed.out.contains("second]0;title\n"));
    assert!(!printed.out.contains("\x1b[2J") && !printed.out.contains('\x07'));
    let second = terminal.run(&["queue", "log", "a", "--attempt", "2"]).exits(0);
    assert!(!second.out.contains("first"));
    assert_eq!(terminal.json(&["queue", "log", "a"])[0]["text"], "first\n");
}

#[tokio::test]
async fn a_log_is_followed_until_the_task_has_ended() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    enqueue(&bed.queue, "a", |_| {}).await;
    let mut worker = bed.worker("w").await;
    let claims = claim(&mut worker, 1).await;
    let mut follower = terminal.command(&["queue", "log", "-f", "a"]);
    let follower = follower.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let piece = NewLogPiece { attempt: 1, stream: "out", text: "hello\n".to_owned() };
    bed.queue.write_log(&id("a"), &[piece]).await.unwrap();
    bed.queue.complete(&worker.profile().id, &claims[0], "{}".to_owned()).await.unwrap();
    let output = follower.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "hello\n");
}

#[tokio::test]
async fn the_queue_in_numbers() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    terminal.run(&["queue", "workers"]).exits(0).prints(&["No worker is alive"]);
    let mut worker = bed.worker("w1").await;
    enqueue(&bed.queue, "a", |spec| spec.priority = "high".parse().unwrap()).await;
    claim(&mut worker, 1).await;
    enqueue(&bed.queue, "b", |spec| spec.requires_approval = true).await;
    enqueue(&bed.queue, "c", |spec| spec.labels = ["gpu".parse().unwrap()].into()).await;
    terminal.run(&["queue", "stats"]).exits(0).prints(&[
        "pending  running  scheduled  waiting  dead  done 1 h",
        "high            0        1",
        "normal          1",
        "oldest pending",
        "1 worker, ",
        "1 task waits for approval: greenline approvals",
        "1 task wants a worker for run_command+gpu, and none is alive",
    ]);
    let stats = &terminal.json(&["queue", "stats"])[0];
    assert_eq!((&stats["pending"], &stats["running"]), (&1.into(), &1.into()));
    terminal.run(&["queue", "workers"]).exits(0).prints(&["w1", "test", "just now"]);
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_no_accident() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    for n in 0..40 {
        enqueue(&bed.queue, &format!("job-{n}"), |_| {}).await;
    }
    let mut child = terminal
        .command(&["queue", "list"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let status = until("the end of the list", || child.try_wait().unwrap());
    let mut printed = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut printed).unwrap();
    assert!(status.success() && printed.is_empty(), "{status} {printed}");
}
