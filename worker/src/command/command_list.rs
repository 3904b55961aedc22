//! The commands of a task, checked before anything runs.

use serde::{Deserialize, Serialize};

/// The longest command that Linux passes to `sh -c` as one argument.
pub const MAX_COMMAND_BYTES: usize = 128 * 1024 - 1;

/// The most commands of one task: its report holds the end of each one's output.
pub const MAX_COMMANDS: usize = 100;

/// The phase of a command, which decides what its failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Prepares the work.
    Setup,
    /// The work itself.
    Validation,
}

impl Phase {
    /// Returns the word used in JSON and in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Validation => "validation",
        }
    }
}

/// The reason why a task's commands can't run. A retry does not help: the task must change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandListError {
    /// A task without commands would look like a success.
    #[error("the task has no commands: give at least one in `validation` or `setup`")]
    NoCommands,
    /// More than [`MAX_COMMANDS`].
    #[error("the task has {0} commands, at most {MAX_COMMANDS} are allowed: put them in a script")]
    TooMany(usize),
    /// Nothing but white space.
    #[error("{} command {number} is empty", phase.as_str())]
    Blank {
        phase: Phase,
        /// Counts from 1 within that list.
        number: usize,
    },
    /// A process argument can't hold a NUL byte.
    #[error("{} command {number} contains a NUL byte", phase.as_str())]
    NulByte {
        phase: Phase,
        /// Counts from 1 within that list.
        number: usize,
    },
    /// More than [`MAX_COMMAND_BYTES`].
    #[error(
        "{} command {number} is longer than {MAX_COMMAND_BYTES} bytes: put it in a script",
        phase.as_str()
    )]
    TooLong {
        phase: Phase,
        /// Counts from 1 within that list.
        number: usize,
    },
}

/// The commands of a task in order: at least one, each of which can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandList {
    commands: Vec<(Phase, String)>,
}

impl CommandList {
    /// Checks a task's `setup` and `validation`.
    ///
    /// # Errors
    ///
    /// When there is no command, or one that can't run: the message names it.
    pub fn new(setup: Vec<String>, validation: Vec<String>) -> Result<Self, CommandListError> {
        let count = setup.len() + validation.len();
        match count {
            0 => return Err(CommandListError::NoCommands),
            1..=MAX_COMMANDS => {}
            _ => return Err(CommandListError::TooMany(count)),
        }
        let mut commands = Vec::with_capacity(count);
        for (phase, list) in [(Phase::Setup, setup), (Phase::Validation, validation)] {
            for (index, command) in list.into_iter().enumerate() {
                check(&command, phase, index + 1)?;
                commands.push((phase, command));
            }
        }
        Ok(Self { commands })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Phase, &str)> {
        self.commands.iter().map(|(phase, command)| (*phase, command.as_str()))
    }
}

fn check(command: &str, phase: Phase, number: usize) -> Result<(), CommandListError> {
    if command.trim().is_empty() {
        Err(CommandListError::Blank { phase, number })
    } else if command.contains('\0') {
        Err(CommandListError::NulByte { phase, number })
    } else if command.len() > MAX_COMMAND_BYTES {
        Err(CommandListError::TooLong { phase, number })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(setup: &[&str], validation: &[&str]) -> String {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        CommandList::new(owned(setup), owned(validation)).unwrap_err().to_string()
    }

    #[test]
    fn commands_that_cannot_run_are_refused_by_name() {
        assert!(refusal(&[], &[]).starts_with("the task has no commands"));
        assert_eq!(refusal(&["true"], &["true", " \n"]), "validation command 2 is empty");
        assert_eq!(refusal(&["a\0b"], &["true"]), "setup command 1 contains a NUL byte");
        assert!(refusal(&[], &[&"x".repeat(128 * 1024)]).contains("longer than 131071 bytes"));
        assert!(refusal(&[], &["true"; 101]).contains("101 commands"));
    }
}
