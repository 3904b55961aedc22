//! A redis-server that belongs to this process: for `greenline up` without a
//! Redis, for benchmarks and for tests.
//!
//! It listens on a socket in its own folder (and on a port if asked to), and
//! it ends with its handle. One left behind by a process that was killed is
//! taken over by the next that uses the same folder.
//!
//! With a login it has one user, and whoever connects without is refused. The
//! password goes to the server on its standard input, never on its command line.
//!
//! Its folder (0700) and its files (umask 077) are readable by this user alone.

use std::fmt;
use std::fs::{DirBuilder, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Credentials, StoreError};

/// The durability of a private server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// The server keeps no data after it stops.
    None,
    /// An append-only file, synced every second.
    EverySecond,
    /// An append-only file, synced at each command.
    Always,
}

/// The configuration of a private server.
#[derive(Debug, Clone)]
pub struct PrivateServerConfig {
    /// The folder of its socket, log and data, which belongs to it alone: its mode becomes 0700.
    pub folder: PathBuf,
    pub persistence: Persistence,
    /// A loopback port to listen on besides the socket.
    pub port: Option<u16>,
    /// The only user and its password; without it everyone who reaches the socket
    /// may do everything.
    pub login: Option<ServerLogin>,
    /// Further settings, as in redis.conf.
    pub settings: Vec<(String, String)>,
}

/// The only user of a private server. Neither may hold spaces or line breaks.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerLogin {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for ServerLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerLogin([redacted])")
    }
}

impl From<ServerLogin> for Credentials {
    fn from(login: ServerLogin) -> Self {
        Self { username: Some(login.user), password: Some(login.password) }
    }
}

impl PrivateServerConfig {
    /// Configures a server in `folder` that keeps nothing and listens on no port.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            persistence: Persistence::None,
            port: None,
            login: None,
            settings: vec![],
        }
    }

    /// Adds a setting of redis.conf.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running server; dropping it stops the server.
#[derive(Debug)]
pub struct PrivateServer {
    config: PrivateServerConfig,
    socket: SocketPath,
    process: ServerProcess,
}

#[derive(Debug)]
enum ServerProcess {
    Ours(Child),
    TakenOver(Pid),
    Stopped,
}

/// The socket's path. A socket's path has at most 107 bytes; a longer one gets a short link.
#[derive(Debug)]
struct SocketPath {
    path: PathBuf,
    _link: Option<tempfile::TempDir>,
}

/// Returns the server program: `redis-server`, or `valkey-server`.
#[must_use]
pub fn server_program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    ["redis-server", "valkey-server"].iter().find_map(|name| {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    })
}

impl PrivateServer {
    /// Starts a server, or takes over the one that runs in the same folder.
    pub fn start(config: PrivateServerConfig) -> Result<Self, StoreError> {
        close_to_others(&config.folder).map_err(|error| cannot(&config.folder, &error))?;
        let socket = SocketPath::in_folder(&config.folder)?;
        match found(&socket.path, config.login.as_ref()) {
            Found::Nobody => {}
            Found::Server(pid) => {
                return Ok(Self { config, socket, process: ServerProcess::TakenOver(pid) });
            }
            Found::Locked => {
                return Err(StoreError::Settings(format!(
                    "a redis-server that runs in {} refuses this password: stop that server, or \
                     bring its password back",
                    config.folder.display()
                )));
            }
        }
        let child = spawn(&config, &socket.path)?;
        let mut server = Self { config, socket, process: ServerProcess::Ours(child) };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Returns the URL of its socket without a database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket.path.display())
    }

    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match &self.process {
            ServerProcess::Ours(child) => Some(child.id()),
            ServerProcess::TakenOver(pid) => pid.as_raw().try_into().ok(),
            ServerProcess::Stopped => None,
        }
    }

    /// Returns `true` if it has ended, and reaps it.
    pub fn has_ended(&mut self) -> bool {
        let ended = match &mut self.process {
            ServerProcess::Ours(child) => child.try_wait().is_ok_and(|exit| exit.is_some()),
            ServerProcess::TakenOver(pid) => !lives(*pid),
            ServerProcess::Stopped => true,
        };
        if ended {
            // Its number may be another process's from now on.
            self.process = ServerProcess::Stopped;
        }
        ended
    }

    /// Kills it like a crash.
    pub fn kill(&mut self) {
        self.end(Signal::SIGKILL);
    }

    /// Starts it again on its data.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.end(Signal::SIGTERM);
        self.process = ServerProcess::Ours(spawn(&self.config, &self.socket.path)?);
        self.wait_until_ready()
    }

    /// Sends it a signal, such as SIGSTOP.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            let _gone = kill(Pid::from_raw(pid.cast_signed()), signal);
        }
    }

    fn end(&mut self, signal: Signal) {
        self.signal(signal);
        match std::mem::replace(&mut self.process, ServerProcess::Stopped) {
            ServerProcess::Ours(mut child) => {
                let _reaped = child.wait();
            }
            ServerProcess::TakenOver(pid) => {
                let end = Instant::now() + Duration::from_secs(10);
                while kill(pid, None).is_ok() && Instant::now() < end {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            ServerProcess::Stopped => {}
        }
    }

    /// Waits for the reply to a PING; a large data set takes time to load.
    fn wait_until_ready(&mut self) -> Result<(), StoreError> {
        let limit = Duration::from_secs(60);
        let end = Instant::now() + limit;
        loop {
            if answers(&self.socket.path, self.config.login.as_ref()) {
                return Ok(());
            }
            let exited = match &mut self.process {
                ServerProcess::Ours(child) => child.try_wait().ok().flatten(),
                _ => None,
            };
            if exited.is_some() || Instant::now() > end {
                return Err(StoreError::Settings(format!(
                    "the private redis-server did not start; its log says:\n{}",
                    last_lines(&self.config.folder.join("redis.log"))
                )));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        self.end(Signal::SIGTERM);
    }
}

impl SocketPath {
    fn in_folder(folder: &Path) -> Result<Self, StoreError> {
        let folder = folder.canonicalize().map_err(|error| cannot(folder, &error))?;
        let path = folder.join("redis.sock");
        if path.as_os_str().len() <= 100 {
            return Ok(Self { path, _link: None });
        }
        let place = tempfile::Builder::new()
            .prefix("greenline-")
            .tempdir()
            .map_err(|error| cannot(&std::env::temp_dir(), &error))?;
        let link = place.path().join("r");
        std::os::unix::fs::symlink(&folder, &link).map_err(|error| cannot(&link, &error))?;
        Ok(Self { path: link.join("redis.sock"), _link: Some(place) })
    }
}

/// Makes the folder if needed, and takes it from all other users.
fn close_to_others(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))
}

fn spawn(config: &PrivateServerConfig, socket: &Path) -> Result<Child, StoreError> {
    let program = server_program().ok_or_else(|| {
        StoreError::Settings(
            "redis-server is not installed: install the package redis-server (or valkey-server), \
             or set REDIS_URL"
                .to_owned(),
        )
    })?;
    // The shell sets the mode of new files and becomes the server.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 077; exec \"$0\" \"$@\""]).arg(program);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.arg("--dir").arg(&config.folder).arg("--logfile").arg("redis.log");
    command.arg("--unixsocket").arg(socket).args(["--unixsocketperm", "700"]);
    command.args(["--port", &config.port.unwrap_or(0).to_string(), "--bind", "127.0.0.1"]);
    command.args(["--daemonize", "no", "--maxmemory-policy", "noeviction", "--save", ""]);
    // By default Redis scans a sorted set of up to 128 entries from end to end, including the
    // leases.
    command.args(["--zset-max-listpack-entries", "8"]);
    command.args(match config.persistence {
        Persistence::None => ["--appendonly", "no", "--appendfsync", "no"],
        Persistence::EverySecond => ["--appendonly", "yes", "--appendfsync", "everysec"],
        Persistence::Always => ["--appendonly", "yes", "--appendfsync", "always"],
    });
    for (name, value) in &config.settings {
        command.arg(format!("--{name}")).args(value.split(' '));
    }
    // The rest of the settings comes on its standard input.
    command.arg("-");
    // A separate process group: Ctrl-C goes to this process, which stops the server last.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let failed = |error| StoreError::Settings(format!("redis-server can't be started: {error}"));
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ended at once is found out when it does not answer.
        let _ended = stdin.write_all(users(config.login.as_ref()).as_bytes());
    }
    Ok(child)
}

/// Nobody can be it, and it may do everything: Redis 7.0 reads its append-only file as this user, and
/// without rights it drops whatever a script has written.
const DEFAULT_USER: &str = "user default off resetpass ~* &* +@all";

/// The users of a server with a login, as redis.conf has them.
fn users(login: Option<&ServerLogin>) -> String {
    login.map_or(String::new(), |ServerLogin { user, password }| {
        format!("{DEFAULT_USER}\nuser {user} on >{password} ~* &* +@all\n")
    })
}

fn answers(socket: &Path, login: Option<&ServerLogin>) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    log_in(&mut stream, login).is_some_and(|answer| answer.starts_with("+OK"))
        && ask(&mut stream, "PING\r\n").is_some_and(|answer| answer.starts_with("+PONG"))
}

/// What answers on a socket.
enum Found {
    Nobody,
    /// A server that takes the login.
    Server(Pid),
    /// A server that does not take it.
    Locked,
}

fn found(socket: &Path, login: Option<&ServerLogin>) -> Found {
    let Ok(mut stream) = UnixStream::connect(socket) else { return Found::Nobody };
    match log_in(&mut stream, login) {
        None => return Found::Nobody,
        Some(answer) if !answer.starts_with("+OK") => return Found::Locked,
        Some(_) => {}
    }
    let Some(info) = ask(&mut stream, "INFO server\r\n") else { return Found::Nobody };
    if info.starts_with("-NOAUTH") {
        return Found::Locked;
    }
    let pid = info.lines().find_map(|line| line.strip_prefix("process_id:"));
    let pid = pid.and_then(|pid| pid.trim().parse().ok());
    pid.map_or(Found::Nobody, |pid| Found::Server(Pid::from_raw(pid)))
}

/// The answer to a login; a server that wants none is in order without.
fn log_in(stream: &mut UnixStream, login: Option<&ServerLogin>) -> Option<String> {
    let Some(ServerLogin { user, password }) = login else { return Some("+OK".to_owned()) };
    let words = [
        "*3\r\n$4\r\nAUTH".to_owned(),
        format!("${}\r\n{user}", user.len()),
        format!("${}\r\n{password}\r\n", password.len()),
    ];
    ask(stream, &words.join("\r\n"))
}

fn ask(stream: &mut UnixStream, question: &str) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(question.as_bytes()).ok()?;
    let mut answer = vec![0; 16 * 1024];
    let read = stream.read(&mut answer).ok()?;
    Some(String::from_utf8_lossy(answer.get(..read)?).into_owned())
}

/// Whether a process runs that this one does not reap; a zombie does not.
fn lives(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

fn cannot(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Settings(format!("can't use {}: {error}", path.display()))
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
