//! A `greenline up` of its own on one ground, and what is planted around it.
//!
//! ```text
//! BASE/bin/greenline      the program under attack, readable by the ordinary user
//! BASE/tools/             the probe and the scripts; commands in the sandbox may read it
//! BASE/home/              the worker's home, with a key
//! BASE/deploy/            where `greenline up` runs; its .greenline/ is in there
//! BASE/outside/NAME/file  a private file for each attempt
//! BASE/open/              where controls run
//! ```
//!
//! Everything listens on loopback and ends with the value.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{AccessFlags, Pid, Uid, access, chown};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::listeners::AttackListeners;
use crate::target::{DaemonUser, SandboxWalls};

/// A user without any other process or file on this machine.
const ORDINARY: u32 = 64_242;

/// How long starting, stopping and a short task may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a process or a task is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What is planted where commands must not see it.
pub(crate) const VARIABLE: &str = "planted-secret-variable";
pub(crate) const TOKEN: &str = "planted-secret-token-0123456789abcdef";
const IN_A_FILE: &str = "planted-secret-file\n";

/// A running `greenline up`, attacked by its own tasks.
pub(crate) struct Deployment {
    base: TempDir,
    /// Another directory that commands may read, in a place where they have their own files.
    in_tmp: TempDir,
    user: DaemonUser,
    up: Child,
    victim: Child,
    listeners: AttackListeners,
    /// The address of the lead's HTTP API.
    pub(crate) lead: String,
    neighbor: Option<Neighbor>,
}

/// Another task that runs meanwhile.
struct Neighbor {
    pid: i32,
    workspace: PathBuf,
}

/// A task's end.
#[derive(Debug)]
pub(crate) struct TaskReport {
    pub(crate) status: String,
    /// The ends of all outputs.
    pub(crate) output: String,
    pub(crate) error: String,
}

impl Deployment {
    /// Starts one on this ground. `Err` says why the ground can't be had.
    pub(crate) fn start(
        program: &Path,
        probe: &Path,
        user: DaemonUser,
        walls: SandboxWalls,
    ) -> anyhow::Result<Self> {
        let is_root = Uid::effective().is_root();
        if user == DaemonUser::Root && !is_root {
            bail!("not root");
        }
        let base = prepare(program, probe, user)?;
        let in_tmp = tempfile::Builder::new()
            .prefix("greenline-attack-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in("/tmp")?;
        if user == DaemonUser::Ordinary && is_root {
            give(in_tmp.path())?;
        }
        let (up, lead) = start_up(base.path(), in_tmp.path(), user, walls)?;
        let listeners = AttackListeners::start(base.path())?;
        let victim = start_victim(base.path(), user)?;
        Ok(Self { base, in_tmp, user, up, victim, listeners, lead, neighbor: None })
    }

    /// The directory of everything.
    pub(crate) fn base(&self) -> &Path {
        self.base.path()
    }

    /// Starts a second task, whose workspace and processes others then try to reach.
    pub(crate) fn start_neighbor(&mut self) -> anyhow::Result<()> {
        let sleeper = format!("sleep 7{:08}", fastrand::u32(..100_000_000));
        let command = format!("echo planted-secret-file >secret; echo x >own; exec {sleeper}");
        self.enqueue(&json!({
            "task_id": "neighbor", "type": "run_command", "validation": [command],
        }))?;
        let line = format!("{}\0", sleeper.replace(' ', "\0"));
        let pid = look("the other task", || process_with(&line))?;
        let live = self.base().join("deploy/.greenline/workspaces");
        let workspace = look("the other task's workspace", || workspace_of("neighbor", &live))?;
        self.neighbor = Some(Neighbor { pid, workspace });
        Ok(())
    }

    /// Runs a task to its end.
    pub(crate) fn run_task(
        &self,
        id: &str,
        setup: &[String],
        validation: &[String],
        patience: Duration,
    ) -> anyhow::Result<TaskReport> {
        let task = json!({
            "task_id": id, "type": "run_command", "setup": setup, "validation": validation,
            "timeout_minutes": 5,
        });
        self.enqueue(&task)?;
        self.ended(id, patience)
    }

    /// Enqueues a task.
    pub(crate) fn enqueue(&self, task: &Value) -> anyhow::Result<()> {
        let mut command = self.greenline(&["queue", "enqueue", "--json", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        child.stdin.take().context("no stdin")?.write_all(task.to_string().as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("failed to enqueue: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// Waits for a task's end.
    pub(crate) fn ended(&self, id: &str, patience: Duration) -> anyhow::Result<TaskReport> {
        let end = Instant::now() + patience;
        loop {
            let shown = self.output(&["queue", "show", id, "--json"])?;
            let story: Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
            let status = story["status"].as_str().unwrap_or_default();
            if ["success", "failed", "dead", "cancelled"].contains(&status) {
                return Ok(report(status, &story));
            }
            if Instant::now() > end {
                let _ended = self.output(&["queue", "cancel", id])?;
                bail!("the task {id} has not ended in {} s", patience.as_secs());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The program, called beside the running one.
    pub(crate) fn greenline(&self, arguments: &[&str]) -> Command {
        let mut command = as_user(self.user, &self.base().join("bin/greenline"));
        command.args(arguments).env_clear().envs(environment(self.base()));
        command.current_dir(self.base().join("deploy")).stdin(Stdio::null());
        command
    }

    fn output(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        patiently(|| self.greenline(arguments).output())
    }

    /// Runs a script in the open, as the ground's user or as root, and returns what it printed.
    pub(crate) fn run_open(&self, script: &str, is_root: bool) -> anyhow::Result<String> {
        let user = if is_root { DaemonUser::Root } else { self.user };
        if user == DaemonUser::Root && !Uid::effective().is_root() {
            bail!("it needs root");
        }
        let open = self.open(is_root);
        let mut command = as_user(user, Path::new("/bin/sh"));
        command.arg("-c").arg(script).current_dir(open.join("work"));
        command.env_clear().envs(environment(self.base())).env("TMPDIR", open.join("tmp"));
        command.env("HOME", open.join("home")).stdin(Stdio::null());
        let output = patiently(|| command.output())?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(printed)
    }

    /// The stand-in for a workspace in which controls run.
    pub(crate) fn open(&self, is_root: bool) -> PathBuf {
        self.base().join(if is_root { "open/root" } else { "open/user" })
    }

    /// The variables of all scripts, as assignments.
    pub(crate) fn variables(&self) -> String {
        let base = self.base().display();
        let up = self.up.id();
        let neighbor = self.neighbor.as_ref();
        let task = neighbor.map_or(0, |it| it.pid);
        let other = neighbor.map_or(PathBuf::new(), |it| it.workspace.clone());
        let lead = self.lead.rsplit(':').next().unwrap_or_default();
        let AttackListeners { tcp, udp, free, name, .. } = &self.listeners;
        format!(
            "P={base}/tools/probe GREENLINE={base}/bin/greenline TOOLS={base}/tools\n\
             HOME_OUT={base}/home DEPLOY={base}/deploy RECEIVED={base}/received\n\
             SOCK={base}/received/socket ABSTRACT={name} TCP={tcp} UDP={udp} FREE={free}\n\
             LEAD={lead} UP={up} VICTIM={} TASK={task} OTHER={} TOOLS_IN_TMP={}\n",
            self.victim.id(),
            other.display(),
            self.in_tmp.path().display(),
        )
    }

    /// Whether the worker still runs.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.up.try_wait(), Ok(None))
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        for child in [&mut self.victim, &mut self.up] {
            end(child);
        }
        // What tasks made unreadable.
        let _as_far_as_it_goes =
            Command::new("chmod").args(["-R", "u+rwX"]).arg(self.base.path()).status();
    }
}

/// Asks a process to end, and ends it if it does not.
pub(crate) fn end(child: &mut Child) {
    let _gone = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(LOOK);
    }
    let _gone = child.kill();
    let _reaped = child.wait();
}

fn report(status: &str, story: &Value) -> TaskReport {
    let commands = story["result"]["commands"].as_array();
    let tails = commands.into_iter().flatten().filter_map(|command| command["tail"].as_str());
    TaskReport {
        status: status.to_owned(),
        output: tails.collect::<Vec<_>>().join("\n"),
        error: story["error"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Makes the directories, owned by who will run there.
pub(crate) fn prepare(program: &Path, probe: &Path, user: DaemonUser) -> anyhow::Result<TempDir> {
    // Not below /tmp, which commands in the sandbox have their own of.
    let above = match Uid::effective().is_root() {
        // In the container of docker-compose.yml, whose image is read-only.
        true if is_read_only("/var/lib") => "/workspace",
        true => "/var/lib",
        false => "target",
    };
    let base = tempfile::Builder::new()
        .prefix("greenline-attack-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in(Path::new(above).canonicalize()?)?;
    for directory in [
        "bin",
        "tools",
        "home/.ssh",
        "deploy",
        "outside",
        "received",
        "state",
        "open/user/work",
        "open/user/home",
        "open/user/tmp",
        "open/root/work",
        "open/root/home",
        "open/root/tmp",
    ] {
        fs::create_dir_all(base.path().join(directory))?;
    }
    fs::copy(program, base.path().join("bin/greenline"))?;
    fs::copy(probe, base.path().join("tools/probe"))?;
    fs::write(base.path().join("home/.ssh/id_test"), IN_A_FILE)?;
    let private =
        [("home", 0o700), ("home/.ssh", 0o700), ("home/.ssh/id_test", 0o600), ("state", 0o700)];
    for (name, mode) in private {
        fs::set_permissions(base.path().join(name), fs::Permissions::from_mode(mode))?;
    }
    if user == DaemonUser::Ordinary && Uid::effective().is_root() {
        give(base.path())?;
    }
    Ok(base)
}

fn is_read_only(directory: &str) -> bool {
    access(directory, AccessFlags::W_OK) == Err(Errno::EROFS)
}

/// Gives a directory and all below it to the ordinary user.
fn give(path: &Path) -> anyhow::Result<()> {
    chown(path, Some(ORDINARY.into()), Some(ORDINARY.into()))?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path())?;
        }
    }
    Ok(())
}

/// A command as the user of a ground.
pub(crate) fn as_user(user: DaemonUser, program: &Path) -> Command {
    if user == DaemonUser::Root || !Uid::effective().is_root() {
        return Command::new(program);
    }
    let id = ORDINARY.to_string();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(program);
    command
}

/// The environment of `greenline up`, with secrets in it. Limits are low, so that reaching them is
/// quick.
fn environment(base: &Path) -> Vec<(String, String)> {
    let path = |name: &str| base.join(name).display().to_string();
    let fixed = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ("HOME", path("home")),
        ("GREENLINE_STATE_DIR", path("state")),
        ("GREENLINE_SANDBOX_COMMANDS", "on".to_owned()),
        ("GREENLINE_LISTEN", "127.0.0.1:0".to_owned()),
        ("GREENLINE_MAX_RETRIES", "0".to_owned()),
        ("GREENLINE_SLOTS", "3".to_owned()),
        ("GREENLINE_GRACE", "3s".to_owned()),
        ("GREENLINE_MEMORY_LIMIT", "256MiB".to_owned()),
        ("GREENLINE_WORKSPACE_LIMIT", "512MiB".to_owned()),
        ("GREENLINE_WORKSPACE_ENTRIES", "100000".to_owned()),
        ("ANTHROPIC_API_KEY", TOKEN.to_owned()),
        ("PLANTED", VARIABLE.to_owned()),
    ];
    fixed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Starts `greenline up` and waits until it says what runs: its process, and the lead's address.
fn start_up(
    base: &Path,
    in_tmp: &Path,
    user: DaemonUser,
    walls: SandboxWalls,
) -> anyhow::Result<(Child, String)> {
    let setting = match walls {
        SandboxWalls::Namespaces => "all",
        SandboxWalls::Landlock => "landlock",
    };
    let read = format!("{},{}", base.join("tools").display(), in_tmp.display());
    let mut command = as_user(user, &base.join("bin/greenline"));
    command.args(["up", "--json"]).env_clear().envs(environment(base));
    command.env("GREENLINE_SANDBOX_READ", read).env("GREENLINE_SANDBOX_WALLS", setting);
    command.current_dir(base.join("deploy")).stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(fs::File::create(base.join("up.log"))?);
    let mut up = command.spawn()?;
    let said = first_line(base, &mut up)?;
    let sandbox = said["sandbox"].as_str().unwrap_or_default().to_owned();
    let lead = address(&said);
    let has_namespaces = sandbox.contains("namespaces");
    if has_namespaces == (walls == SandboxWalls::Namespaces) {
        return Ok((up, lead));
    }
    end(&mut up);
    bail!("other walls than were asked for: the sandbox is {sandbox}")
}

fn first_line(base: &Path, up: &mut Child) -> anyhow::Result<Value> {
    let mut stdout = BufReader::new(up.stdout.take().context("no stdout")?);
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    if let Ok(said) = serde_json::from_str(&line) {
        return Ok(said);
    }
    let _ended = up.wait();
    let log = fs::read_to_string(base.join("up.log")).unwrap_or_default();
    bail!("greenline up did not start: {}", log.lines().last().unwrap_or("it said nothing"))
}

fn address(said: &Value) -> String {
    let lead = said["lead"].as_str().unwrap_or_default();
    lead.rsplit("http://").next().unwrap_or_default().to_owned()
}

/// A process of the ground's user that hides nothing: in the open it can be read and signalled.
fn start_victim(base: &Path, user: DaemonUser) -> anyhow::Result<Child> {
    let mut command = as_user(user, Path::new("/bin/sleep"));
    command.args(["73121212"]);
    command.env("PLANTED", VARIABLE).current_dir(base.join("home"));
    command.stdin(fs::File::open(base.join("home/.ssh/id_test"))?);
    Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
}

/// Starts a process; waits while a fork bomb leaves no room for one.
fn patiently(mut start: impl FnMut() -> std::io::Result<Output>) -> anyhow::Result<Output> {
    let end = Instant::now() + PATIENCE;
    loop {
        match start() {
            Err(error) if error.raw_os_error() == Some(Errno::EAGAIN as i32) => {
                if Instant::now() > end {
                    bail!("no process can be started for {} s", PATIENCE.as_secs());
                }
                std::thread::sleep(LOOK);
            }
            ended => return Ok(ended?),
        }
    }
}

/// Looks until something is there.
fn look<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = find() {
            return Ok(found);
        }
        if Instant::now() > end {
            bail!("waited in vain for {what}");
        }
        std::thread::sleep(LOOK);
    }
}

/// The process with exactly this command line.
fn process_with(line: &str) -> Option<i32> {
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let found = fs::read(entry.path().join("cmdline")).ok()?;
        if found != line.as_bytes() {
            return None;
        }
        entry.file_name().to_str()?.parse().ok()
    })
}

/// The workspace of a task's attempt: a directory named after it with `work` in it.
fn workspace_of(task: &str, below: &Path) -> Option<PathBuf> {
    for entry in fs::read_dir(below).ok()?.flatten() {
        let path = entry.path();
        let is_it = entry.file_name().to_string_lossy().starts_with(&format!("{task}."));
        if is_it && path.join("work").exists() {
            return Some(path);
        }
        if path.is_dir()
            && let Some(found) = workspace_of(task, &path)
        {
            return Some(found);
        }
    }
    None
}
