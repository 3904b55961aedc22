//! `.greenline/` in the working directory: what `greenline up` keeps there.
//!
//! It is this user's alone (0700), and git leaves it alone.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use greenline_runtime::settings::Secret;

use crate::ending::Complaint;

/// The directory.
const HOME: &str = ".greenline";

/// `.greenline/`, held by this process: no other `greenline up` starts its Redis there.
pub(crate) struct Home {
    _lock: File,
}

/// The operator's token, and whether it is new.
pub(crate) struct OperatorToken {
    pub(crate) token: Secret,
    pub(crate) is_new: bool,
}

impl Home {
    /// Makes the directory if need be, and holds it.
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

    /// Where the embedded Redis keeps its data.
    pub(crate) fn redis(&self) -> PathBuf {
        Path::new(HOME).join("redis")
    }

    /// Lets other commands in this directory find the embedded Redis.
    pub(crate) fn publish_redis(&self, url: &str) -> anyhow::Result<()> {
        write_private(&redis_url_file(), url)
    }

    /// The embedded Redis is gone.
    pub(crate) fn forget_redis(&self) {
        // If it stays, others find nobody at home and say so.
        let _gone = fs::remove_file(redis_url_file());
    }
}

/// Where the embedded Redis of this directory answers, if `greenline up` runs here.
pub(crate) fn embedded_redis() -> Option<String> {
    fs::read_to_string(redis_url_file()).ok().filter(|url| url.starts_with("unix://"))
}

/// The operator's token of this directory; made when there is none.
pub(crate) fn operator_token() -> anyhow::Result<OperatorToken> {
    let (token, is_new) = kept_secret("operator_token")?;
    Ok(OperatorToken { token, is_new })
}

/// The key that signs intents in this directory; made when there is none.
pub(crate) fn intent_key() -> anyhow::Result<Secret> {
    Ok(kept_secret("intent_key")?.0)
}

/// A secret that is kept in a file of this directory, and whether it was made now.
fn kept_secret(name: &str) -> anyhow::Result<(Secret, bool)> {
    let path = Path::new(HOME).join(name);
    match fs::read_to_string(&path) {
        Ok(secret) if secret.trim().len() >= 32 => {
            return Ok((secret.trim().to_owned().into(), false));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("failed to read {}", path.display()));
        }
    }
    prepare()?;
    let secret = random_token()?;
    write_private(&path, &secret)?;
    Ok((secret.into(), true))
}

/// Where the token is kept, for people.
pub(crate) fn operator_token_file() -> String {
    format!("{HOME}/operator_token")
}

fn redis_url_file() -> PathBuf {
    Path::new(HOME).join("redis.url")
}

fn prepare() -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(HOME)?;
    let ignore = Path::new(HOME).join(".gitignore");
    if !ignore.exists() {
        fs::write(ignore, "*\n")?;
    }
    Ok(())
}

fn held_by(lock: &mut File) -> Complaint {
    let mut pid = String::new();
    let _unreadable = lock.read_to_string(&mut pid);
    let who = if pid.is_empty() { String::new() } else { format!(" (process {pid})") };
    Complaint::wrong(format!("`greenline up` runs in this directory already{who}"))
        .mend("use it, stop it first, or start this one in another directory")
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

fn random_token() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
