//! Two signals to a real process: the first drains, the second interrupts.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use greenline_runtime::shutdown::Shutdown;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Set for the copy of this test that is to receive signals.
const IS_CHILD: &str = "STOPPING_TEST_CHILD";

/// The process under test, in its own words.
#[tokio::main(flavor = "current_thread")]
async fn child() {
    let stop = Shutdown::new();
    let say = |line: &str| {
        println!("{line}");
        std::io::stdout().flush().unwrap();
    };
    let signals = stop.on_signals(|step| say(&format!("heard {step:?}"))).unwrap();
    say("ready");
    let life = async {
        stop.drain.cancelled().await;
        say("draining");
        stop.interrupt.cancelled().await;
        say("interrupted");
    };
    tokio::select! {
        () = life => {}
        never = signals => match never {},
    }
}

struct Process {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "two_signals_stop_a_process_in_two_steps", "--nocapture"])
            .env(IS_CHILD, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Reads on until the process has said this; fails if it ends without.
    fn message(&mut self, expected: &str) {
        let found = self.lines.by_ref().any(|line| line.unwrap().ends_with(expected));
        assert!(found, "the process ended without saying {expected:?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn two_signals_stop_a_process_in_two_steps() {
    if std::env::var_os(IS_CHILD).is_some() {
        return child();
    }
    for (first, second) in [(Signal::SIGTERM, Signal::SIGTERM), (Signal::SIGINT, Signal::SIGTERM)] {
        let mut process = Process::start();
        process.message("ready");
        process.signal(first);
        process.message("draining");
        assert!(process.child.try_wait().unwrap().is_none(), "it must not end at the first signal");
        process.signal(second);
        process.message("interrupted");
        assert!(process.child.wait().unwrap().success());
    }
}
