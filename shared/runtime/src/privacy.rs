//! Closes a process that holds secrets to others of the same user.
//!
//! A *dumpable* process shows its environment, memory and open files in `/proc` to every process of
//! its user, and leaves them in a core file when it crashes. [`close`] ends both for the calling
//! process. A program that it starts later is dumpable again, and inherits the limit on core files.
//!
//! Root with all capabilities reads everything; nothing here prevents that.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// Why a process could not be closed.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// Its memory and environment stay readable in `/proc`.
    #[error("failed to close /proc against other processes of this user (prctl PR_SET_DUMPABLE)")]
    Dumpable(#[source] Errno),
    /// A crash would write its memory to a file.
    #[error("failed to forbid core files (setrlimit RLIMIT_CORE)")]
    Core(#[source] Errno),
}

/// Closes this process, for as long as it runs this program. Call it before any secret is read.
///
/// # Errors
///
/// When the kernel refuses.
pub fn close() -> Result<(), PrivacyError> {
    prctl::set_dumpable(false).map_err(PrivacyError::Dumpable)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(PrivacyError::Core)
}
