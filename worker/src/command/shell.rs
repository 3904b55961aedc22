//! Starts one command: `sh -c`, in a separate session, with nothing of the worker's.
//!
//! A first shell sets the kernel's per-process limits, and then becomes the one that runs the
//! command: setting them between fork and exec would take unsafe code. If the worker itself runs
//! under a lower limit, that one stays.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{OwnedFd, RawFd};
use std::process::Stdio;

use command_fds::{CommandFdExt, FdMapping};
use greenline_runtime::settings::Secret;
use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use tokio::process::Command;

use super::cgroup::{self, Group};
use super::limits::CommandLimits;
use super::process_tree::Tag;
use crate::sandbox::{KernelLimits, Outbound, Sandbox};
use crate::workspace::Workspace;

/// Where a command finds the line that it is given. Its standard input is empty, always.
const INPUT: RawFd = 9;

const SHELL: &str = "/bin/sh";

/// Threads per process of a run. The kernel counts both alike.
const THREADS_EACH: u64 = 4;

/// The settings with which commands of one run start.
pub(super) struct Shell<'a> {
    pub(super) variables: &'a [(OsString, OsString)],
    pub(super) workspace: &'a Workspace,
    pub(super) limits: &'a CommandLimits,
    pub(super) tag: Tag,
    /// The sandbox and its network; `None` for the operator's own commands.
    pub(super) sandbox: Option<(&'a Sandbox, &'a Outbound)>,
    /// What the command's program begins with as its standard input.
    pub(super) stdin: Stdio,
    /// A line that it finds at descriptor [`INPUT`].
    pub(super) input: Option<&'a Secret>,
    /// The control group that it joins.
    pub(super) group: Option<&'a Group>,
}

impl Shell<'_> {
    pub(super) fn start(self, command: &str) -> io::Result<Box<dyn ChildWrapper>> {
        // Rust opens files close-on-exec; libraries and the worker's parent may not.
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
        if let Some(line) = self.input {
            let input = FdMapping { parent_fd: line_on_a_pipe(line)?, child_fd: INPUT };
            shell.fd_mappings(vec![input]).map_err(io::Error::other)?;
        }
        let child = CommandWrap::from(shell).wrap(ProcessSession).spawn()?;
        // The outer wrapper would wait for the whole group, and reap foreign processes.
        Ok(child.into_inner())
    }

    fn program(&self, command: &str) -> Command {
        let Some((sandbox, outbound)) = self.sandbox else {
            let mut shell = Command::new(SHELL);
            shell.args(["-c", &self.preparation(), "sh", command]);
            shell.args(self.group.map(Group::procs));
            return shell;
        };
        // The sandbox sets the limits itself, before it gives up the right to.
        let (program, arguments) =
            sandbox.invocation(self.workspace, outbound, self.kernel_limits(), command);
        let arguments = match self.group {
            Some(group) => cgroup::joining(&group.procs(), arguments),
            None => arguments,
        };
        let mut sandboxed = Command::new(program);
        sandboxed.args(arguments);
        sandboxed
    }

    fn kernel_limits(&self) -> KernelLimits {
        KernelLimits {
            file_bytes: self.limits.file_bytes,
            memory_bytes: self.limits.memory_bytes,
            open_files: self.limits.open_files,
            threads: threads(self.limits),
            tag_bytes: self.tag.bytes(),
        }
    }

    fn preparation(&self) -> String {
        // If the kernel runs out of memory, it should pick a command, not the worker.
        format!(
            "{{ ulimit -m {tag}; ulimit -c 0; ulimit -f {blocks}; ulimit -n {files}; \
             echo 500 >/proc/self/oom_score_adj; \
             test -z \"$2\" || echo 0 >\"$2\"; }} 2>/dev/null; \
             umask 022; exec {SHELL} -c -- \"$1\"",
            tag = self.tag.kibibytes(),
            blocks = self.limits.file_bytes.div_ceil(512),
            files = self.limits.open_files,
        )
    }
}

/// Processes and threads that a run may have.
pub(super) fn threads(limits: &CommandLimits) -> u64 {
    limits.processes as u64 * THREADS_EACH
}

/// A pipe that holds one line and then ends. Whoever reads the line takes it away: it stands in no
/// environment, no file and no argument.
fn line_on_a_pipe(line: &Secret) -> io::Result<OwnedFd> {
    // Every pipe has room for this much, so that nobody is waited for.
    const ROOM: usize = 4096;
    if line.expose().len() >= ROOM {
        return Err(io::Error::other("the line for a command is longer than 4095 bytes"));
    }
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(format!("{}\n", line.expose()).as_bytes())?;
    Ok(reader.into())
}
