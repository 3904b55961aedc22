//! The variables that commands see: these and no others.
//!
//! Nothing comes from the worker's own environment. The operator adds variables by name and value.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::workspace::Workspace;

/// The default `PATH` of commands.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variable with the attempt of a process; see [`super::process_tree`].
pub(super) const MARK: &str = "GREENLINE_TASK";

const FIXED: [&str; 8] =
    ["PATH", "HOME", "TMPDIR", "LANG", "CI", "TERM", "GREENLINE_TASK_ID", MARK];

/// The operator's additions to the fixed variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    path: OsString,
    extra: BTreeMap<String, String>,
}

/// The reason why a variable can't be passed to commands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// Every run sets it itself.
    #[error("{0} is set by the worker for each run and can't be given")]
    Fixed(String),
    /// The name is empty, or a part holds `=` or a NUL byte.
    #[error("{0:?} can't be the name of a variable, or its value holds a NUL byte")]
    Invalid(String),
}

impl Environment {
    /// Creates the fixed variables with this `PATH`.
    #[must_use]
    pub fn with_path(path: impl Into<OsString>) -> Self {
        Self { path: path.into(), extra: BTreeMap::new() }
    }

    /// Adds one variable, such as `RUSTUP_HOME` or a proxy.
    ///
    /// # Errors
    ///
    /// When it is one of the fixed variables, or an invalid name.
    pub fn and(mut self, name: &str, value: &str) -> Result<Self, EnvironmentError> {
        if FIXED.contains(&name) {
            return Err(EnvironmentError::Fixed(name.to_owned()));
        }
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(EnvironmentError::Invalid(name.to_owned()));
        }
        self.extra.insert(name.to_owned(), value.to_owned());
        Ok(self)
    }

    pub(super) fn of_run_in(
        &self,
        workspace: &Workspace,
        of_the_job: &[(&str, String)],
    ) -> Vec<(OsString, OsString)> {
        let attempt = workspace.attempt();
        let fixed: [(&str, OsString); 8] = [
            ("PATH", self.path.clone()),
            ("HOME", workspace.home().into()),
            ("TMPDIR", workspace.tmp().into()),
            ("LANG", "C.UTF-8".into()),
            ("CI", "true".into()),
            ("TERM", "dumb".into()),
            ("GREENLINE_TASK_ID", attempt.id().into()),
            (MARK, attempt.to_string().into()),
        ];
        let fixed = fixed.into_iter().map(|(name, value)| (name.into(), value));
        let extra = self.extra.iter().map(|(name, value)| (name.into(), value.into()));
        let of_the_job = of_the_job.iter().map(|(name, value)| (name.into(), value.into()));
        extra.chain(of_the_job).chain(fixed).collect()
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self::with_path(DEFAULT_PATH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_variables_stay_the_workers() {
        let refused = |name, value| Environment::default().and(name, value).unwrap_err();
        assert_eq!(refused("HOME", "/"), EnvironmentError::Fixed("HOME".into()));
        assert_eq!(refused(MARK, "x"), EnvironmentError::Fixed(MARK.into()));
        assert_eq!(refused("A=B", ""), EnvironmentError::Invalid("A=B".into()));
        assert_eq!(refused("A", "\0"), EnvironmentError::Invalid("A".into()));
    }
}
