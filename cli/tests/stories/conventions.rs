//! How the program behaves whatever it is asked.

use greenline_testbed::TestBed;

use crate::terminal::{Terminal, enqueue};

/// Every command with its subcommands, from clap, without the `help` that clap adds.
pub(crate) fn commands() -> Vec<Vec<String>> {
    fn collect(command: &clap::Command, path: &[String], into: &mut Vec<Vec<String>>) {
        into.push(path.to_vec());
        for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
            let path: Vec<String> = path.iter().cloned().chain([child.get_name().into()]).collect();
            collect(child, &path, into);
        }
    }
    let mut all = Vec::new();
    collect(&greenline_cli::command(), &[], &mut all);
    all
}

#[test]
fn short_help_fits_a_screen_and_long_help_has_examples() {
    let terminal = Terminal::alone();
    for command in commands() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let short = terminal.run(&[&words[..], &["-h"]].concat()).exits(0);
        let lines = short.out.lines().count();
        assert!(lines <= 36, "{command:?} has {lines} lines");
        let widest = short.out.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 100, "{command:?} is {widest} wide");
        let long = terminal.run(&[&words[..], &["--help"]].concat()).exits(0);
        let needs_none = [&["queue", "stats"][..], &["queue", "workers"], &["queue"], &["sarif"]];
        assert!(
            needs_none.contains(&words.as_slice()) || long.out.contains("Examples:"),
            "{command:?} has no examples"
        );
    }
    terminal.run(&["--version"]).exits(0).prints(&["greenline "]);
}

#[test]
fn what_can_not_be_understood_is_wrong_usage() {
    let terminal = Terminal::alone();
    terminal.run(&[]).exits(2).prints(&["Usage:"]);
    terminal.run(&["quene"]).exits(2).prints(&["'queue'"]);
    terminal.run(&["queue", "list", "--nope"]).exits(2);
}

#[test]
fn settings_are_checked_before_anything_and_all_at_once() {
    let terminal = Terminal::alone();
    terminal.file("greenline.toml", "[queue]\nheartbaet = \"5s\"\n");
    let terminal = terminal.with("GREENLINE_LEASE", "15").with("REDIS_URL", "http://secret@host");
    for command in [&["queue", "stats"][..], &["up"], &["worker"], &["lead"], &["settings"]] {
        let printed = terminal.run(command).exits(2).prints(&[
            "error: greenline.toml:2:1: unknown setting \"heartbaet\"",
            "did you mean \"heartbeat\"?",
            "error: GREENLINE_LEASE: \"15\" has no unit",
            "error: REDIS_URL: ",
        ]);
        assert!(!printed.err.contains("secret") && printed.out.is_empty());
    }
}

#[test]
fn settings_show_where_each_comes_from_and_no_secret() {
    let terminal = Terminal::alone();
    terminal.file("greenline.toml", "[worker]\nslots = 3\n");
    let terminal =
        terminal.with("REDIS_URL", "redis://:hunter2@localhost").with("GREENLINE_GRACE", "9s");
    let printed = terminal.run(&["settings", "--namespace", "acme"]).exits(0);
    let printed = printed.prints(&[
        "redis.url",
        "REDIS_URL",
        "[secret, set]",
        "redis.namespace",
        "--namespace",
        "acme",
    ]);
    assert!(printed.out.contains("greenline.toml:2:9") && !printed.out.contains("hunter2"));
    let set = terminal.json(&["settings", "--set"]);
    let names: Vec<&str> = set.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["state_dir", "redis.url", "worker.slots", "worker.grace"]);
    assert!(set[1]["value"].is_null());
    terminal.file("other.toml", "[worker]\nslots = 5\n");
    let other = terminal.json(&["settings", "--set", "--config", "other.toml"]);
    assert!(other.iter().any(|one| one["value"] == "5"));
}

#[test]
fn without_a_redis_it_says_how_to_get_one() {
    let terminal = Terminal::alone();
    terminal.run(&["queue", "stats"]).exits(2).prints(&["no Redis is set", "greenline up"]);
    let away = terminal.with("REDIS_URL", "redis://127.0.0.1:1");
    away.run(&["queue", "stats"])
        .exits(3)
        .prints(&["failed to reach Redis at 127.0.0.1:1", "greenline doctor"]);
    away.run(&["--redis", "redis://127.0.0.1:2", "queue", "list"])
        .exits(3)
        .prints(&["127.0.0.1:2"]);
}

#[tokio::test]
async fn colour_appears_where_it_is_asked_for() {
    let bed = TestBed::new().await;
    enqueue(&bed.queue, "a", |_| {}).await;
    let terminal = Terminal::at(&bed);
    let colored = |args: &[&str]| terminal.run(args).exits(0).out.contains('\x1b');
    assert!(!colored(&["queue", "list"]));
    assert!(colored(&["queue", "list", "--color", "always"]));
    assert!(!colored(&["queue", "list", "--color", "never"]));
    terminal.run(&["queue", "list", "--color", "green"]).exits(2);
}

#[test]
fn completions_and_manual_pages_are_made() {
    let terminal = Terminal::alone();
    for (shell, part) in
        [("bash", "complete -F"), ("zsh", "#compdef greenline"), ("fish", "complete -c greenline")]
    {
        terminal.run(&["completions", shell]).exits(0).prints(&[part]);
    }
    terminal.run(&["man"]).exits(0).prints(&[".TH greenline"]);
    terminal.run(&["man", "--out", "pages"]).exits(0);
    let page = terminal.folder().join("pages/greenline-queue-enqueue.1");
    assert!(std::fs::read_to_string(page).unwrap().contains("Run this command"));
}

#[test]
fn a_key_pair_is_made_of_which_the_public_half_can_be_had_again() {
    let terminal = Terminal::alone();
    let pair = terminal.json(&["keys"]).remove(0);
    let private = pair["task_key"].as_str().unwrap();
    let public = terminal.feed(&["keys", "--public"], &format!("{private}\n")).exits(0);
    assert_eq!(public.out.trim(), pair["task_public_key"].as_str().unwrap());
    assert_ne!(terminal.json(&["keys"]).remove(0)["task_key"], pair["task_key"]);
    terminal.feed(&["keys", "--public"], "hunter2").exits(2).prints(&["64 hexadecimal digits"]);
    let plain = terminal.run(&["keys"]).exits(0);
    plain.prints(&["GREENLINE_TASK_KEY=", "GREENLINE_TASK_PUBLIC_KEY="]);
}
