//! Prompts: one template a file in `prompt_templates/`, one struct for its variables.
//!
//! - Compiled in. Rendering is strict: a variable that is missing is an error, and a test renders
//!   every file of that folder, so that it is an error of the build and not of a night.
//! - Whatever comes from outside goes in as [`Block`] or [`Span`], which fence it as data.
//! - A template's name is its file's name, so that a repository can bring its own some day; nothing
//!   here reads one yet.

mod data;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

pub use data::{Block, Span};

/// What a prompt can't be made of.
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

/// What a repair and a look into a failure share.
#[derive(Debug, Clone, Serialize)]
pub struct FailureVars {
    /// Where.
    pub repo: String,
    /// What is red.
    pub check: Span,
    /// The commit.
    pub head_sha: String,
    /// Its branch.
    pub branch: Span,
    /// The pull request.
    pub pull: Option<u64>,
    /// What that is called.
    pub title: Span,
    /// Which attempt it is, counted from 1.
    pub attempt: u32,
    /// How many there may be.
    pub attempts: u32,
    /// The diagnosis' category.
    pub category: &'static str,
    /// The tool that spoke.
    pub framework: Option<Span>,
    /// Where it comes from.
    pub origin: &'static str,
    /// Why that is thought.
    pub because: Span,
    /// The line that explains it best.
    pub headline: Option<Span>,
    /// Names of failed tests.
    pub failed_tests: Vec<Span>,
    /// How many more there are.
    pub more_tests: usize,
    /// The part of the log that matters.
    pub excerpt: Block,
    /// What ran before.
    pub setup: Option<Block>,
    /// What shows it.
    pub validation: Block,
    /// Where these commands are from.
    pub commands_from: String,
    /// What is to be handed over.
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
    pub protected_paths: Vec<Span>,
    /// Whether lock files may.
    pub lock_files: bool,
}

/// Asks why a check fails.
#[derive(Debug, Clone, Serialize)]
pub struct InvestigateTask {
    /// The failure.
    #[serde(flatten)]
    pub failure: FailureVars,
    /// Why no repair is tried.
    pub doubt: Span,
}

/// Asks for a second look at a patch.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewTask {
    /// Where.
    pub repo: String,
    /// What was red.
    pub check: Span,
    /// The commit that the patch applies to.
    pub head_sha: String,
    /// Its branch.
    pub branch: Span,
    /// The pull request.
    pub pull: Option<u64>,
    /// What that is called.
    pub title: Span,
    /// The diagnosis' category.
    pub category: &'static str,
    /// The line that explains it best.
    pub headline: Option<Span>,
    /// The part of the log that matters.
    pub excerpt: Block,
    /// The patch.
    pub patch: Block,
    /// What its maker says.
    pub summary: Block,
    /// What the verifier measured.
    pub proof: Block,
    /// Kinds of change that always ask a person.
    pub requires_approval: String,
    /// What is to be handed over.
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
