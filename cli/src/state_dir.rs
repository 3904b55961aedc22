//! `.greenline/` in the working directory: the state of `greenline up`.
//!
//! It belongs to this user alone (0700), and git ignores it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use greenline_queue::TaskSigningKey;
use greenline_runtime::settings::Secret;
use greenline_store::ServerLogin;

use crate::error::CliError;

const HOME: &str = ".greenline";

/// The files of its secrets, each this user's alone (0600).
const OPERATOR_TOKEN: &str = "operator_token";
const REDIS_PASSWORD: &str = "redis_password";
const TASK_KEY: &str = "task_key";
const INTENT_KEY: &str = "intent_key";

/// The only user of the embedded Redis.
const REDIS_USER: &str = "greenline";

/// `.greenline/`, locked by this process: no other `greenline up` starts its Redis there.
pub(crate) struct StateDir {
    _lock: File,
}

/// The operator's token, and whether it is new.
pub(crate) struct OperatorToken {
    pub(crate) token: Secret,
    pub(crate) is_new: bool,
}

impl StateDir {
    /// Creates the directory if needed, and locks it.
    pub(crate) fn hold() -> anyhow::Result<Self> {
        prepare().with_context(|| format!("failed to write to {HOME}/ in this directory"))?;
        let path = Path::new(HOME).join("up.lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held_by(&mut lock).into()),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        lock.set_len(0)?;
        write!(lock, "{}", std::process::id())?;
        Ok(Self { _lock: lock })
    }

    /// Returns the data directory of the embedded Redis.
    pub(crate) fn redis(&self) -> PathBuf {
        Path::new(HOME).join("redis")
    }

    /// The login of the embedded Redis; made when there is none.
    pub(crate) fn redis_login(&self) -> anyhow::Result<ServerLogin> {
        if let Some(login) = redis_login()? {
            return Ok(login);
        }
        Ok(ServerLogin { user: REDIS_USER.to_owned(), password: make_secret(REDIS_PASSWORD)? })
    }

    /// The private key that tasks are signed with, and whether it is new: made when there is none.
    pub(crate) fn task_key(&self) -> anyhow::Result<(Secret, bool)> {
        match task_key()? {
            Some(key) => Ok((key, false)),
            None => Ok((make_secret(TASK_KEY)?.into(), true)),
        }
    }

    /// Lets other commands in this directory find the embedded Redis.
    pub(crate) fn publish_redis(&self, url: &str) -> anyhow::Result<()> {
        write_private(&redis_url_file(), url)
    }

    /// Removes that reference.
    pub(crate) fn forget_redis(&self) {
        // If the file stays, other commands report that no Redis answers.
        let _gone = fs::remove_file(redis_url_file());
    }
}

/// Returns the address of this directory's embedded Redis, if `greenline up` runs here.
pub(crate) fn embedded_redis() -> Option<String> {
    fs::read_to_string(redis_url_file()).ok().filter(|url| url.starts_with("unix://"))
}

/// The login of the embedded Redis, if this directory has one.
pub(crate) fn redis_login() -> anyhow::Result<Option<ServerLogin>> {
    let password = read_secret(REDIS_PASSWORD)?;
    Ok(password.map(|password| ServerLogin { user: REDIS_USER.to_owned(), password }))
}

/// The private key that tasks for the embedded Redis are signed with, if there is one.
///
/// # Errors
/// When its file holds something else: with another key, the tasks that wait would not run.
pub(crate) fn task_key() -> anyhow::Result<Option<Secret>> {
    let Some(text) = read_text(TASK_KEY)? else { return Ok(None) };
    if text.parse::<TaskSigningKey>().is_err() {
        let file = task_key_file();
        let message = format!("{file} holds no task key: it has to be 64 hexadecimal digits");
        let hint = "bring it back from a copy, or delete it: then `greenline up` makes a new key, \
                    and tasks that were signed with the old one go to quarantine";
        return Err(CliError::usage(message).hint(hint).into());
    }
    Ok(Some(text.into()))
}

/// A secret of this directory. One that is too short to be whole counts as none.
fn read_secret(name: &str) -> anyhow::Result<Option<String>> {
    Ok(read_text(name)?.filter(|text| text.len() >= 32))
}

/// The text of a file of this directory, if the file exists.
fn read_text(name: &str) -> anyhow::Result<Option<String>> {
    let path = Path::new(HOME).join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
    }
}

/// Returns the operator's token of this directory, and creates it if there is none.
pub(crate) fn operator_token() -> anyhow::Result<OperatorToken> {
    if let Some(token) = read_secret(OPERATOR_TOKEN)? {
        return Ok(OperatorToken { token: token.into(), is_new: false });
    }
    prepare()?;
    let token = make_secret(OPERATOR_TOKEN)?;
    Ok(OperatorToken { token: token.into(), is_new: true })
}

/// The key that signs intents in this directory; made when there is none.
pub(crate) fn intent_key() -> anyhow::Result<Secret> {
    if let Some(key) = read_secret(INTENT_KEY)? {
        return Ok(key.into());
    }
    prepare()?;
    Ok(make_secret(INTENT_KEY)?.into())
}

/// Returns the token's file, for messages.
pub(crate) fn operator_token_file() -> String {
    format!("{HOME}/{OPERATOR_TOKEN}")
}

/// Returns the task key's file, for messages.
pub(crate) fn task_key_file() -> String {
    format!("{HOME}/{TASK_KEY}")
}

fn redis_url_file() -> PathBuf {
    Path::new(HOME).join("redis.url")
}

fn prepare() -> io::Result<()> {
    // Root's tasks have users of their own, whose workspaces are below; each file is private by
    // itself.
    let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
    DirBuilder::new().recursive(true).mode(mode).create(HOME)?;
    let ignore = Path::new(HOME).join(".gitignore");
    if !ignore.exists() {
        fs::write(ignore, "*\n")?;
    }
    Ok(())
}

fn held_by(lock: &mut File) -> CliError {
    let mut pid = String::new();
    let _unreadable = lock.read_to_string(&mut pid);
    let who = if pid.is_empty() { String::new() } else { format!(" (process {pid})") };
    CliError::usage(format!("`greenline up` runs in this directory already{who}"))
        .hint("use it, stop it first, or start this one in another directory")
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("new");
    let _left_behind = fs::remove_file(&draft);
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("failed to write {}", path.display()))
}

fn make_secret(name: &str) -> anyhow::Result<String> {
    let secret = random_secret()?;
    write_private(&Path::new(HOME).join(name), &secret)?;
    Ok(secret)
}

/// 32 random bytes as hexadecimal digits: a token, a password, or the seed of a key pair.
pub(crate) fn random_secret() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
