//! A deployment as compose makes it: a Redis with the users of `deploy/make-secrets`, a lead, a
//! worker whose commands run in the open, and a fake GitHub. All on loopback.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use greenline_fake_github::github::{GitHub, RepoHandle, everything};
use serde_json::Value;
use tempfile::TempDir;

use crate::deployment::{TOKEN, VARIABLE, as_user, end, prepare};
use crate::target::DaemonUser;

pub(super) const OPERATOR: &str = "planted-secret-operator-token-0123456789";
pub(super) const VIEWER: &str = "planted-secret-viewer-token-0123456789ab";
pub(super) const HOOK_SECRET: &str = "planted-secret-of-webhooks-0123456789abc";

const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that runs.
pub(super) struct Stage {
    pub(super) base: TempDir,
    pub(super) redis_port: u16,
    pub(super) lead_port: u16,
    redis: Child,
    pub(super) lead: Child,
    pub(super) worker: Child,
    pub(super) victim: Child,
    pub(super) github: GitHub,
    pub(super) repo: RepoHandle,
    pub(super) runtime: tokio::runtime::Runtime,
}

impl Stage {
    pub(super) fn start(program: &Path, probe: &Path) -> anyhow::Result<Self> {
        let base = prepare(program, probe, DaemonUser::Ordinary)?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (github, repo) = runtime.block_on(async {
            let github = GitHub::start().await?;
            let repo = github.repo("acme/app").await?;
            anyhow::Ok((github, repo))
        })?;
        let redis_port = free_port()?;
        let redis = start_redis(base.path(), redis_port)?;
        let lead_port = free_port()?;
        let github_token = github.token("acme", everything());
        let mut lead = program_at(base.path(), redis_port, "lead", "lead")?;
        lead.args(["lead", "--listen", &format!("127.0.0.1:{lead_port}")])
            .env("GITHUB_TOKEN", github_token)
            .env("GITHUB_API_URL", github.url())
            .env("GREENLINE_REPOS", "acme/app")
            .env("GITHUB_WEBHOOK_SECRET", HOOK_SECRET)
            .env("GREENLINE_POLL_INTERVAL", "3s")
            .env("GREENLINE_LOG", "trace");
        let lead = lead.spawn()?;
        let mut worker = program_at(base.path(), redis_port, "worker", "worker")?;
        worker.arg("worker").env("GREENLINE_CHECKOUT_TOKEN", TOKEN).env("GREENLINE_LOG", "trace");
        // Without it the checkout refuses this machine's addresses.
        worker.env("GITHUB_API_URL", github.url());
        let worker = worker.spawn()?;
        let mut victim = as_user(DaemonUser::Ordinary, Path::new("/bin/sleep"));
        victim.arg("73121213").env_clear().env("PLANTED", VARIABLE).stdin(Stdio::null());
        let victim = victim.spawn()?;
        let stage = Self {
            base,
            redis_port,
            lead_port,
            redis,
            lead,
            worker,
            victim,
            github,
            repo,
            runtime,
        };
        stage
            .until("the lead", || stage.get("/ready").is_some_and(|answer| answer.status == 200))?;
        Ok(stage)
    }

    /// Looks until it is so.
    pub(super) fn until(&self, what: &str, mut done: impl FnMut() -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !done() {
            if Instant::now() > end {
                bail!("waited in vain for {what}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    pub(super) fn password(&self, user: &str) -> anyhow::Result<String> {
        if user == "admin" {
            return Ok("admin-of-the-attack".to_owned());
        }
        let path = self.base.path().join("secrets").join(format!("redis_{user}_password"));
        Ok(fs::read_to_string(path)?.trim().to_owned())
    }

    /// What Redis answers to one command of a user, errors too.
    pub(super) fn redis(&self, user: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new("timeout")
            .args(["10", "redis-cli", "-p", &self.redis_port.to_string(), "-n", "10"])
            .args(["--user", user, "--no-auth-warning"])
            .env("REDISCLI_AUTH", self.password(user)?)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("failed to run redis-cli")?;
        let both = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&both).trim().to_owned())
    }

    /// The program, called by the operator.
    pub(super) fn greenline(&self, arguments: &[&str]) -> anyhow::Result<(i32, String)> {
        let mut command = program_at(self.base.path(), self.redis_port, "operator", "cli")?;
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.output()?;
        let both = [output.stdout, output.stderr].concat();
        Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&both).into_owned()))
    }

    /// A task's story, once it has ended.
    pub(super) fn ended(&self, id: &str) -> anyhow::Result<Value> {
        let mut story = Value::Null;
        self.until("the end of a task", || {
            let shown = self.greenline(&["queue", "show", id, "--json"]).unwrap_or_default().1;
            story = serde_json::from_str(&shown).unwrap_or_default();
            let status = story["status"].as_str().unwrap_or_default();
            ["success", "failed", "dead", "cancelled"].contains(&status)
        })?;
        Ok(story)
    }

    /// Enqueues a task that is written as JSON.
    pub(super) fn enqueue(&self, task: &Value) -> anyhow::Result<()> {
        let path = self.base.path().join("received/task.json");
        fs::write(&path, task.to_string())?;
        let (code, said) = self.greenline(&["queue", "enqueue", &path.display().to_string()])?;
        if code != 0 {
            bail!("failed to enqueue: {said}");
        }
        Ok(())
    }

    /// Runs a line of shell as the user of lead and worker.
    pub(super) fn shell(&self, line: &str) -> anyhow::Result<(i32, String)> {
        let output = as_user(DaemonUser::Ordinary, Path::new("/bin/sh"))
            .args(["-c", line])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.base.path().join("home"))
            .env("P", self.base.path().join("tools/probe"))
            .env("LEAD", self.lead.id().to_string())
            .env("WORKER", self.worker.id().to_string())
            .env("VICTIM", self.victim.id().to_string())
            .current_dir(self.base.path().join("open/user/work"))
            .stdin(Stdio::null())
            .output()?;
        let both = [output.stdout, output.stderr].concat();
        Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&both).into_owned()))
    }

    /// The high-water mark of a process's memory, in KiB.
    pub(super) fn peak(&self, pid: u32) -> u64 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in [&mut self.victim, &mut self.worker, &mut self.lead, &mut self.redis] {
            end(child);
        }
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The program as the ordinary user, with this Redis user.
fn program_at(base: &Path, port: u16, user: &str, log: &str) -> anyhow::Result<Command> {
    let secret = base.join("secrets").join(format!("redis_{user}_password"));
    let password = fs::read_to_string(secret)?;
    let mut command = as_user(DaemonUser::Ordinary, &base.join("bin/greenline"));
    command
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", base.join("home"))
        .env("GREENLINE_STATE_DIR", base.join("state"))
        .env("GREENLINE_MAX_RETRIES", "0")
        .env("GREENLINE_OPERATOR_TOKEN", OPERATOR)
        .env("GREENLINE_VIEWER_TOKEN", VIEWER)
        .env("ANTHROPIC_API_KEY", TOKEN)
        .env("REDIS_HOST", "127.0.0.1")
        .env("REDIS_PORT", port.to_string())
        .env("REDIS_USERNAME", user)
        .env("REDIS_PASSWORD", password.trim())
        .current_dir(base.join("deploy"))
        .stdin(Stdio::null());
    let file = fs::File::create(base.join("received").join(format!("{log}.log")))?;
    command.stdout(file.try_clone()?).stderr(file);
    Ok(command)
}

fn start_redis(base: &Path, port: u16) -> anyhow::Result<Child> {
    let secrets = base.join("secrets");
    let made = Command::new("deploy/make-secrets").arg(&secrets).output()?;
    if !made.status.success() {
        bail!("deploy/make-secrets failed: {}", String::from_utf8_lossy(&made.stderr));
    }
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o755))?;
    let acl = fs::read_to_string(secrets.join("redis_acl"))?;
    let file = base.join("acl");
    fs::write(&file, format!("{acl}user admin on >admin-of-the-attack ~* &* +@all\n"))?;
    let folder = base.join("redis");
    fs::create_dir_all(&folder)?;
    let mut server = Command::new("redis-server");
    server.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    server.arg("--dir").arg(&folder).arg("--aclfile").arg(&file);
    server.args(["--enable-module-command", "yes"]);
    server.args(["--masterauth", "planted-secret-masterauth"]);
    let child = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.context("failed to run redis-server")?;
    let end = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > end {
            bail!("redis-server does not answer");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(child)
}
