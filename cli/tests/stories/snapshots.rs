//! The text that people see, whole: help, doctor, pages of the queue, the demo.
//!
//! A changed text shows as a difference of a snapshot. `INSTA_UPDATE=always` writes the new ones.

use greenline_queue::TaskFailure;
use greenline_testbed::TestBed;
use insta::{Settings, assert_snapshot};

use crate::conventions::commands;
use crate::terminal::{Terminal, claim, enqueue};

/// Settings that replace what differs between two runs.
fn stable() -> Settings {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    for (pattern, replacement) in [
        (r"[a-z0-9.-]+-[0-9]+-[a-z0-9]{6}(-[0-9]+)?", "[process]"),
        (r"127\.0\.0\.1:[0-9]+", "127.0.0.1:[port]"),
        (r"(/[A-Za-z0-9._-]+)*/\.tmp[A-Za-z0-9]+", "[folder]"),
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|\+00:00)?", "[time]"),
        (r" *[0-9]+(\.[0-9]+)? (ms|s|min|h|d)\b", " [duration]"),
        (r"\b[0-9]+(\.[0-9]+)? (B|KiB|MiB|GiB|TiB)\b", "[size]"),
        (r"\b[0-9a-f]{7,40}\b", "[sha]"),
        (r"\b7\.[0-9]+\.[0-9]+\b", "[version]"),
        (r"git version [0-9.]+", "git version [version]"),
        (r"check-[0-9]+", "check-[id]"),
        (r"#[0-9]+\b", "#[number]"),
    ] {
        settings.add_filter(pattern, replacement);
    }
    settings
}

#[test]
fn help_of_every_command() {
    let terminal = Terminal::alone();
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    for command in commands() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let long = terminal.run(&[&words[..], &["--help"]].concat()).exits(0).out;
        let name =
            ["help", "greenline"].iter().chain(&words).copied().collect::<Vec<_>>().join("-");
        settings.bind(|| assert_snapshot!(name, long));
    }
}

#[tokio::test]
async fn pages_of_the_queue() {
    let bed = TestBed::new().await;
    let terminal = Terminal::at(&bed);
    enqueue(&bed.queue, "ci-fix-812", |_| {}).await;
    let mut worker = bed.worker("w1").await;
    let claims = claim(&mut worker, 1).await;
    let failure = TaskFailure {
        error: "validation `cargo test` exited with 101".to_owned(),
        retryable: false,
        result: None,
    };
    bed.queue.fail(&worker.profile().id, &claims[0], &failure).await.unwrap();
    enqueue(&bed.queue, "waits", |spec| spec.priority = "high".parse().unwrap()).await;
    enqueue(&bed.queue, "needs-a-yes", |spec| spec.requires_approval = true).await;
    for words in [
        &["queue", "stats"][..],
        &["queue", "list"],
        &["queue", "dead"],
        &["queue", "show", "ci-fix-812"],
        &["queue", "show", "needs-a-yes"],
        &["queue", "workers"],
        &["approvals"],
    ] {
        let printed = terminal.run(words).exits(0);
        let page = format!("{}{}", printed.out, printed.err);
        stable().bind(|| assert_snapshot!(format!("page-{}", words.join("-")), page));
    }
}

#[test]
fn doctor_without_a_redis() {
    let terminal = Terminal::alone().with("REDIS_URL", "redis://127.0.0.1:1");
    let printed = terminal.run(&["doctor"]).exits(1);
    // The machine's own walls and disk differ between machines.
    let stable_lines = printed.out.lines().filter(|line| !line.contains("sandbox"));
    let page = stable_lines.collect::<Vec<_>>().join("\n");
    stable().bind(|| assert_snapshot!("doctor-without-a-redis", page));
}
