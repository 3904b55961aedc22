//! A Redis, workers, leads and a folder, all of one test alone.
//!
//! Tasks are commands that first note in a file that they run, so that runs can be counted: each
//! line is `id/fence`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use greenline_queue::{QueueOptions, TaskId, TaskSpec};
use greenline_testbed::{BedOptions, Program, Running, TestBed, eventually};

use crate::oracle::Oracle;

/// Short enough to be waited for, long enough for a machine with much to do.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// Everything that one story needs.
pub(crate) struct TestCluster {
    pub(crate) program: Program,
    pub(crate) bed: TestBed,
    /// Workers that were killed: what they could not clear away is not their fault.
    killed: Vec<u32>,
}

impl TestCluster {
    /// With leases that are short, for workers that are killed or stopped.
    pub(crate) async fn new() -> Self {
        Self::with(BedOptions::default(), &[]).await
    }

    /// The same on this ground and with these settings besides.
    pub(crate) async fn with(mut options: BedOptions, settings: &[(&str, &str)]) -> Self {
        options.options = QueueOptions { lease: LEASE, ..options.options };
        let settings = [&[("GREENLINE_LEASE", "3s"), ("GREENLINE_HEARTBEAT", "500ms")], settings];
        Self::on(options, &settings.concat()).await
    }

    /// With the usual leases, for stories in which no worker dies: whatever runs twice there
    /// should not have.
    pub(crate) async fn steady(options: BedOptions) -> Self {
        Self::on(options, &[]).await
    }

    async fn on(options: BedOptions, settings: &[(&str, &str)]) -> Self {
        let bed = TestBed::on(options).await;
        let folder = bed.folder().join("house");
        fs::create_dir(&folder).unwrap();
        let mut program = Program::new(env!("CARGO_BIN_EXE_greenline"), &folder)
            .with("GREENLINE_STATE_DIR", &folder.join("state").display().to_string())
            .with("GREENLINE_LISTEN", "127.0.0.1:0")
            .with("GREENLINE_OPERATOR_TOKEN", OPERATOR)
            .with("GREENLINE_RETRY_BACKOFF", "100ms")
            .with("GREENLINE_SLOTS", "3")
            .with("GREENLINE_GRACE", "20s")
            .with("REDIS_URL", &bed.redis.url());
        for (name, value) in settings {
            program = program.with(name, value);
        }
        Self { program, bed, killed: vec![] }
    }

    /// Starts a worker and waits until it takes tasks.
    pub(crate) async fn worker(&self) -> Running {
        self.worker_with(&[]).await
    }

    /// The same with more settings.
    pub(crate) async fn worker_with(&self, settings: &[(&str, &str)]) -> Running {
        let mut worker = self.program.start(&["worker"], settings);
        worker.wait_for_output("takes tasks").await;
        worker
    }

    /// Starts so many workers.
    pub(crate) async fn workers(&self, count: usize) -> Vec<Running> {
        let mut workers = Vec::with_capacity(count);
        for _ in 0..count {
            workers.push(self.worker().await);
        }
        workers
    }

    /// Starts a lead, and waits until it answers; where it does.
    pub(crate) async fn lead(&self) -> (Running, String) {
        let mut lead = self.program.start(&["lead"], &[]);
        let address = lead.wait_for_output("answers at http://").await;
        let address = address.split(' ').next().unwrap().to_owned();
        (lead, address)
    }

    /// Kills a worker as a crash would.
    pub(crate) fn kill(&mut self, worker: &mut Running) {
        self.killed.push(worker.pid());
        worker.kill();
    }

    /// Starts Redis again, on what it had written.
    pub(crate) async fn restart_redis(&mut self) {
        self.bed.redis.restart().unwrap();
        let store = self.bed.queue.store();
        eventually("a new connection", async || store.facts().await.is_ok()).await;
    }

    /// A task that notes that it runs, then does `work`.
    pub(crate) fn task(&self, id: &str, work: &str) -> TaskSpec {
        let noted = format!("echo \"$GREENLINE_TASK\" >> {}", self.notes().display());
        TaskSpec::command(id.parse().unwrap(), [format!("{noted}; {work}")])
    }

    /// Enqueues such a task.
    pub(crate) async fn enqueue(&self, id: &str, work: &str) {
        self.file(self.task(id, work)).await;
    }

    /// Enqueues `count` such tasks; their ids.
    pub(crate) async fn enqueue_many(&self, prefix: &str, count: usize, work: &str) -> Vec<String> {
        let ids: Vec<String> = (0..count).map(|number| format!("{prefix}-{number}")).collect();
        let tasks = ids.iter().map(|id| self.task(id, work).build().unwrap()).collect();
        let filed = self.bed.queue.enqueue_many(tasks).await.unwrap();
        assert!(filed.iter().all(|one| one.is_accepted()), "{filed:?}");
        ids
    }

    /// Enqueues a task.
    pub(crate) async fn file(&self, spec: TaskSpec) {
        let filed = self.bed.queue.enqueue(spec.build().unwrap()).await.unwrap();
        assert!(filed.is_accepted(), "{filed}");
    }

    fn notes(&self) -> PathBuf {
        self.program.folder().join("notes")
    }

    /// How often each task has begun to run.
    pub(crate) fn runs(&self) -> BTreeMap<String, usize> {
        let mut runs = BTreeMap::new();
        for line in fs::read_to_string(self.notes()).unwrap_or_default().lines() {
            let (id, _fence) = line.split_once('/').unwrap();
            *runs.entry(id.to_owned()).or_default() += 1;
        }
        runs
    }

    /// Waits until a task has begun to run so often.
    pub(crate) async fn has_run(&self, id: &str, times: usize) {
        eventually(&format!("run {times} of {id}"), async || {
            self.runs().get(id).is_some_and(|runs| *runs >= times)
        })
        .await;
    }

    /// How many tasks have ended.
    pub(crate) async fn ended(&self) -> usize {
        let done: usize = self.bed.redis("ZCARD agent:tasks:done").await;
        let dead: usize = self.bed.redis("ZCARD agent:tasks:dead").await;
        done + dead
    }

    /// Waits until so many tasks have ended.
    pub(crate) async fn have_ended(&self, count: usize) {
        eventually(&format!("the end of {count} tasks"), async || self.ended().await >= count)
            .await;
    }

    /// Who runs a task, by process.
    pub(crate) async fn runner(&self, id: &str) -> Option<u32> {
        let id: TaskId = id.parse().unwrap();
        let record = self.bed.queue.record(&id).await.unwrap()?;
        let worker = record.worker_id.filter(|_| record.status == "running")?;
        worker.rsplit('-').nth(1)?.parse().ok()
    }

    /// Stops daemons as their manager would, and looks whether all is as it should be: these
    /// tasks have ended, in one state each, and nothing is left over.
    pub(crate) async fn close(self, daemons: Vec<Running>, states: &[(&str, &[String])]) {
        let mut daemons = daemons;
        if !self.killed.is_empty() {
            // Whoever comes after a dead worker clears away what that left.
            daemons.push(self.worker().await);
        }
        for daemon in &daemons {
            daemon.signal(nix::sys::signal::Signal::SIGTERM);
        }
        for daemon in &mut daemons {
            assert_eq!(daemon.end().await.code(), Some(0), "{}", daemon.output());
            assert!(!daemon.output().contains("panicked"), "{}", daemon.output());
        }
        Oracle::of(&self.bed).assert_over(&self.killed, states).await;
        let left = self.program.processes();
        assert!(left.is_empty(), "processes that outlived their worker: {left:?}");
        self.assert_no_workspaces();
    }

    fn assert_no_workspaces(&self) {
        let root = self.program.folder().join(".greenline/workspaces");
        let left: Vec<PathBuf> = fs::read_dir(root)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        assert!(left.is_empty(), "workspaces that outlived their worker: {left:?}");
    }
}

/// Opens the leads' doors.
pub(crate) const OPERATOR: &str = "the-operator-of-this-test-and-no-other";
