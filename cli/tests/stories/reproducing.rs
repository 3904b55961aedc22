//! Failures of CI, looked for again by the real program: real git over HTTP, a real sandbox, and
//! what people then read. The server of git runs beside: each test has several threads.

use greenline_diagnosis::diagnose;
use greenline_queue::{TaskSpec, TaskType};
use greenline_testbed::{GitServer, TestBed};
use serde_json::{Value, json, value::RawValue};

use crate::daemons::Daemon;
use crate::kernel_limits::KernelRestriction;
use crate::terminal::{Terminal, enqueue, until};

const TYPES: &str = "error[E0308]: mismatched types\n --> src/lib.rs:3:5\n  |\n3 |     \"x\"\n";
const OTHER: &str = "error[E0425]: cannot find value `y` in this scope\n --> src/lib.rs:9:5\n";

/// A queue, a repository, and a worker on some ground.
struct Scene {
    bed: TestBed,
    git: GitServer,
    terminal: Terminal,
    worker: Daemon,
}

impl Scene {
    async fn on(restriction: KernelRestriction, environment: &[(&str, &str)]) -> Self {
        let (bed, git) = (TestBed::new().await, GitServer::public().await);
        // The repository is not at the usual host, and its address not a public one.
        let terminal = Terminal::at(&bed).with("GREENLINE_SANDBOX_PRIVATE_HOSTS", "127.0.0.1");
        let terminal = environment.iter().fold(terminal, |it, (name, value)| it.with(name, value));
        let worker =
            restriction.run_under(|| Daemon::start(&terminal, &["worker", "--slots", "1"]));
        Self { bed, git, terminal, worker }
    }

    /// What becomes of a task for this commit, told by the program.
    async fn outcome(&self, name: &str, head: &str, change: impl FnOnce(&mut Value)) -> Value {
        let mut inputs = json!({
            "repo": "acme/app",
            "head_sha": head,
            "clone_url": self.git.url(),
            "fork": false,
            "signature": signature_in_ci(TYPES),
        });
        change(&mut inputs);
        let order = |spec: &mut TaskSpec| {
            spec.kind = kind("fix_test_failure");
            spec.inputs = Some(RawValue::from_string(inputs.to_string()).unwrap());
            spec.validation = vec!["sh test.sh".to_owned()];
        };
        enqueue(&self.bed.queue, name, order).await;
        until("the task's end", || {
            let mut story = self.terminal.json(&["queue", "show", name]).remove(0);
            (story["status"] == "success").then(|| story["result"].take())
        })
    }

    fn show(&self, name: &str) -> crate::terminal::Printed {
        self.terminal.run(&["queue", "show", name]).exits(0)
    }
}

fn kind(name: &str) -> TaskType {
    name.parse().unwrap()
}

/// A test that says this and fails.
fn failing(expected: &str) -> String {
    format!("echo 'running tests'\ncat <<'END' >&2\n{expected}END\nexit 101\n")
}

/// What the lead makes of CI's log of it.
fn signature_in_ci(expected: &str) -> String {
    let log = format!("{expected}##[error]Process completed with exit code 101.\n");
    diagnose(log.as_bytes(), &Default::default()).signature.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_says_whether_the_failure_shows_here_too() {
    let scene = Scene::on(KernelRestriction::Here, &[]).await;
    let same = scene.git.commit(&[("test.sh", &failing(TYPES))]);
    let other = scene.git.commit(&[("test.sh", &failing(OTHER))]);
    let none = scene.git.commit(&[("test.sh", "exit 0\n")]);
    for (name, head, outcome) in [
        ("same", same, "reproduced"),
        ("other", other, "different"),
        ("none", none, "not_reproduced"),
    ] {
        let answer = scene.outcome(name, &head, |_| {}).await;
        assert_eq!(answer["outcome"], outcome, "{answer}");
    }
    scene.show("same").prints(&[
        "same succeeded",
        "fix_test_failure",
        "validation `sh test.sh`",
        "Result",
        "reproduced: validation `sh test.sh` exited with 101: the same failure as in CI",
        "compile_error: error[E0308]: mismatched types",
        "sandbox: landlock ABI ",
        "validation `sh test.sh`: exit code 101",
        "error[E0308]: mismatched types",
    ]);
    scene.show("other").prints(&["different: ", "another failure than in CI", "error[E0425]"]);
    scene.show("none").prints(&["not_reproduced: all commands passed here"]);
    let log = scene.terminal.run(&["queue", "log", "same"]).exits(0);
    // By two pipes: which comes first is not said.
    log.prints(&["running tests"]).prints(&["error[E0308]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_fork_brings_is_neither_fetched_nor_run() {
    let scene = Scene::on(KernelRestriction::Here, &[]).await;
    let head = scene.git.commit(&[("test.sh", &failing(TYPES))]);
    let forks = scene.outcome("forks", &head, |inputs| inputs["fork"] = true.into()).await;
    assert_eq!(forks["outcome"], "not_reproduced");
    scene.show("forks").prints(&["not_reproduced: the head is a fork's, and what a fork brings"]);
    let unsaid = |inputs: &mut Value| drop(inputs.as_object_mut().unwrap().remove("fork"));
    let unsaid = scene.outcome("unsaid", &head, unsaid).await;
    assert_eq!(unsaid["outcome"], "not_reproduced", "who does not say so could be a fork");
    assert_eq!((&forks["commands"], scene.git.requests()), (&json!([]), 0));
}

/// A test that looks for a way out, says what it found, and then fails as CI's did.
fn prying(scene: &Scene) -> String {
    let folder = scene.terminal.folder().display();
    let redis = scene.bed.redis.url();
    let redis = redis.trim_start_matches("redis+").trim_start_matches("unix://");
    let connect = "use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0) && \
                   connect(S, pack_sockaddr_un($ARGV[0])) && print \"reached Redis\\n\"";
    format!(
        "cat {folder}/theirs\necho x >{folder}/mark\n\
         perl -e '{connect}' {}\n\
         cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep ^REDIS_URL=\n{}",
        redis.split('?').next().unwrap_or_default(),
        failing(TYPES)
    )
}

/// What a test of the pull request finds out on that ground.
async fn pried(
    restriction: KernelRestriction,
    environment: &[(&str, &str)],
) -> (Value, String, bool) {
    let scene = Scene::on(restriction, environment).await;
    scene.terminal.file("theirs", "a secret of the worker's\n");
    let head = scene.git.commit(&[("test.sh", &prying(&scene))]);
    let answer = scene.outcome("pries", &head, |_| {}).await;
    assert_eq!(answer["outcome"], "reproduced", "{answer}");
    let seen = answer["commands"][0]["tail"].as_str().unwrap().to_owned();
    let marked = scene.terminal.folder().join("mark").exists();
    (answer, seen, marked)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pull_request_brings_reaches_nothing_of_the_worker() {
    let finds = ["a secret of the worker's", "reached Redis"];
    for (restriction, ends) in
        [(KernelRestriction::Here, ""), (KernelRestriction::WithoutNamespaces, " alone")]
    {
        let (answer, seen, marked) = pried(restriction, &[]).await;
        assert!(answer["isolation"].as_str().unwrap().ends_with(ends), "{answer}");
        let found = finds.iter().find(|find| seen.contains(*find));
        assert!(
            found.is_none() && !seen.contains("REDIS_URL=") && !marked,
            "{restriction:?}: {seen}"
        );
    }
    // The same attempts work where nothing is in their way, or this proves nothing.
    let by_name = [("GREENLINE_RUN_UNTRUSTED_CODE_WITHOUT_ISOLATION", "on")];
    let (_, seen, marked) = pried(KernelRestriction::WithoutLandlock, &by_name).await;
    assert!(finds.iter().all(|find| seen.contains(find)) && marked, "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_worker_left_running_ends_when_the_next_one_starts() {
    for restriction in [KernelRestriction::Here, KernelRestriction::WithoutNamespaces] {
        let mut scene = Scene::on(restriction, &[("GREENLINE_SANDBOX_COMMANDS", "on")]).await;
        let sleeper = format!("sleep 1{:08}", fastrand::u32(..100_000_000));
        let hidden = format!("env -i setsid {sleeper} & wait");
        enqueue(&scene.bed.queue, "a", |spec| spec.validation = vec![hidden]).await;
        let left =
            until("the command", || Some(running(&sleeper)).filter(|found| !found.is_empty()));
        scene.worker.kill();
        assert_eq!(running(&sleeper), left, "nobody is there to end it");
        scene.worker = restriction.run_under(|| Daemon::start(&scene.terminal, &["worker"]));
        until("its end", || left.iter().all(|pid| !running(&sleeper).contains(pid)).then_some(()));
    }
}

/// The processes that run exactly this.
fn running(command: &str) -> Vec<String> {
    let line = format!("{}\0", command.replace(' ', "\0"));
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let theirs = all.filter(|dir| {
        std::fs::read(dir.path().join("cmdline")).is_ok_and(|found| found == line.as_bytes())
    });
    theirs.map(|dir| dir.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_isolation_nothing_is_fetched_or_run_unless_the_operator_says_so() {
    let scene = Scene::on(KernelRestriction::WithoutLandlock, &[]).await;
    let head = scene.git.commit(&[("test.sh", &failing(TYPES))]);
    let answer = scene.outcome("refused", &head, |_| {}).await;
    assert_eq!(answer["outcome"], "not_reproduced");
    assert_eq!(answer["reason"], "no isolation: this kernel has no Landlock");
    assert_eq!(scene.git.requests(), 0);
    scene.show("refused").prints(&["not_reproduced: no isolation", "sandbox: none"]);

    let by_name = ("GREENLINE_RUN_UNTRUSTED_CODE_WITHOUT_ISOLATION", "on");
    let wanted = Scene::on(KernelRestriction::WithoutLandlock, &[by_name]).await;
    let head = wanted.git.commit(&[("test.sh", &failing(TYPES))]);
    let answer = wanted.outcome("wanted", &head, |_| {}).await;
    assert_eq!(answer["outcome"], "reproduced", "{answer}");
    wanted.show("wanted").prints(&["sandbox: none, as the operator wants"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_own_commands_are_shut_in_too_if_they_say_so() {
    for (restriction, setting, expected) in [
        (KernelRestriction::Here, "off", "got out"),
        (KernelRestriction::Here, "on", "kept in"),
        (KernelRestriction::WithoutNamespaces, "on", "kept in"),
    ] {
        let scene = Scene::on(restriction, &[("GREENLINE_SANDBOX_COMMANDS", setting)]).await;
        let theirs = scene.terminal.file("theirs", "x").display().to_string();
        let escape = format!("if cat {theirs}; then echo got out; else echo kept in; fi");
        enqueue(&scene.bed.queue, "a", |spec| spec.validation = vec![escape]).await;
        until("the task's end", || {
            (scene.terminal.json(&["queue", "show", "a"])[0]["status"] == "success").then_some(())
        });
        let log = scene.terminal.run(&["queue", "log", "a"]).exits(0);
        assert!(log.out.contains(expected), "{restriction:?}, {setting}: {log:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_would_open_the_sandbox_are_refused() {
    let bed = TestBed::new().await;
    let wanted = Terminal::at(&bed).with("GREENLINE_SANDBOX_COMMANDS", "on");
    KernelRestriction::WithoutLandlock.run_under(|| {
        wanted
            .run(&["worker"])
            .exits(2)
            .prints(&["GREENLINE_SANDBOX_COMMANDS is on, and no sandbox"]);
    });
    let terminal = Terminal::at(&bed);
    let folder = terminal.folder().canonicalize().unwrap().display().to_string();
    let wide = terminal.with("GREENLINE_SANDBOX_READ", &folder);
    wide.run(&["worker"])
        .exits(2)
        .prints(&["GREENLINE_SANDBOX_READ names", "holds the workspaces"]);
}
