//! The program itself, in real processes: started, signalled, read, and never left behind.
//!
//! A [`Program`] describes the program and its folder; a [`Running`] is one process of it. Both
//! clean up on drop: they kill and reap the process and all its descendants, which the folder's
//! name in the environment identifies.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually;

/// A program, its working folder, and an otherwise empty environment.
pub struct Program {
    file: PathBuf,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    started: AtomicUsize,
}

impl Program {
    /// Describes a program that runs in `folder`, which must belong to this test alone.
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

    /// Adds a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Returns the working folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a command for callers with special needs.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.file);
        command.args(arguments).env_clear().envs(&self.environment).current_dir(&self.folder);
        command.stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    ///
    /// If it can't be started.
    #[must_use]
    pub fn call(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program")
    }

    /// Starts it with its output in a separate log.
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

    /// Returns the living processes that were started in this folder, and their descendants.
    #[must_use]
    pub fn processes(&self) -> Vec<i32> {
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| self.has_started(*pid)).collect()
    }

    /// The program's own home is the folder, and the home of a task's commands is below it.
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

/// A process of a [`Program`]; dropping it kills and reaps the process. If the test fails, the end
/// of its log is printed.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let _gone = kill(Pid::from_raw(self.pid().cast_signed()), signal);
    }

    /// Kills it like a crash; the process is gone on return.
    pub fn kill(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }

    /// Returns its exit status, if it has ended.
    ///
    /// # Panics
    ///
    /// If the system does not report it.
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

    /// Asks it to stop, waits for its end, and returns its exit code.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.end().await.code()
    }

    /// Returns its output so far.
    #[must_use]
    pub fn output(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it has printed `text`, and returns the rest of that line.
    ///
    /// # Panics
    ///
    /// If it ends before, or never prints it.
    pub async fn wait_for_output(&mut self, text: &str) -> String {
        let mut rest = None;
        eventually(text, async || {
            let ended = self.has_ended();
            let printed = self.output();
            rest = printed.lines().find_map(|line| Some(line.split_once(text)?.1.to_owned()));
            assert!(rest.is_some() || ended.is_none(), "it ended without {text:?}: {printed}");
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
    let printed = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = printed.lines().collect();
    let end = lines[lines.len().saturating_sub(15)..].join("\n");
    eprintln!("--- the end of {}\n{end}", log.display());
}
