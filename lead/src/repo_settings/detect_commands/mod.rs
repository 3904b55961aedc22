//! Guesses the commands that reproduce a failure, where the repository names none.
//!
//! Pure: maps texts of the base branch to commands and to a sentence that names their source, for
//! the comment. In order: the commands of `.greenline.toml`, the script of the failing workflow
//! step, the conventions of the project's files. Only the base branch is read: a pull request must
//! not choose what runs.

mod project;
mod workflow;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CheckCommands, FILE, RepoSettings};
use crate::check::CheckName;

/// Files of the base branch that are worth reading for a guess, besides its workflows.
pub const PROJECT_FILES: [&str; 20] = [
    ".rspec",
    "Cargo.lock",
    "Cargo.toml",
    "Gemfile",
    "Makefile",
    "build.gradle",
    "build.gradle.kts",
    "go.mod",
    "gradlew",
    "mvnw",
    "package-lock.json",
    "package.json",
    "pnpm-lock.yaml",
    "poetry.lock",
    "pom.xml",
    "pyproject.toml",
    "requirements.txt",
    "tox.ini",
    "uv.lock",
    "yarn.lock",
];

/// The folder of the workflows.
pub const WORKFLOWS: &str = ".github/workflows";

/// The files at the root of the base branch that matter here.
#[derive(Debug, Clone, Default)]
pub struct ProjectFiles {
    files: BTreeMap<String, String>,
    workflows: Vec<(String, String)>,
}

impl ProjectFiles {
    /// Adds a file of the root. PatternKind those that only have to be there, the text may be left out.
    pub fn add(&mut self, name: &str, text: &str) {
        self.files.insert(name.to_owned(), text.to_owned());
    }

    /// Adds a workflow by its path.
    pub fn add_workflow(&mut self, path: &str, text: &str) {
        self.workflows.push((path.to_owned(), text.to_owned()));
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(String::as_str)
    }

    fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }
}

/// The failing job and step, as named by the log.
#[derive(Debug, Clone, Copy)]
pub struct FailingStep<'a> {
    /// The check.
    pub check: &'a CheckName,
    /// The heading of the step that failed.
    pub step: Option<&'a str>,
    /// The tool that spoke.
    pub tool: Option<&'a str>,
}

/// DetectedCommands, and where they are from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectedCommands {
    /// Before the work, with network.
    pub setup: Vec<String>,
    /// The commands that tell red from green, run without network. Empty if none are known.
    pub validation: Vec<String>,
    /// The source of the validation commands.
    pub from: CommandSource,
}

/// The source of commands. Its text completes the sentence "the commands are …".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CommandSource {
    /// The repository names them.
    Settings,
    /// They were guessed from a workflow.
    Workflow {
        /// Its path.
        file: String,
        /// The job's key.
        job: String,
    },
    /// They were guessed from a file of the project.
    Project {
        /// Its name.
        file: String,
    },
    /// There are none.
    Nowhere,
}

impl fmt::Display for CommandSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings => write!(f, "named in {FILE}"),
            Self::Workflow { file, job } => {
                write!(f, "guessed from the failing step of job {job} in {file}")
            }
            Self::Project { file } => write!(f, "guessed from {file}"),
            Self::Nowhere => write!(f, "not known: name them in {FILE}, [commands] validation"),
        }
    }
}

/// The commands for a failing check.
#[must_use]
pub fn commands(
    settings: &RepoSettings,
    failing: &FailingStep<'_>,
    files: &ProjectFiles,
) -> DetectedCommands {
    let (CheckCommands { setup, validation }, _) = settings.commands_for(failing.check);
    if let Some(validation) = validation {
        let setup = setup.unwrap_or_default();
        return DetectedCommands { setup, validation, from: CommandSource::Settings };
    }
    let mut detected = detect(failing, files);
    if let Some(setup) = setup {
        detected.setup = setup;
    }
    detected
}

fn detect(failing: &FailingStep<'_>, files: &ProjectFiles) -> DetectedCommands {
    let step = failing.step.unwrap_or_default();
    let in_workflow = files.workflows.iter().find_map(|(path, text)| {
        let found = workflow::find(text, failing.check.as_str(), step)?;
        Some(DetectedCommands {
            setup: found.setup,
            validation: vec![found.validation],
            from: CommandSource::Workflow { file: path.clone(), job: found.job },
        })
    });
    let in_project = || {
        let found = project::find(files, failing.tool)?;
        let from = CommandSource::Project { file: found.file.to_owned() };
        Some(DetectedCommands { setup: found.setup, validation: found.validation, from })
    };
    in_workflow.or_else(in_project).unwrap_or_else(|| DetectedCommands {
        setup: vec![],
        validation: vec![],
        from: CommandSource::Nowhere,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> ProjectFiles {
        let mut files = ProjectFiles::default();
        files.add("go.mod", "module x");
        files.add_workflow(
            ".github/workflows/ci.yml",
            "jobs: {test: {steps: [{run: make deps}, {run: make test}]}}",
        );
        files
    }

    fn detected_for(settings: &str, step: Option<&str>) -> (Vec<String>, Vec<String>, String) {
        let settings = RepoSettings::parse(settings).unwrap();
        let failing = FailingStep { check: &CheckName::new("test"), step, tool: None };
        let DetectedCommands { setup, validation, from } = commands(&settings, &failing, &files());
        (setup, validation, from.to_string())
    }

    #[test]
    fn what_the_repository_names_comes_first() {
        let (setup, validation, from) =
            detected_for("[commands]\nvalidation = [\"go vet\"]", Some("Run make test"));
        assert_eq!((setup.len(), validation), (0, vec!["go vet".to_owned()]));
        assert_eq!(from, "named in .greenline.toml");
    }

    #[test]
    fn then_the_failing_step_then_the_projects_files() {
        let (setup, validation, from) = detected_for("", Some("Run make test"));
        assert_eq!((setup, validation), (vec!["make deps".into()], vec!["make test".to_owned()]));
        assert_eq!(from, "guessed from the failing step of job test in .github/workflows/ci.yml");
        let (_, validation, from) = detected_for("", Some("Run something else"));
        assert_eq!(
            (validation[0].as_str(), from.as_str()),
            ("go test ./...", "guessed from go.mod")
        );
    }

    #[test]
    fn a_named_setup_goes_with_a_guessed_validation() {
        let (setup, validation, _) =
            detected_for("[commands]\nsetup = [\"x\"]", Some("Run make test"));
        assert_eq!((setup, validation), (vec!["x".into()], vec!["make test".to_owned()]));
    }

    #[test]
    fn where_nothing_is_known_it_says_what_to_do() {
        let failing = FailingStep { check: &CheckName::new("test"), step: None, tool: None };
        let found = commands(&RepoSettings::default(), &failing, &ProjectFiles::default());
        assert!(found.validation.is_empty());
        assert!(found.from.to_string().contains("name them in .greenline.toml"));
    }
}
