//! `greenline diagnose`: explains why a job failed, from its log.
//!
//! It reads logs and prints; it needs no Redis, no settings and no network. `greenline-diagnosis`
//! interprets the logs; this module handles input (files, directories, archives, standard input)
//! and output.

mod budget;
mod input;
mod terminal;

use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use greenline_diagnosis::show::{self, Diagnosed};
use greenline_diagnosis::{
    Diagnosis, DiagnosisOptions, LogReader, PassingLines, RuleSet, diagnose_read, sarif,
};
use serde::Serialize;

use crate::error::{CliError, ExitStatus};
use crate::global::Global;
use crate::print::Output;
use budget::ExcerptBudget;

/// The file of a repository's own rules, beside `.greenline/`, which is never committed.
const OWN_RULES: &str = ".greenline-rules.toml";

/// Explain why a job failed, with the evidence
///
/// Reads the log of a job, or of all jobs of a run. Prints the line that explains the failure best,
/// its category, the failed tests with their places, and the recommended next step. Of several
/// logs, the most informative comes first.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline diagnose job.log
  gh run view 4471 --log-failed | greenline diagnose -
  greenline diagnose logs.zip                     all jobs of a run, as GitHub packs them
  greenline diagnose build/logs/                  every *.log and *.txt below it
  greenline diagnose --json job.log | jq -r .headline.text
  greenline diagnose --format markdown job.log >>\"$GITHUB_STEP_SUMMARY\"
  greenline diagnose --format github job.log      annotations of a pull request
  greenline diagnose --format sarif job.log >greenline.sarif
  greenline diagnose --green main.log job.log     what passing runs print counts less

Rules of your own are read from .greenline-rules.toml in this directory, or from --rules.

Exit codes: 0 diagnosed, also when a failure was found: it is the answer;
2 wrong usage or rules, 3 a log can't be read.")]
pub(crate) struct Args {
    /// Logs, directories of logs, a run's zip, or - for standard input; gzip is fine
    #[arg(value_name = "LOG", default_value = "-")]
    logs: Vec<PathBuf>,
    /// Output format: terminal, json, markdown, github or sarif
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    format: Option<DiagnosisFormat>,
    /// Size limit of the excerpt, such as 8k; at most 16k
    #[arg(long, value_name = "BYTES", default_value = "16k")]
    budget: ExcerptBudget,
    /// Log of a passing run of the same job; may be repeated
    #[arg(long, value_name = "FILE")]
    green: Vec<PathBuf>,
    /// Your own rules, beside the built-in ones
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Category of the SARIF run, unique in an upload: by default the job's name
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Print the whole excerpt too
    #[arg(long)]
    excerpt: bool,
}

/// The output format of a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DiagnosisFormat {
    /// For people
    Terminal,
    /// For programs
    Json,
    /// For a comment or a job's summary
    Markdown,
    /// Workflow commands, which become annotations
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    let format = args.format(global.json)?;
    let out = Output { json: global.json };
    input::refuse_a_person_typing(&args.logs)?;
    let options = args.options(out)?;
    let mut logs = Vec::new();
    for path in &args.logs {
        input::read(path, out, &mut |log, reader| {
            logs.push(Diagnosed { log, diagnosis: diagnose_read(reader, &options) });
        })?;
    }
    let Some(chosen) = show::most_informative(&logs) else {
        return Err(CliError::external("there is no log").into());
    };
    match format {
        DiagnosisFormat::Terminal => out.block(terminal::page(&logs, chosen, &args.view(out)))?,
        DiagnosisFormat::Json => out.line(json(&logs, chosen)?)?,
        DiagnosisFormat::Markdown => out.block(show::markdown(&logs))?,
        DiagnosisFormat::Github => out.block(show::workflow_commands(&logs))?,
        DiagnosisFormat::Sarif => out.line(serde_json::to_string_pretty(&args.sarif(&logs))?)?,
    }
    Ok(ExitStatus::Success)
}

impl Args {
    fn format(&self, json: bool) -> Result<DiagnosisFormat, CliError> {
        match (self.format, json) {
            (None | Some(DiagnosisFormat::Json), true) => Ok(DiagnosisFormat::Json),
            (Some(_), true) => Err(CliError::usage("--json and --format say different things")
                .hint("leave one of them out")),
            (format, false) => Ok(format.unwrap_or(DiagnosisFormat::Terminal)),
        }
    }

    fn options(&self, out: Output) -> anyhow::Result<DiagnosisOptions> {
        let mut passing_lines = PassingLines::new();
        for path in &self.green {
            input::read(path, out, &mut |_, reader: LogReader| passing_lines.learn(reader))?;
        }
        Ok(DiagnosisOptions { budget: self.budget.bytes(), passing_lines, rules: self.rules()? })
    }

    fn rules(&self) -> anyhow::Result<RuleSet> {
        let own = PathBuf::from(OWN_RULES);
        let path = match &self.rules {
            Some(path) => path.clone(),
            None if own.is_file() => own,
            None => return Ok(RuleSet::builtin()),
        };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("failed to read rules from {name}"))?;
        let own =
            RuleSet::parse(&text, &name).map_err(|error| CliError::usage(error.to_string()))?;
        Ok(RuleSet::builtin().with(&own))
    }

    fn view(&self, out: Output) -> terminal::TerminalOptions {
        let again = match &self.logs[..] {
            [one] if one.as_os_str() != "-" => one.display().to_string(),
            _ => "LOG".to_owned(),
        };
        terminal::TerminalOptions { width: out.width(), excerpt: self.excerpt, again }
    }

    fn sarif(&self, logs: &[Diagnosed]) -> sarif::Sarif {
        let id = match (&self.category, logs, self.logs.first()) {
            (Some(category), ..) => category.clone(),
            (None, [one], _) => sarif::category(one.name()),
            (None, _, path) => {
                let stem = path.and_then(|path| path.file_stem()).unwrap_or_default();
                sarif::category(&stem.to_string_lossy())
            }
        };
        sarif::sarif(logs, &id)
    }
}

/// Formats one log's diagnosis, or, for several, the most informative one's and all of them.
fn json(logs: &[Diagnosed], chosen: &Diagnosed) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Several<'a> {
        #[serde(flatten)]
        chosen: &'a Diagnosis,
        log: &'a str,
        logs: &'a [Diagnosed],
    }
    match logs {
        [one] => serde_json::to_string(&one.diagnosis),
        _ => serde_json::to_string(&Several { chosen: &chosen.diagnosis, log: &chosen.log, logs }),
    }
}
