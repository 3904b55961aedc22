//! One run, from its first command to the end of its last process.

use std::borrow::Cow;
use std::ffi::OsString;
use std::future::{Future, ready};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::pin::{Pin, pin};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use greenline_runtime::privacy::{self, PrivacyError};
use greenline_runtime::settings::Secret;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use process_wrap::tokio::ChildWrapper;
use tokio::select;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, timeout};

use super::cancellation::Cancellation;
use super::cgroup::{Delegation, Group};
use super::command_list::{CommandList, Phase};
use super::confinement::Confinement;
use super::environment::Environment;
use super::limits::CommandLimits;
use super::output::{OutputLog, OutputStream};
use super::process_tree::ProcessTree;
use super::pump::{Destination, Pump};
use super::report::{CommandReport, CommandRun, ProcessExit, RunOutcome};
use super::shell::{self, Shell};
use super::shortage::Runs;
use super::tail::Tail;
use super::watch::{self, Watched};
use crate::egress::{self, Egress};
use crate::handler::with_causes;
use crate::sandbox::{FAILED, FAILURE_MARK, Outbound};
use crate::task_user::NoTaskUser;
use crate::workspace::Workspace;

/// The wait for results that should be there already when every process is dead.
const AFTERMATH: Duration = Duration::from_secs(1);

/// The wait of a run that has no user of its own, before the worker may hand it back.
const USER_PAUSE: Duration = Duration::from_secs(2);

/// The reason why this process can't run commands at all.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// Orphans would escape.
    #[error("failed to become the one who adopts orphans (prctl PR_SET_CHILD_SUBREAPER)")]
    Adopt(#[source] Errno),
    /// Commands of the same user could read the worker's memory and environment.
    #[error(transparent)]
    Close(#[from] PrivacyError),
}

/// The reason why a run ended without a report, through no fault of its commands. Another attempt
/// may succeed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The shell did not start.
    #[error("failed to start a shell in {directory}")]
    Start {
        /// The directory in which it was to start.
        directory: String,
        #[source]
        source: io::Error,
    },
    /// The task has no user to run as.
    #[error("failed to give the task a user of its own")]
    User(#[source] NoTaskUser),
    /// The sandbox could not be made, so the command did not run.
    #[error("{0}")]
    Sandbox(String),
    /// The shell ran, and the system did not report its end.
    #[error("failed to learn how a command ended")]
    Wait(#[source] io::Error),
    /// Something that a command left in its sandbox survives SIGKILL: the next command would not
    /// be alone.
    #[error("processes that an earlier command left in its sandbox can't be ended")]
    LeftBehind,
}

impl RunError {
    /// Returns `true` if the worker has no user for the task now, and another one may be free
    /// later: the task did not begin.
    pub(crate) fn is_shortage_of_users(&self) -> bool {
        matches!(self, Self::User(NoTaskUser::NoneFree(_)))
    }
}

/// Runs commands for any number of tasks at once.
#[derive(Debug, Clone)]
pub struct CommandRunner {
    environment: Arc<Environment>,
    runs: Arc<Runs>,
    groups: Option<Arc<Delegation>>,
}

/// One task's commands with their environment.
#[derive(Debug)]
pub struct CommandJob<'a> {
    pub commands: &'a CommandList,
    /// Also identifies the attempt.
    pub workspace: &'a Workspace,
    pub limits: CommandLimits,
    /// Receives the output.
    pub output: OutputLog,
    /// Stops the run.
    pub cancellation: &'a Cancellation,
    /// The isolation of the commands.
    pub confinement: &'a Confinement,
    /// Additional variables of this job's commands.
    pub variables: &'a [(&'a str, String)],
    /// A line that each command finds at descriptor 9, to be read once; without it that is closed.
    pub input: Option<&'a Secret>,
}

impl CommandRunner {
    /// Prepares this process for running commands, for as long as it lives: it adopts whoever is
    /// orphaned below it, and is not *dumpable*, so that commands of the same user can't read its
    /// variables and open files in /proc. At each start all its open files are marked as not to be
    /// inherited.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new(environment: Environment) -> Result<Self, RunnerError> {
        prctl::set_child_subreaper(true).map_err(RunnerError::Adopt)?;
        privacy::close()?;
        Ok(Self { environment: Arc::new(environment), runs: Arc::default(), groups: None })
    }

    /// Gives each run a control group of its own in there.
    #[must_use]
    pub fn with_groups(self, groups: Option<Delegation>) -> Self {
        Self { groups: groups.map(Arc::new), ..self }
    }

    /// Runs a task's commands. When this returns, or is dropped, none of their processes lives.
    ///
    /// # Errors
    ///
    /// When the worker itself failed. A command's failure is never an error.
    pub async fn run(&self, job: CommandJob<'_>) -> Result<CommandReport, RunError> {
        if let Some(sandbox) = job.confinement.sandbox() {
            let prepared = sandbox.prepare(job.workspace).await.map_err(RunError::User);
            if let Err(error) = prepared {
                if error.is_shortage_of_users() {
                    tracing::warn!(cause = with_causes(&error), "A task has to wait for a user id");
                    // Whoever hands it back at once would claim it again at once.
                    let _stopped = timeout(USER_PAUSE, job.cancellation.cancelled()).await;
                }
                return Err(error);
            }
        }
        let tree = ProcessTree::new(job.workspace.attempt().to_string());
        let watched = Arc::new(Watched {
            members: Arc::clone(tree.members()),
            workspace: job.workspace.path().to_owned(),
            limits: job.limits,
            entry: self.runs.enter(),
        });
        let end = reason_to_end(&job, Arc::clone(&watched));
        let run = RunningCommands {
            variables: self.environment.of_run_in(job.workspace, job.variables),
            job: &job,
            group: self.group(&tree, &job.limits),
            tree,
            watched,
            end: pin!(end),
            background: JoinSet::new(),
            commands: Vec::new(),
        };
        run.into_report().await
    }

    /// Without a group, the other bounds have to do.
    fn group(&self, tree: &ProcessTree, limits: &CommandLimits) -> Option<Group> {
        let name = tree.members().tag().kibibytes().to_string();
        let group = self.groups.as_ref()?.group(&name, limits, shell::threads(limits));
        group.inspect_err(|error| tracing::warn!(%error, "Failed to make a run's group")).ok()
    }
}

/// Waits for anything that ends a run before its commands do.
async fn reason_to_end(job: &CommandJob<'_>, watched: Arc<Watched>) -> RunOutcome {
    let CommandJob { limits, cancellation, .. } = job;
    select! {
        biased;
        reason = cancellation.cancelled() => RunOutcome::Cancelled { reason },
        () = sleep(limits.time) => RunOutcome::TimedOut { limit_ms: millis(limits.time) },
        outcome = watch::breach(watched) => outcome,
    }
}

struct RunningCommands<'a, 'p, E> {
    job: &'a CommandJob<'a>,
    variables: Vec<(OsString, OsString)>,
    tree: ProcessTree,
    group: Option<Group>,
    watched: Arc<Watched>,
    end: Pin<&'p mut E>,
    /// Pumps of ended commands, for processes that these left in the background.
    background: JoinSet<()>,
    commands: Vec<CommandRun>,
}

/// The end of one command, and its cause if that was not the command itself.
struct CommandEnd {
    ended: ProcessExit,
    cause: Option<RunOutcome>,
}

/// A running command, its output, and the service of its network.
type StartedCommand = (Box<dyn ChildWrapper>, Pump, Option<egress::Service>);

impl<E: Future<Output = RunOutcome>> RunningCommands<'_, '_, E> {
    async fn into_report(mut self) -> Result<CommandReport, RunError> {
        let outcome = self.run_all().await;
        // Also after an error or a success: a process may run in the background.
        self.tree.end(self.job.limits.grace).await;
        // Whoever hid from the look at the tree is still of the task's user.
        self.job.workspace.end_processes().await;
        if let Some(group) = self.group.take() {
            let _gone = spawn_blocking(move || drop(group)).await;
        }
        // All writers are dead, unless a pipe was passed to a foreign process.
        let closing = async { while self.background.join_next().await.is_some() {} };
        let _ = timeout(AFTERMATH, closing).await;
        Ok(CommandReport { outcome: outcome?, commands: self.commands })
    }

    async fn run_all(&mut self) -> Result<RunOutcome, RunError> {
        for (phase, command) in self.job.commands.iter() {
            // Starts nothing for a run that must end already.
            select! {
                biased;
                outcome = &mut self.end => return Ok(outcome),
                () = ready(()) => {}
            }
            if let Err(error) = self.job.workspace.check() {
                tracing::warn!(cause = with_causes(&error), "A task replaced its workspace");
                return Ok(RunOutcome::WorkspaceReplaced);
            }
            if let Some(outcome) = self.run_one(phase, command).await? {
                return Ok(outcome);
            }
            // What `setup` leaves running has `setup`'s network, and would lend it to what follows.
            let sandboxed = self.job.confinement.during(phase).is_some();
            if sandboxed && !self.clear().await {
                return Err(RunError::LeftBehind);
            }
            // A command that ends between two looks may leave more than its workspace may hold.
            if let Some(outcome) = self.look_at_disk().await {
                return Ok(outcome);
            }
        }
        Ok(RunOutcome::Passed)
    }

    /// Ends all that the commands so far have left running.
    async fn clear(&self) -> bool {
        if let Some(group) = &self.group {
            group.kill();
        }
        // A process that hid from the look at the tree still belongs to the task's user.
        self.job.workspace.end_processes().await;
        self.tree.clear().await
    }

    /// Runs one command. Returns the run's outcome if it ends with this command.
    async fn run_one(
        &mut self,
        phase: Phase,
        command: &str,
    ) -> Result<Option<RunOutcome>, RunError> {
        let which = self.commands.len();
        let begun = Instant::now();
        let (mut child, mut pump, _relay) = self.start(which, phase, command)?;
        let end = pump.run_while(self.wait_or_end(&mut *child)).await?;
        pump.drain();
        let (tail, truncated_bytes) = pump.tail();
        self.background.spawn(pump.run_to_end());
        let sandboxed = self.job.confinement.during(phase).is_some() || self.group.is_some();
        if let Some(why) = failure_of_sandbox(end.ended, &tail).filter(|_| sandboxed) {
            return Err(RunError::Sandbox(why.to_owned()));
        }
        self.commands.push(CommandRun {
            command: command.to_owned(),
            phase,
            ended: end.ended,
            duration_ms: millis(begun.elapsed()),
            tail,
            truncated_bytes,
        });
        Ok(match end {
            CommandEnd { cause: Some(outcome), .. } => Some(outcome),
            CommandEnd { ended: ProcessExit::ExitCode(0), .. } => None,
            CommandEnd { .. } => Some(self.cause_of_failure(which).await),
        })
    }

    fn start(&self, which: usize, phase: Phase, command: &str) -> Result<StartedCommand, RunError> {
        let CommandJob { workspace, limits, output, .. } = self.job;
        let failed =
            |source| RunError::Start { directory: workspace.work().display().to_string(), source };
        let members = self.tree.members();
        let tag = members.tag();
        let sandbox = self.job.confinement.during(phase);
        let (stdin, relay, variables) = match sandbox {
            Some((_, Outbound::Hosts(hosts))) => {
                let (channel, relay) = self.relay(which, hosts).map_err(failed)?;
                (Stdio::from(channel), Some(relay), Cow::Owned(self.without_proxies()))
            }
            _ => (Stdio::null(), None, Cow::Borrowed(self.variables.as_slice())),
        };
        let shell = Shell {
            variables: &variables,
            workspace,
            limits,
            tag,
            sandbox,
            stdin,
            input: self.job.input,
            group: self.group.as_ref(),
        };
        let to = Destination {
            command: which,
            tail: Tail::new(limits.tail_bytes),
            log: output.clone(),
            log_limit: limits.log_bytes,
        };
        let started = members.start(sandbox.is_some(), || {
            let child = shell.start(command)?;
            let pid = child.id();
            Ok((child, pid))
        });
        let piped = started.and_then(|mut child| {
            let pump = pump_of(&mut *child, to)?;
            Ok((child, pump, relay))
        });
        piped.map_err(failed)
    }

    /// The network of one command, and the launcher's end of the channel for its sockets.
    fn relay(&self, which: usize, hosts: &Egress) -> io::Result<(OwnedFd, egress::Service)> {
        let (log, limit) = (self.job.output.clone(), self.job.limits.log_bytes);
        hosts.serve(move |line| log.write(which, OutputStream::Stderr, line.as_bytes(), limit))
    }

    /// A relay goes through the operator's proxy itself; from inside, that is out of reach.
    fn without_proxies(&self) -> Vec<(OsString, OsString)> {
        let leads_to_a_proxy =
            |name: &OsString| name.to_str().is_some_and(Egress::replaces_variable);
        let others = self.variables.iter().filter(|(name, _)| !leads_to_a_proxy(name));
        others.cloned().collect()
    }

    async fn wait_or_end(&mut self, child: &mut dyn ChildWrapper) -> Result<CommandEnd, RunError> {
        let end = select! {
            // A command that has ended counts as ended, whatever happens at the same time.
            biased;
            status = child.wait() => CommandEnd { ended: ended(status)?, cause: None },
            outcome = &mut self.end => {
                // Processes that multiply would use the grace period to do so.
                let multiply = matches!(outcome, RunOutcome::TooManyProcesses { .. });
                let grace = if multiply { Duration::ZERO } else { self.job.limits.grace };
                self.tree.end(grace).await;
                CommandEnd { ended: wait_for_the_dead(child).await?, cause: Some(outcome) }
            }
        };
        self.tree.members().reaped();
        Ok(end)
    }

    /// A command that finds its disk full often fails before anyone looks, and one that ran out of
    /// memory in a control group was killed by the kernel.
    async fn cause_of_failure(&self, which: usize) -> RunOutcome {
        if self.group.as_ref().is_some_and(Group::ran_out_of_memory) {
            let bytes = self.job.limits.memory_bytes;
            return RunOutcome::OutOfMemory { used_bytes: bytes, limit_bytes: bytes };
        }
        self.look_at_disk().await.unwrap_or(RunOutcome::Failed { which })
    }

    async fn look_at_disk(&self) -> Option<RunOutcome> {
        let watched = Arc::clone(&self.watched);
        spawn_blocking(move || watched.look_at_disk()).await.ok().flatten()
    }
}

/// Returns the reason why the sandbox of a command could not be made. A command that imitates it
/// gains nothing: its task is tried again, as after any other failure.
fn failure_of_sandbox(ended: ProcessExit, tail: &str) -> Option<&str> {
    let failed = ended == ProcessExit::ExitCode(FAILED);
    failed.then(|| tail.lines().rfind(|line| line.starts_with(FAILURE_MARK))).flatten()
}

fn pump_of(child: &mut dyn ChildWrapper, to: Destination) -> io::Result<Pump> {
    let not_piped = || io::Error::other("the shell has no output pipes");
    let stdout = child.stdout().take().ok_or_else(not_piped)?.into_owned_fd()?;
    let stderr = child.stderr().take().ok_or_else(not_piped)?.into_owned_fd()?;
    Pump::new(stdout, stderr, to)
}

/// Waits for a killed command. If it hangs in the kernel, SIGKILL will end it later, and the run
/// does not wait for that.
async fn wait_for_the_dead(child: &mut dyn ChildWrapper) -> Result<ProcessExit, RunError> {
    match timeout(AFTERMATH, child.wait()).await {
        Ok(status) => ended(status),
        Err(_) => Ok(ProcessExit::Signal(Signal::SIGKILL as i32)),
    }
}

fn ended(status: io::Result<ExitStatus>) -> Result<ProcessExit, RunError> {
    let status = status.map_err(RunError::Wait)?;
    Ok(match (status.code(), status.signal()) {
        (Some(code), _) => ProcessExit::ExitCode(code),
        (None, signal) => ProcessExit::Signal(signal.unwrap_or(Signal::SIGKILL as i32)),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
