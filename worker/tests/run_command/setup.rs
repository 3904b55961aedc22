//! One test's runner and workspaces, with a word that all its processes carry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use greenline_worker::command::{
    Cancellation, CommandJob, CommandLimits, CommandList, CommandReport, CommandRunner,
    Confinement, Delegation, Environment, OutputEvent, OutputLog, OutputReader, OutputStream,
    RunError,
};
use greenline_worker::workspace::{RoomLimits, TaskAttempt, WorkerName, Workspace, Workspaces};
use tempfile::TempDir;

/// Long enough for a loaded machine; reached only by a test that fails.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Bed {
    root: TempDir,
    runner: CommandRunner,
    pub(crate) workspace: Workspace,
    pub(crate) limits: CommandLimits,
    pub(crate) cancellation: Cancellation,
    pub(crate) confinement: Confinement,
    number: u64,
}

impl Bed {
    pub(crate) async fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = u64::from(process::id()) * 1000 + COUNT.fetch_add(1, Ordering::Relaxed);
        let root = tempfile::tempdir().unwrap();
        let owner = WorkerName::new("tester").unwrap();
        let room = RoomLimits { total_bytes: u64::MAX, free_bytes: 0 };
        let workspaces = Workspaces::open(root.path(), &owner, room).unwrap();
        let attempt = TaskAttempt::new(&format!("task-{number}"), 7).unwrap();
        let workspace = workspaces.create(attempt).await.unwrap();
        let runner = CommandRunner::new(Environment::default()).unwrap();
        let limits = CommandLimits {
            time: DEADLINE,
            grace: Duration::from_millis(200),
            ..CommandLimits::default()
        };
        Self {
            root,
            runner,
            workspace,
            limits,
            cancellation: Cancellation::new(),
            confinement: Confinement::Open,
            number,
        }
    }

    /// Gives its runs control groups, in a directory that imitates one.
    pub(crate) fn in_groups(&mut self) {
        let mount = self.groups();
        fs::create_dir(&mount).unwrap();
        fs::write(mount.join("cgroup.controllers"), "memory pids\n").unwrap();
        fs::write(mount.join("cgroup.procs"), format!("{}\n", process::id())).unwrap();
        let groups = Delegation::take_in(&mount, "0::/\n").unwrap();
        self.runner = self.runner.clone().with_groups(Some(groups));
    }

    /// What was written to join each run's group.
    pub(crate) fn joined(&self) -> Vec<String> {
        let all = fs::read_dir(self.groups()).unwrap().filter_map(Result::ok);
        let runs = all.filter(|dir| dir.file_name().to_string_lossy().starts_with("run-"));
        runs.map(|dir| fs::read_to_string(dir.path().join("cgroup.procs")).unwrap()).collect()
    }

    fn groups(&self) -> PathBuf {
        self.root.path().join("groups")
    }

    /// A command that runs until it is killed, and that no other test has.
    pub(crate) fn sleeper(&self) -> String {
        format!("sleep {}", self.number + 1_000_000_000)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.workspace.work().join(name)
    }

    pub(crate) async fn run(&self, setup: &[&str], validation: &[&str]) -> CommandReport {
        self.run_logged(setup, validation).await.0
    }

    pub(crate) async fn run_logged(
        &self,
        setup: &[&str],
        validation: &[&str],
    ) -> (CommandReport, Vec<OutputEvent>) {
        let (log, reader) = OutputLog::new();
        let reading = tokio::spawn(read_all(reader));
        let report = self.run_into(log, setup, validation).await;
        (report, reading.await.unwrap())
    }

    pub(crate) async fn run_into(
        &self,
        output: OutputLog,
        setup: &[&str],
        validation: &[&str],
    ) -> CommandReport {
        self.try_run(output, setup, validation).await.unwrap()
    }

    pub(crate) async fn try_run(
        &self,
        output: OutputLog,
        setup: &[&str],
        validation: &[&str],
    ) -> Result<CommandReport, RunError> {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let commands = CommandList::new(owned(setup), owned(validation)).unwrap();
        let job = CommandJob {
            commands: &commands,
            workspace: &self.workspace,
            limits: self.limits,
            output,
            cancellation: &self.cancellation,
            confinement: &self.confinement,
            variables: &[],
            input: None,
        };
        let report = tokio::time::timeout(DEADLINE * 2, self.runner.run(job)).await;
        self.assert_nothing_left();
        report.expect("the run ends")
    }

    /// Runs `validation` and does `then` beside it.
    pub(crate) async fn run_beside<F: Future<Output = ()>>(
        &self,
        validation: &str,
        then: F,
    ) -> CommandReport {
        let commands = [validation];
        tokio::join!(self.run(&[], &commands), then).0
    }

    pub(crate) fn assert_nothing_left(&self) {
        let left: Vec<String> = self.processes().iter().map(|pid| describe(pid)).collect();
        assert!(left.is_empty(), "left behind: {left:#?}");
    }

    /// Processes that carry this test's word in their arguments or their environment.
    pub(crate) fn processes(&self) -> Vec<String> {
        let words = [self.sleeper().replace(' ', "\0"), self.root.path().display().to_string()];
        let names = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let pids = names
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        pids.filter(|pid| {
            ["cmdline", "environ"].iter().any(|file| {
                let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes);
                words.iter().any(|word| text.contains(word.as_str()))
            })
        })
        .collect()
    }
}

pub(crate) async fn read_all(mut reader: OutputReader) -> Vec<OutputEvent> {
    let mut all = Vec::new();
    while let Some(events) = reader.next().await {
        all.extend(events);
    }
    all
}

/// Everything that command `which` wrote to `wanted`.
pub(crate) fn written(events: &[OutputEvent], which: usize, wanted: OutputStream) -> Vec<u8> {
    let mut all = Vec::new();
    for event in events {
        if let OutputEvent::Written { command, stream, bytes } = event
            && (*command, *stream) == (which, wanted)
        {
            all.extend(bytes);
        }
    }
    all
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn until_written(path: &Path) {
    until(&path.display().to_string(), || path.metadata().is_ok_and(|file| file.len() > 0)).await;
}

/// Whether a process, alive or zombie, has the pid that a command wrote into `path`.
pub(crate) fn exists(path: &Path) -> bool {
    let pid = fs::read_to_string(path).unwrap();
    Path::new("/proc").join(pid.trim()).exists()
}

fn describe(pid: &str) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let arguments = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!("{} {:?}", stat.trim(), arguments)
}
