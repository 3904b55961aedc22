//! The program itself, in real processes: started, signalled, read, and never
//! left behind.
//!
//! A [`Program`] is what is started and where; a [`Running`] is one process of
//! it. Both clean up when they go: a process is killed and reaped, and so is
//! whatever it had started, told by the folder's name in its environment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually;

/// A program, the folder that it runs in, and an environment with nothing else.
pub struct Program {
    file: PathBuf,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    started: AtomicUsize,
}

impl Program {
    /// A program that runs in `folder`, which has to be this test's alone.
    ///
    /// # Panics
    ///
    /// If there is no such folder.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>, folder: &Path) -> Self {
        let folder = folder.canonicalize().expect("a folder to run in");
        let path = std::env::var("PATH").unwrap_or_default();
        let home = folder.display().to_string();
        let environment = [("PATH", path), ("HOME", home)];
        let environment =
            environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { file: file.into(), folder, environment, started: AtomicUsize::new(0) }
    }

    /// The same with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The folder that it runs in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A call of it, for whoever wants something special.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.file);
        command.args(arguments).env_clear().envs(&self.environment).current_dir(&self.folder);
        command.stdin(Stdio::null());
        command
    }

    /// Calls it and waits for its end.
    ///
    /// # Panics
    ///
    /// If it can't be started.
    #[must_use]
    pub fn call(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program")
    }

    /// Starts it; what it prints goes to a log of its own.
    ///
    /// # Panics
    ///
    /// If it can't be started.
    #[must_use]
    pub fn start(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let name = arguments.first().unwrap_or(&"program");
        let log = self.folder.join(format!("{name}-{number}.log"));
        let out = File::create(&log).expect("a log");
        let err = out.try_clone().expect("the same log");
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied()).stdout(out).stderr(err);
        Running { child: command.spawn().expect("the program"), log }
    }

    /// The processes that live and were started in this folder, or by one that
    /// was.
    #[must_use]
    pub fn processes(&self) -> Vec<i32> {
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| self.has_started(*pid)).collect()
    }

    /// Its own home is the folder, and that of a task's commands is below it.
    fn has_started(&self, pid: i32) -> bool {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&self.folder.display().to_string())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        for pid in self.processes() {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// A process of a [`Program`], killed and reaped with its handle. If that is
/// because the test fails, the end of its log is shown.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let _gone = kill(Pid::from_raw(self.pid().cast_signed()), signal);
    }

    /// Kills it as a crash would; it is gone when this returns.
    pub fn kill(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    ///
    /// If the system does not say.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of a child")
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn end(&mut self) -> ExitStatus {
        let mut ended = None;
        eventually("the end of a process", async || {
            ended = self.has_ended();
            ended.is_some()
        })
        .await;
        ended.expect("an end")
    }

    /// Asks it to stop, and waits until it has: its exit code.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.end().await.code()
    }

    /// What it has printed so far.
    #[must_use]
    pub fn said(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it has printed `text`; the rest of that line.
    ///
    /// # Panics
    ///
    /// If it ends before, or never says so.
    pub async fn says(&mut self, text: &str) -> String {
        let mut rest = None;
        eventually(text, async || {
            let ended = self.has_ended();
            let said = self.said();
            rest = said.lines().find_map(|line| Some(line.split_once(text)?.1.to_owned()));
            assert!(rest.is_some() || ended.is_none(), "it ended without {text:?}: {said}");
            rest.is_some()
        })
        .await;
        rest.expect("a line")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            show_end(&self.log);
        }
    }
}

#[expect(clippy::print_stderr, reason = "whoever reads a failed test wants to know")]
fn show_end(log: &Path) {
    let said = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = said.lines().collect();
    let end = lines[lines.len().saturating_sub(15)..].join("\n");
    eprintln!("--- the end of {}\n{end}", log.display());
}
