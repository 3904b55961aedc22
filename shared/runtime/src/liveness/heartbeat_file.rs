//! The file that shows that a process lives.
//!
//! There is one file per process, `{role}-{pid}.json` in the state directory. Each beat replaces it
//! as a whole, and a clean exit removes it. The file of a killed process is recognized by its age,
//! and the next process of that role deletes it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::{ProcessRole, human};

/// The content of a beacon file. Health checks of other versions read it: names stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Heartbeat {
    pid: u32,
    role: ProcessRole,
    beat_at_ms: u64,
    detail: String,
}

/// The reason why a beacon can't be written.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatFileError {
    /// The directory can't be created or written.
    #[error("failed to write to the state directory {}; set GREENLINE_STATE_DIR to one that can be written", .path.display())]
    Unwritable {
        /// The directory or the file in it.
        path: PathBuf,
        source: io::Error,
    },
    /// Another user created the directory, perhaps to mislead.
    #[error("the state directory {} belongs to user {owner}; remove it or set GREENLINE_STATE_DIR to another one", .path.display())]
    Foreign { path: PathBuf, owner: u32 },
}

/// The sign of life of a running process.
#[derive(Debug)]
pub struct HeartbeatFile {
    role: ProcessRole,
    file: PathBuf,
    clock: Clock,
}

impl HeartbeatFile {
    /// Creates the state directory if needed, deletes the files of dead processes of this role, and
    /// beats for the first time.
    ///
    /// # Errors
    ///
    /// When the directory can't be used.
    pub fn create(
        state_dir: &Path,
        role: ProcessRole,
        clock: Clock,
    ) -> Result<Self, HeartbeatFileError> {
        prepare(state_dir)?;
        for (path, heartbeat) in heartbeats(state_dir, role) {
            if !is_running(heartbeat.pid) {
                // A file that stays only looks old, which misleads no one.
                let _ = fs::remove_file(path);
            }
        }
        let file = state_dir.join(format!("{role}-{}.json", std::process::id()));
        let heartbeat_file = Self { role, file, clock };
        heartbeat_file.beat("starting")?;
        Ok(heartbeat_file)
    }

    /// Records that the process lives; `detail` describes its activity.
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub fn beat(&self, detail: &str) -> Result<(), HeartbeatFileError> {
        let heartbeat = Heartbeat {
            pid: std::process::id(),
            role: self.role,
            beat_at_ms: self.clock.wall_ms(),
            detail: detail.to_owned(),
        };
        let unwritable =
            |source| HeartbeatFileError::Unwritable { path: self.file.clone(), source };
        let text = serde_json::to_vec(&heartbeat).map_err(|error| unwritable(error.into()))?;
        // Readers see the old file or the new one, never a part of one.
        let draft = self.file.with_extension("tmp");
        fs::write(&draft, text).map_err(unwritable)?;
        fs::rename(&draft, &self.file).map_err(unwritable)
    }
}

impl Drop for HeartbeatFile {
    fn drop(&mut self) {
        // A file that stays grows stale, and the next process deletes it.
        let _ = fs::remove_file(&self.file);
    }
}

fn prepare(directory: &Path) -> Result<(), HeartbeatFileError> {
    let unwritable = |source| HeartbeatFileError::Unwritable { path: directory.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unwritable)?;
    match foreign_owner(directory).map_err(unwritable)? {
        None => Ok(()),
        Some(owner) => Err(HeartbeatFileError::Foreign { path: directory.to_owned(), owner }),
    }
}

/// Returns the owner of a directory that is another user's, who may write anything there. A
/// directory of root may be a mounted volume.
fn foreign_owner(directory: &Path) -> io::Result<Option<u32>> {
    let owner = fs::symlink_metadata(directory)?.uid();
    Ok(Some(owner).filter(|owner| *owner != 0 && *owner != nix::unistd::geteuid().as_raw()))
}

/// Returns the readable beacon files of this role.
fn heartbeats(directory: &Path, role: ProcessRole) -> Vec<(PathBuf, Heartbeat)> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let read = |path: PathBuf| {
        let heartbeat: Heartbeat = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        (heartbeat.role == role).then_some((path, heartbeat))
    };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    files
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .filter_map(read)
        .collect()
}

fn is_running(pid: u32) -> bool {
    let Ok(pid) = i32::try_from(pid) else { return false };
    kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// The result of a health check. It prints as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// A process of that role has beaten recently.
    Healthy(String),
    /// A process of that role has not beaten for too long.
    Stale(String),
    /// There is no process of that role.
    Missing(String),
}

impl Health {
    /// Returns `true` if healthy; decides the exit code of a health check.
    pub fn is_healthy(&self) -> bool {
        matches!(self, Self::Healthy(_))
    }
}

impl std::fmt::Display for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Healthy(sentence) | Self::Stale(sentence) | Self::Missing(sentence)) = self;
        f.write_str(sentence)
    }
}

/// Checks a role by its newest beacon file in the state directory. A directory of another user
/// proves nothing.
pub fn check(state_dir: &Path, role: ProcessRole, max_age: Duration, clock: &Clock) -> Health {
    if let Ok(Some(owner)) = foreign_owner(state_dir) {
        return Health::Missing(format!(
            "{} belongs to user {owner}, so what it holds says nothing of a {role}: set \
             GREENLINE_STATE_DIR to a directory of your own",
            state_dir.display()
        ));
    }
    let heartbeats = heartbeats(state_dir, role);
    let Some(heartbeat) = heartbeats
        .into_iter()
        .map(|(_, heartbeat)| heartbeat)
        .max_by_key(|heartbeat| heartbeat.beat_at_ms)
    else {
        let place = state_dir.display();
        return Health::Missing(format!("no {role} has left a sign of life in {place}"));
    };
    judge(&heartbeat, max_age, clock.wall_ms())
}

fn judge(heartbeat: &Heartbeat, max_age: Duration, now_ms: u64) -> Health {
    let Heartbeat { pid, role, beat_at_ms, detail } = heartbeat;
    let apart = Duration::from_millis(now_ms.abs_diff(*beat_at_ms));
    let when = human::moment(*beat_at_ms, now_ms);
    if apart <= max_age {
        return Health::Healthy(format!("{role} {pid} is alive: {detail} ({when})"));
    }
    let allowed = human::duration(max_age);
    Health::Stale(if *beat_at_ms > now_ms {
        format!("the last sign of {role} {pid} is dated {when}: the machine's clock was set back")
    } else {
        format!("{role} {pid} was last seen {when}, {allowed} is allowed; it said: {detail}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const MAX_AGE: Duration = Duration::from_secs(15);

    #[test]
    fn a_worker_is_missing_then_healthy_then_stale_then_missing() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let manual = ManualClock::at(1_000_000);
        let look = || check(&state, ProcessRole::Worker, MAX_AGE, &manual.clock());

        assert!(matches!(look(), Health::Missing(_)));
        let heartbeat_file =
            HeartbeatFile::create(&state, ProcessRole::Worker, manual.clock()).unwrap();
        heartbeat_file.beat("2 of 4 slots busy").unwrap();
        let pid = std::process::id();
        let alive = format!("worker {pid} is alive: 2 of 4 slots busy (just now)");
        assert_eq!(look(), Health::Healthy(alive));

        manual.advance(MAX_AGE + Duration::from_secs(1));
        let stale = format!(
            "worker {pid} was last seen 16 s ago, 15 s is allowed; it said: 2 of 4 slots busy"
        );
        assert_eq!(look(), Health::Stale(stale));
        assert!(matches!(
            check(&state, ProcessRole::Lead, MAX_AGE, &manual.clock()),
            Health::Missing(_)
        ));

        drop(heartbeat_file);
        assert!(matches!(look(), Health::Missing(_)));
        assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
    }

    #[test]
    fn a_clock_set_back_is_not_health() {
        let directory = tempfile::tempdir().unwrap();
        let manual = ManualClock::at(10_000_000);
        let _beacon =
            HeartbeatFile::create(directory.path(), ProcessRole::Lead, manual.clock()).unwrap();
        manual.set_wall(0);
        let health = check(directory.path(), ProcessRole::Lead, MAX_AGE, &manual.clock());
        assert!(matches!(&health, Health::Stale(why) if why.contains("set back")), "{health}");
    }

    #[test]
    fn what_a_killed_process_left_is_cleared_away() {
        let directory = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let dead = Heartbeat {
            pid: child.id(),
            role: ProcessRole::Worker,
            beat_at_ms: 1,
            detail: "idle".to_owned(),
        };
        let left = directory.path().join(format!("worker-{}.json", dead.pid));
        fs::write(&left, serde_json::to_vec(&dead).unwrap()).unwrap();
        fs::write(directory.path().join("worker-x.json"), "{half").unwrap();

        let manual = ManualClock::at(1_000);
        let _beacon =
            HeartbeatFile::create(directory.path(), ProcessRole::Worker, manual.clock()).unwrap();
        assert!(!left.exists());
        assert!(
            check(directory.path(), ProcessRole::Worker, MAX_AGE, &manual.clock()).is_healthy()
        );
    }

    #[test]
    fn a_beacon_file_keeps_its_shape() {
        let stored = r#"{"pid":7,"role":"worker","beat_at_ms":1000,"detail":"idle"}"#;
        let heartbeat: Heartbeat = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&heartbeat).unwrap(), stored);
    }

    #[test]
    fn a_directory_of_another_user_proves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let manual = ManualClock::at(10_000);
        let role = ProcessRole::Worker;
        let _alive = HeartbeatFile::create(directory.path(), role, manual.clock()).unwrap();
        let look = || check(directory.path(), role, MAX_AGE, &manual.clock());
        assert!(look().is_healthy());
        if std::os::unix::fs::chown(directory.path(), Some(65_534), None).is_err() {
            assert!(std::env::var_os("GREENLINE_STRICT").is_none(), "only root can run this test");
            eprintln!("skipped: only root can give a directory to another user");
            return;
        }
        let health = look();
        assert!(matches!(&health, Health::Missing(why) if why.contains("65534")), "{health}");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = HeartbeatFile::create(&file, ProcessRole::Lead, Clock::system()).unwrap_err();
        assert!(error.to_string().contains("GREENLINE_STATE_DIR"), "{error}");
    }
}
