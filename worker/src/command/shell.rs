//! Starting one command: `sh -c`, in a session of its own, with nothing of the worker's.
//!
//! Limits that the kernel keeps per process are set by a first shell, which then becomes the one
//! that runs the command: doing that between fork and exec would take unsafe code. A limit that
//! can't be set, because the worker itself runs under a lower one, stays at that lower one.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use tokio::process::Command;

use super::limits::Limits;
use super::process_tree::Tag;
use crate::sandbox::{KernelLimits, Outbound, Sandbox};
use crate::workspace::Workspace;

const SHELL: &str = "/bin/sh";

/// Threads that a run may have for each of its processes. The kernel counts both alike.
const THREADS_EACH: u64 = 4;

/// Where and how commands of one run start.
pub(super) struct Shell<'a> {
    pub(super) variables: &'a [(OsString, OsString)],
    pub(super) workspace: &'a Workspace,
    pub(super) limits: &'a Limits,
    pub(super) tag: Tag,
    /// What is around the command, and its network; nothing for the operator's own.
    pub(super) sandbox: Option<(&'a Sandbox, &'a Outbound)>,
    /// What the command's program begins with as its standard input.
    pub(super) stdin: Stdio,
}

impl Shell<'_> {
    pub(super) fn start(self, command: &str) -> io::Result<Box<dyn ChildWrapper>> {
        // Rust opens files close-on-exec; libraries, and whoever started the worker, may not.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        let mut shell = self.program(command);
        shell
            .env_clear()
            .envs(self.variables.iter().cloned())
            .current_dir(self.workspace.work())
            .stdin(self.stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let child = CommandWrap::from(shell).wrap(ProcessSession).spawn()?;
        // The outer wrapper would wait for the whole group, and reap what is not its to reap.
        Ok(child.into_inner())
    }

    fn program(&self, command: &str) -> Command {
        let Some((sandbox, outbound)) = self.sandbox else {
            let mut shell = Command::new(SHELL);
            shell.args(["-c", &self.preparation(), "sh", command]);
            return shell;
        };
        // The sandbox sets limits itself, before it takes away the right to.
        let (program, arguments) =
            sandbox.invocation(self.workspace, outbound, self.kernel_limits(), command);
        let mut sandboxed = Command::new(program);
        sandboxed.args(arguments);
        sandboxed
    }

    fn kernel_limits(&self) -> KernelLimits {
        KernelLimits {
            file_bytes: self.limits.file_bytes,
            open_files: self.limits.open_files,
            threads: self.limits.processes as u64 * THREADS_EACH,
            tag_bytes: self.tag.bytes(),
        }
    }

    fn preparation(&self) -> String {
        // The kernel, when it runs out of memory itself, should pick a command and not the worker.
        format!(
            "{{ ulimit -m {tag}; ulimit -c 0; ulimit -f {blocks}; ulimit -n {files}; \
             echo 500 >/proc/self/oom_score_adj; }} 2>/dev/null; \
             umask 022; exec {SHELL} -c -- \"$1\"",
            tag = self.tag.kibibytes(),
            blocks = self.limits.file_bytes.div_ceil(512),
            files = self.limits.open_files,
        )
    }
}
