//! The demo as anybody may run it: each story to its end, and nothing left of it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::kernel_limits::KernelRestriction;
use crate::terminal::{Terminal, until};

const REPAIR: [&str; 7] =
    ["failed_check", "diagnosed", "task_enqueued", "claimed", "reproduced", "commented", "done"];
const RERUN: [&str; 5] = ["failed_check", "diagnosed", "rerun", "commented", "done"];

/// A terminal, and the one place where temporary files are made.
struct Place {
    terminal: Terminal,
    temporary: PathBuf,
}

impl Place {
    fn new() -> Self {
        let terminal = Terminal::alone();
        let temporary = terminal.folder().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let terminal = terminal.with("TMPDIR", temporary.to_str().unwrap());
        Self { terminal, temporary }
    }

    /// The story's events, once it has ended well and nothing is left of it.
    fn plays(&self, story: &str, events: &[&str]) -> Vec<Value> {
        let reported = self.terminal.json(&["demo", "--yes", "--story", story]);
        assert_eq!(names(&reported), events, "{reported:#?}");
        assert_eq!(reported.last().unwrap()["ended_well"], true);
        let times: Vec<i64> =
            reported.iter().map(|it| it["elapsed_ms"].as_i64().unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
        self.is_clean();
        reported
    }

    #[track_caller]
    fn is_clean(&self) {
        assert_eq!(entries(&self.temporary), Vec::<PathBuf>::new());
        let own: Vec<PathBuf> =
            ["state", "tmp"].map(|name| self.terminal.folder().join(name)).into();
        let strange: Vec<PathBuf> = entries(self.terminal.folder());
        let strange: Vec<_> = strange.iter().filter(|it| !own.contains(it)).collect();
        assert!(strange.is_empty(), "{strange:?}");
        assert_eq!(processes_in(&self.temporary), Vec::<i32>::new());
    }
}

fn names(reported: &[Value]) -> Vec<&str> {
    reported.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Processes that are at work below a folder, even if it is deleted.
fn processes_in(folder: &Path) -> Vec<i32> {
    let folder = folder.canonicalize().unwrap();
    let at_work = |pid: &i32| {
        let place = std::fs::read_link(format!("/proc/{pid}/cwd"));
        place.is_ok_and(|place| place.starts_with(&folder))
    };
    let pid = |path: PathBuf| path.file_name()?.to_str()?.parse().ok();
    entries(Path::new("/proc")).into_iter().filter_map(pid).filter(at_work).collect()
}

#[test]
fn a_broken_test_becomes_a_task_and_is_reproduced() {
    let place = Place::new();
    place.terminal.file("greenline.toml", "[queue]\nnonsense = 1\n");
    let place = Place {
        terminal: place
            .terminal
            .with("REDIS_URL", "redis://127.0.0.1:1")
            .with("GITHUB_TOKEN", "ghp_nobody")
            .with("HTTP_PROXY", "http://127.0.0.1:1")
            .with("GIT_DIR", "/nowhere"),
        ..place
    };
    let reported = place.terminal.json(&["demo", "--yes"]);
    assert_eq!(names(&reported), REPAIR);
    let of = |name: &str| reported.iter().find(|it| it["event"] == name).unwrap();
    assert_eq!(of("failed_check")["pull"], 1);
    assert_eq!(of("failed_check")["check"], "test");
    assert_eq!(of("diagnosed")["category"], "test_assertion");
    assert_eq!(of("diagnosed")["origin"], "pr_code");
    assert!(of("diagnosed")["headline"].as_str().unwrap().contains("dots go"));
    let task = &of("task_enqueued")["task_id"];
    assert!(task.as_str().unwrap().starts_with("ci-fix-"));
    assert_eq!((&of("claimed")["task_id"], &of("reproduced")["task_id"]), (task, task));
    assert_eq!(of("reproduced")["outcome"], "reproduced");
    assert_eq!(of("reproduced")["commands"][0]["exit_code"], 1);
    let comment = of("commented")["body"].as_str().unwrap();
    assert!(comment.contains("dots go") && comment.contains("Reproduced"), "{comment}");
    assert_eq!(of("done")["status"]["done"], 1);
    assert_eq!(of("done")["status"]["open_intents"], serde_json::json!([]));
    std::fs::remove_file(place.terminal.folder().join("greenline.toml")).unwrap();
    place.is_clean();
}

#[test]
fn what_the_linter_says_is_reproduced_too() {
    Place::new().plays("lint", &REPAIR);
}

#[test]
fn a_flaky_test_runs_again() {
    let reported = Place::new().plays("flaky", &RERUN);
    assert_eq!(reported[1]["origin"], "flaky");
    assert!(reported[3]["body"].as_str().unwrap().contains("green again"));
}

#[test]
fn a_network_that_failed_is_nobodys_fault() {
    let reported = Place::new().plays("infrastructure", &RERUN);
    assert_eq!(reported[1]["origin"], "infra");
}

#[test]
fn a_fork_is_explained_and_never_run() {
    let reported = Place::new().plays("fork", &["failed_check", "diagnosed", "commented", "done"]);
    assert_eq!(reported[1]["rule"], "fork");
}

#[test]
fn a_broken_default_branch_gets_an_issue_and_nobody_else_the_blame() {
    let first = ["failed_check", "diagnosed", "issue_opened"];
    let then = ["failed_check", "diagnosed", "commented", "done"];
    let reported = Place::new().plays("broken-base", &[&first[..], &then].concat());
    assert_eq!((&reported[0]["branch"], &reported[0]["pull"]), (&"main".into(), &Value::Null));
    assert_eq!(reported[4]["origin"], "pre_existing");
}

#[test]
fn for_people_it_is_told_in_plain_words_that_fit() {
    let place = Place::new();
    let printed = place.terminal.run(&["demo", "--yes"]).exits(0).prints(&[
        "assertion",
        "`test` is red on acme/slug#1",
        "not ok 3 - dots go",
        "task ci-fix-",
        "ran `sh ./test.sh`: exit code 1",
        "reproduced",
        "the comment on acme/slug#1 reads",
        "Reproduced: a worker saw the same failure",
        "the story ended well",
        "the lead's view",
        "1 done",
        "greenline why",
        "fix (repair)",
    ]);
    assert!(!printed.out.contains('\x1b'), "{}", printed.out);
    let wide = printed.out.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
    place.is_clean();
    let colored = place.terminal.run(&["demo", "--story", "fork", "--color", "always"]).exits(0);
    assert!(colored.out.contains('\x1b'));
}

#[test]
fn the_logs_are_kept_where_it_says() {
    let place = Place::new();
    let printed = place.terminal.run(&["demo", "--yes", "--keep", "--story", "fork"]).exits(0);
    let kept = entries(&place.temporary);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(printed.err.contains(kept[0].to_str().unwrap()), "{}", printed.err);
    let log = std::fs::read_to_string(kept[0].join("demo.log")).unwrap();
    assert!(log.contains("Watching acme/slug"), "{log}");
    assert_eq!(processes_in(&place.temporary), Vec::<i32>::new());
}

/// A demo in a process group of its own, as a shell starts it.
fn started(place: &Place) -> Child {
    let mut command = place.terminal.command(&["demo", "--yes", "--json"]);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// What a terminal does at Ctrl-C, or when it is closed.
fn all_get(demo: &Child, signal: Signal) {
    killpg(Pid::from_raw(demo.id().cast_signed()), signal).unwrap();
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    for (after, signal) in [(1, Signal::SIGINT), (1, Signal::SIGHUP), (4, Signal::SIGINT)] {
        let place = Place::new();
        let mut demo = started(&place);
        let lines = BufReader::new(demo.stdout.take().unwrap()).lines();
        let seen: Vec<_> = lines.take(after).map(Result::unwrap).collect();
        assert_eq!(seen.len(), after);
        all_get(&demo, signal);
        let code = demo.wait().unwrap().code();
        // After its last step there may be nothing left to stop.
        assert!(matches!(code, Some(0 | 1)), "{code:?}");
        place.is_clean();
    }
}

#[test]
fn ctrl_c_before_anything_runs_leaves_nothing_behind() {
    let place = Place::new();
    let mut demo = started(&place);
    until("its folder", || (!entries(&place.temporary).is_empty()).then_some(()));
    all_get(&demo, Signal::SIGINT);
    assert_eq!(demo.wait().unwrap().code(), Some(1));
    place.is_clean();
}

#[test]
fn a_reader_that_has_seen_enough_stops_it() {
    let place = Place::new();
    let mut demo = started(&place);
    drop(demo.stdout.take());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    place.is_clean();
}

#[test]
fn without_a_sandbox_nothing_is_run_and_that_is_said() {
    let place = Place::new();
    let without = || place.terminal.run(&["demo", "--yes", "--json"]);
    let printed =
        KernelRestriction::WithoutLandlock.run_under(without).exits(3).prints(&["doctor"]);
    let reported = printed.json();
    assert_eq!(names(&reported), REPAIR);
    assert_eq!(reported[4]["outcome"], "not_reproduced");
    assert_eq!(reported[6]["ended_well"], false);
    place.is_clean();
}

#[test]
fn what_is_missing_is_named_with_the_mend() {
    let place = Place::new();
    let programs = place.terminal.folder().join("state");
    std::fs::create_dir(&programs).unwrap();
    let place =
        Place { terminal: place.terminal.with("PATH", programs.to_str().unwrap()), ..place };
    place.terminal.run(&["demo", "--yes"]).exits(3).prints(&["git is not installed", "make demo"]);
    // It is only looked for: what it does is not reached.
    symlink("/bin/sh", programs.join("git")).unwrap();
    place.terminal.run(&["demo", "--yes"]).exits(3).prints(&["redis-server is not", "make demo"]);
    place.is_clean();
}

#[test]
fn what_it_can_not_do_is_wrong_usage() {
    let terminal = Terminal::alone();
    terminal.run(&["demo", "--story", "nope"]).exits(2).prints(&["assertion", "broken-base"]);
    terminal.run(&["demo", "--redis", "redis://localhost"]).exits(2).prints(&["--redis"]);
    terminal.run(&["demo", "--sleep"]).exits(2);
    let listed = terminal.json(&["demo", "--list"]);
    assert_eq!(listed.len(), 6);
    assert_eq!(listed[0]["story"], "assertion");
    terminal.run(&["demo", "--list"]).exits(0).prints(&["flaky", "passed on this commit before"]);
}
