//! Prompts: one template a file in `prompt_templates/`, one struct for its variables.
//!
//! - Compiled in. Rendering is strict: a variable that is missing is an error, and a test renders
//!   every file of that folder, so that it is an error of the build and not of a night.
//! - Whatever comes from outside goes in as [`FencedBlock`] or [`InlineCode`], which fence it as data.
//! - A template's name is its file's name, so that a repository can bring its own some day; nothing
//!   here reads one yet.

mod data;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

pub use data::{FencedBlock, InlineCode};

/// The reason why a prompt can't be rendered.
#[derive(Debug, thiserror::Error)]
#[error("the prompt {name} can't be rendered: {source}")]
pub struct PromptError {
    name: &'static str,
    source: minijinja::Error,
}

/// Variables of a template.
pub trait Prompt: Serialize {
    /// The template's file.
    const FILE: &'static str;
}

macro_rules! templates {
    ($($name:literal)+) => {
        const TEMPLATES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../prompt_templates/", $name)))),+];
    };
}

templates! {
    "ci_fix_task.prompt.md"
    "investigate_task.prompt.md"
    "review_task.prompt.md"
}

/// Variables that the repair and the investigation prompt share.
#[derive(Debug, Clone, Serialize)]
pub struct FailureVars {
    pub repo: String,
    pub check: InlineCode,
    /// The commit.
    pub head_sha: String,
    /// Its branch.
    pub branch: InlineCode,
    /// The pull request.
    pub pull: Option<u64>,
    pub title: InlineCode,
    /// The number of this attempt, counted from 1.
    pub attempt: u32,
    /// Most attempts.
    pub attempts: u32,
    /// The diagnosis' category.
    pub category: &'static str,
    /// The tool that spoke.
    pub framework: Option<InlineCode>,
    pub origin: &'static str,
    /// The reason for the origin.
    pub because: InlineCode,
    /// The line that explains it best.
    pub headline: Option<InlineCode>,
    /// Names of failed tests.
    pub failed_tests: Vec<InlineCode>,
    /// Number of failed tests that are not listed.
    pub more_tests: usize,
    /// The part of the log that matters.
    pub excerpt: FencedBlock,
    /// The setup commands.
    pub setup: Option<FencedBlock>,
    /// The validation commands.
    pub validation: FencedBlock,
    /// The source of the commands.
    pub commands_from: String,
    pub deliverables: Vec<String>,
}

/// Asks for a patch that makes one failed check pass.
#[derive(Debug, Clone, Serialize)]
pub struct CiFixTask {
    /// The failure.
    #[serde(flatten)]
    pub failure: FailureVars,
    /// The most files that may change.
    pub max_files: u32,
    /// Paths that may not.
    pub protected_paths: Vec<InlineCode>,
    /// True if the repair may change lock files.
    pub lock_files: bool,
}

/// Asks why a check fails.
#[derive(Debug, Clone, Serialize)]
pub struct InvestigateTask {
    /// The failure.
    #[serde(flatten)]
    pub failure: FailureVars,
    /// The reason why no repair is tried.
    pub doubt: InlineCode,
}

/// Asks for a second look at a patch.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewTask {
    pub repo: String,
    pub check: InlineCode,
    /// The commit that the patch applies to.
    pub head_sha: String,
    /// Its branch.
    pub branch: InlineCode,
    /// The pull request.
    pub pull: Option<u64>,
    pub title: InlineCode,
    /// The diagnosis' category.
    pub category: &'static str,
    /// The line that explains it best.
    pub headline: Option<InlineCode>,
    /// The part of the log that matters.
    pub excerpt: FencedBlock,
    /// The patch.
    pub patch: FencedBlock,
    /// The summary by the agent that wrote the patch.
    pub summary: FencedBlock,
    /// The measurements of the validator.
    pub proof: FencedBlock,
    /// Kinds of change that always ask a person.
    pub requires_approval: String,
    pub deliverables: Vec<String>,
}

impl Prompt for CiFixTask {
    const FILE: &'static str = "ci_fix_task.prompt.md";
}

impl Prompt for InvestigateTask {
    const FILE: &'static str = "investigate_task.prompt.md";
}

impl Prompt for ReviewTask {
    const FILE: &'static str = "review_task.prompt.md";
}

/// The templates, parsed.
#[derive(Debug)]
pub struct Prompts {
    environment: Environment<'static>,
}

impl Prompts {
    /// The compiled-in templates.
    ///
    /// # Errors
    ///
    /// When one of them does not parse, which a test rules out.
    pub fn builtin() -> Result<Self, PromptError> {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_syntax(syntax());
        for &(name, text) in TEMPLATES {
            let added = environment.add_template(name, text);
            added.map_err(|source| PromptError { name, source })?;
        }
        Ok(Self { environment })
    }

    /// Renders a prompt.
    ///
    /// # Errors
    ///
    /// When the template names a variable that there is not.
    pub fn render<P: Prompt>(&self, prompt: &P) -> Result<String, PromptError> {
        let error = |source| PromptError { name: P::FILE, source };
        let template = self.environment.get_template(P::FILE).map_err(error)?;
        template.render(Value::from(Serde(prompt))).map_err(error)
    }
}

/// Tags that stand alone in a line leave no line behind.
fn syntax() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    builder.build().unwrap_or_default()
}

#[cfg(test)]
mod tests;
