//! The end of a command: its exit code, and its error message.

use std::fmt;
use std::io;
use std::process::ExitCode;

use greenline_queue::QueueError;
use greenline_runtime::settings::SettingsError;
use greenline_store::StoreError;

use crate::print::style::{BAD, DIM};
use crate::print::text::for_terminal;

/// The end of a command that did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// Done, or the answer is yes.
    Success,
    /// The answer is no.
    Negative,
}

/// The error of a command, with its remedy if one is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CliError {
    exit: ExitKind,
    message: String,
    hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExitKind {
    Negative = 1,
    Usage = 2,
    External = 3,
}

impl CliError {
    /// The answer is no: exit code 1.
    pub(crate) fn negative(message: impl Into<String>) -> Self {
        Self { exit: ExitKind::Negative, message: message.into(), hint: None }
    }

    /// Wrong usage or settings: exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: ExitKind::Usage, message: message.into(), hint: None }
    }

    /// A failure outside of the program: exit code 3.
    pub(crate) fn external(message: impl Into<String>) -> Self {
        Self { exit: ExitKind::External, message: message.into(), hint: None }
    }

    /// Adds the remedy.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Prints the error and returns the exit code of a command.
pub(crate) fn exit_code(ended: anyhow::Result<ExitStatus>) -> ExitCode {
    match ended {
        Ok(ExitStatus::Success) => ExitCode::SUCCESS,
        Ok(ExitStatus::Negative) => ExitCode::from(ExitKind::Negative as u8),
        // The reader of the output has seen enough, as in `greenline queue list | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::from(exit_kind(&error) as u8)
        }
    }
}

/// Returns the exit code of a command line that asked for help or was not understood.
pub(crate) fn usage_exit_code(help_or_error: &clap::Error) -> ExitCode {
    // A failure to print can't be reported.
    let _ignored = help_or_error.print();
    ExitCode::from(u8::try_from(help_or_error.exit_code()).unwrap_or(ExitKind::Usage as u8))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::BrokenPipe)
}

fn exit_kind(error: &anyhow::Error) -> ExitKind {
    if let Some(error) = error.downcast_ref::<CliError>() {
        return error.exit;
    }
    if error.is::<SettingsError>() {
        return ExitKind::Usage;
    }
    match error.downcast_ref::<QueueError>() {
        Some(QueueError::Task(_) | QueueError::Name(_)) => ExitKind::Usage,
        Some(QueueError::Store(StoreError::Settings(_))) => ExitKind::Usage,
        Some(QueueError::UnknownTask(_)) => ExitKind::Negative,
        _ if matches!(error.downcast_ref(), Some(StoreError::Settings(_))) => ExitKind::Usage,
        _ => ExitKind::External,
    }
}

fn print_error(error: &anyhow::Error) {
    let mut stderr = anstream::stderr().lock();
    let written = match error.downcast_ref::<SettingsError>() {
        // These have their own format.
        Some(problems) => {
            io::Write::write_fmt(&mut stderr, format_args!("{}\n", for_terminal(problems)))
        }
        None => {
            io::Write::write_fmt(&mut stderr, format_args!("{}", for_terminal(ErrorReport(error))))
        }
    };
    // A failure to print can't be reported.
    let _ignored = written;
}

/// An error with its causes in one line, and the remedy below.
struct ErrorReport<'a>(&'a anyhow::Error);

impl fmt::Display for ErrorReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BAD}error:{BAD:#} {}", self.0)?;
        let mut printed = self.0.to_string();
        for cause in self.0.chain().skip(1).map(ToString::to_string) {
            // Many errors repeat their cause in their own message.
            if !printed.contains(&cause) {
                write!(f, ": {cause}")?;
                printed = cause;
            }
        }
        writeln!(f)?;
        if let Some(hint) = hint(self.0) {
            for line in hint.lines() {
                writeln!(f, "       {DIM}{line}{DIM:#}")?;
            }
        }
        Ok(())
    }
}

fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(error) = error.downcast_ref::<CliError>() {
        return error.hint.clone();
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
