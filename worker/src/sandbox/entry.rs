//! The program that shuts itself in.
//!
//! With namespaces there are three processes:
//!
//! ```text
//! keeper   makes the namespaces; waits outside of them, where the worker can see it
//! init     the first process inside: builds the file tree, shuts itself in, adopts orphans
//! command
//! ```
//!
//! With Landlock alone there are two: the keeper adopts orphans itself. It is in a Landlock domain
//! around the command's, so its signals reach every process of the command and no other, and theirs
//! do not reach it. When the command has ended, one `kill(-1)` ends the rest, however fast it forks.
//!
//! Where the worker is root, the keeper stays root and init becomes the task's user once its file
//! tree stands; a root that may not make namespaces becomes it first. No command is ever root.
//!
//! The kernel ends everything inside when init ends, init ends with the command, and dies with the
//! keeper. A command killed by signal N is an exit with 128 + N here, as in any shell.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus};

use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{Pid, geteuid};

use super::plan::{Namespaces, Plan};
use super::{files, ipc, namespaces, privileges, root, seccomp};

type EntryResult<T> = std::result::Result<T, Box<dyn Error>>;

const OUTER: &str = "sandbox-exec";
const INNER: &str = "sandbox-init";
const COMMAND: &str = "sandbox-command";

/// The exit code when the sandbox could not be made. What it says then starts with [`FAILURE_MARK`].
pub const FAILED: i32 = 125;

/// The prefix of the message of a sandbox that could not be created.
pub const FAILURE_MARK: &str = "greenline sandbox: ";

/// Returns the arguments with which this program runs `command` by `plan`.
pub(super) fn arguments(plan: &Plan, command: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    // A plan holds numbers and paths of the settings, which are text.
    let plan = serde_json::to_string(plan).unwrap_or_default();
    [OsString::from(OUTER), plan.into()].into_iter().chain(command).collect()
}

/// Runs a command in the sandbox, if that is what this process was started for. To be called first
/// in `main`, while there is one thread.
#[must_use]
pub fn entry() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let verb = arguments.next()?;
    let stage: fn(&Plan, &OsStr, &[OsString]) -> EntryResult<i32> = match verb.to_str()? {
        OUTER => outer,
        INNER => inner,
        COMMAND => become_the_command,
        _ => return None,
    };
    let arguments: Vec<OsString> = arguments.collect();
    let code = run(stage, &arguments).unwrap_or_else(|error| {
        // The command's output is the only channel for this message.
        let _ = writeln!(std::io::stderr(), "{FAILURE_MARK}{error}");
        FAILED
    });
    Some(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

fn run(
    stage: fn(&Plan, &OsStr, &[OsString]) -> EntryResult<i32>,
    arguments: &[OsString],
) -> EntryResult<i32> {
    let [plan, command @ ..] = arguments else { return Err("no plan was given".into()) };
    let read: Plan = serde_json::from_slice(plan.as_encoded_bytes())
        .map_err(|error| format!("the plan can't be read: {error}"))?;
    stage(&read, plan, command)
}

/// The keeper.
///
/// Root prepares what only root can; other people's code runs after [`become_the_tasks_user`] alone.
fn outer(plan: &Plan, text: &OsStr, command: &[OsString]) -> EntryResult<i32> {
    privileges::raise_open_files();
    privileges::keep_limits(&plan.limits);
    privileges::give_up_new_ones()?;
    if let Some(user) = plan.user {
        privileges::hand_over_outputs(user)?;
    }
    match plan.namespaces {
        Namespaces::None => {
            privileges::limit_open_files(plan.limits.open_files);
            privileges::limit_threads(plan.limits.threads);
            become_the_tasks_user(plan)?;
            return keep_alone(text, command);
        }
        Namespaces::ByUser => become_the_tasks_user(plan)?,
        Namespaces::ByRoot => {}
    }
    namespaces::enter(plan)?;
    // Only now: entering them hands sockets over, which a low limit would make fail.
    privileges::limit_open_files(plan.limits.open_files);
    let mut init = Command::new("/proc/self/exe").arg(INNER).arg(text).args(command).spawn()?;
    // Only now: init would inherit it.
    block_polite_signals()?;
    Ok(code(init.wait()?))
}

/// The keeper without namespaces: ends and reaps all that the command leaves behind.
fn keep_alone(text: &OsStr, command: &[OsString]) -> EntryResult<i32> {
    privileges::drop_all()?;
    let signals_stay_inside = files::scope_signals()?;
    prctl::set_child_subreaper(true)?;
    let child = Command::new("/proc/self/exe").arg(COMMAND).arg(text).args(command).spawn()?;
    block_polite_signals()?;
    let code = adopt_until_ended(child.id().cast_signed())?;
    // Older kernels have no scope for signals: there the worker looks for the rest.
    if signals_stay_inside {
        // The kernel signals all in one go, so no process forks away from it.
        let _none_left = kill(Pid::from_raw(-1), Signal::SIGKILL);
        while wait().is_ok() {}
    }
    Ok(code)
}

/// The last step without namespaces.
fn become_the_command(plan: &Plan, _: &OsStr, command: &[OsString]) -> EntryResult<i32> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    shut_in(plan)?;
    let error = program(plan, command)?.exec();
    Err(format!("failed to become {command:?}: {error}").into())
}

/// The worker asks everyone to end; the keeper waits for the command.
fn block_polite_signals() -> EntryResult<()> {
    let polite = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];
    Ok(polite.into_iter().collect::<SigSet>().thread_block()?)
}

/// The first process inside of the namespaces.
fn inner(plan: &Plan, _: &OsStr, command: &[OsString]) -> EntryResult<i32> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    privileges::limit_threads(plan.limits.threads);
    root::change(plan)?;
    privileges::limit_process_numbers(plan.limits.threads);
    let ipc_is_limited = ipc::limit(plan.limits.memory_bytes);
    if plan.namespaces == Namespaces::ByRoot {
        become_the_tasks_user(plan)?;
        // A change of user forgets it.
        prctl::set_pdeathsig(Signal::SIGKILL)?;
    }
    shut_in(plan)?;
    if !ipc_is_limited {
        seccomp::restrict_ipc()?;
    }
    // Commands have the same user, and must not access init.
    prctl::set_dumpable(false)?;
    let child = program(plan, command)?.spawn()?;
    adopt_until_ended(child.id().cast_signed())
}

/// Leaves root for good. What is not root's own already stays as it is.
fn become_the_tasks_user(plan: &Plan) -> EntryResult<()> {
    match plan.user {
        Some(user) => privileges::become_user(user),
        None if geteuid().is_root() => Err("root was given no user to run this as".into()),
        None => Ok(()),
    }
}

/// What is the same with and without namespaces. From here on there is no way back.
fn shut_in(plan: &Plan) -> EntryResult<()> {
    privileges::drop_all()?;
    files::restrict(plan)?;
    seccomp::restrict(plan)
}

fn program(plan: &Plan, command: &[OsString]) -> EntryResult<Command> {
    let [program, arguments @ ..] = command else { return Err("no command was given".into()) };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(plan.work());
    Ok(command)
}

/// Reaps every ended process until the command ends.
fn adopt_until_ended(command: i32) -> EntryResult<i32> {
    loop {
        match wait()? {
            WaitStatus::Exited(pid, code) if pid.as_raw() == command => return Ok(code),
            WaitStatus::Signaled(pid, signal, _) if pid.as_raw() == command => {
                return Ok(128 + signal as i32);
            }
            _ => {}
        }
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(FAILED)
}
