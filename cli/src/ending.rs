//! The end of a command: its exit code, and its error message.

use std::fmt;
use std::io;
use std::process::ExitCode;

use greenline_queue::QueueError;
use greenline_runtime::settings::Problems;
use greenline_store::StoreError;

use crate::print::style::{BAD, DIM};

/// The end of a command that did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Done, or the answer is yes.
    Done,
    /// The answer is no.
    No,
}

/// The error of a command, with its remedy if one is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{says}")]
pub(crate) struct Complaint {
    exit: Exit,
    says: String,
    mend: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    No = 1,
    Wrong = 2,
    Outside = 3,
}

impl Complaint {
    /// The answer is no: exit code 1.
    pub(crate) fn no(says: impl Into<String>) -> Self {
        Self { exit: Exit::No, says: says.into(), mend: None }
    }

    /// Wrong usage or settings: exit code 2.
    pub(crate) fn wrong(says: impl Into<String>) -> Self {
        Self { exit: Exit::Wrong, says: says.into(), mend: None }
    }

    /// A failure outside of the program: exit code 3.
    pub(crate) fn outside(says: impl Into<String>) -> Self {
        Self { exit: Exit::Outside, says: says.into(), mend: None }
    }

    /// Adds the remedy.
    pub(crate) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}

/// Prints the error and returns the exit code of a command.
pub(crate) fn code(ended: anyhow::Result<Ended>) -> ExitCode {
    match ended {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::No) => ExitCode::from(Exit::No as u8),
        // The reader of the output has seen enough, as in `greenline queue list | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&error);
            ExitCode::from(exit(&error) as u8)
        }
    }
}

/// Returns the exit code of a command line that asked for help or was not understood.
pub(crate) fn of_usage(help_or_error: &clap::Error) -> ExitCode {
    // A failure to print can't be reported.
    let _told = help_or_error.print();
    ExitCode::from(u8::try_from(help_or_error.exit_code()).unwrap_or(Exit::Wrong as u8))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::BrokenPipe)
}

fn exit(error: &anyhow::Error) -> Exit {
    if let Some(complaint) = error.downcast_ref::<Complaint>() {
        return complaint.exit;
    }
    if error.is::<Problems>() {
        return Exit::Wrong;
    }
    match error.downcast_ref::<QueueError>() {
        Some(QueueError::Task(_) | QueueError::Name(_)) => Exit::Wrong,
        Some(QueueError::Store(StoreError::Settings(_))) => Exit::Wrong,
        Some(QueueError::UnknownTask(_)) => Exit::No,
        _ if matches!(error.downcast_ref(), Some(StoreError::Settings(_))) => Exit::Wrong,
        _ => Exit::Outside,
    }
}

fn say_error(error: &anyhow::Error) {
    let mut stderr = anstream::stderr().lock();
    let told = match error.downcast_ref::<Problems>() {
        // These have their own format.
        Some(problems) => io::Write::write_fmt(&mut stderr, format_args!("{problems}\n")),
        None => io::Write::write_fmt(&mut stderr, format_args!("{}", Told(error))),
    };
    // A failure to print can't be reported.
    let _told = told;
}

/// An error with its causes in one line, and the remedy below.
struct Told<'a>(&'a anyhow::Error);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BAD}error:{BAD:#} {}", self.0)?;
        let mut said = self.0.to_string();
        for cause in self.0.chain().skip(1).map(ToString::to_string) {
            // Many errors repeat their cause in their own message.
            if !said.contains(&cause) {
                write!(f, ": {cause}")?;
                said = cause;
            }
        }
        writeln!(f)?;
        if let Some(mend) = mend(self.0) {
            for line in mend.lines() {
                writeln!(f, "       {DIM}{line}{DIM:#}")?;
            }
        }
        Ok(())
    }
}

fn mend(error: &anyhow::Error) -> Option<String> {
    if let Some(complaint) = error.downcast_ref::<Complaint>() {
        return complaint.mend.clone();
    }
    let store = match error.downcast_ref::<QueueError>() {
        Some(QueueError::Store(store)) => Some(store),
        _ => error.downcast_ref::<StoreError>(),
    };
    match store? {
        StoreError::Unavailable { .. } => {
            Some("start it, or correct REDIS_URL; `greenline doctor` looks closer".to_owned())
        }
        StoreError::Denied(_) | StoreError::WrongType(_) => {
            Some("`greenline doctor` says what is missing or wrong".to_owned())
        }
        _ => None,
    }
}
