//! `greenline doctor`: finds problems, with a remedy for each.
//!
//! It changes nothing. A check that is impossible, because Redis is away or a permission is
//! missing, is itself a result, and the other checks still run.

mod finding;
mod github;
mod keys;
mod machine;
mod permissions;
mod queue;
mod redis;

use greenline_runtime::ProcessRole;
use greenline_runtime::settings::{
    LoadedSettings, SettingSource, SettingSources, Settings, SettingsError, SettingsProblem, load,
};
use serde_json::json;

use crate::error::ExitStatus;
use crate::global::Global;
use crate::print::Output;
use finding::{DoctorFinding, FindingLevel};

/// Find problems on this machine, with a remedy for each
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline doctor
  greenline doctor --json | jq 'select(.level == \"fail\")'

It looks with the settings and the rights of whoever calls it: in a container,
`docker compose exec worker greenline doctor` looks as the worker does.

Exit code 1 if something is broken; warnings alone are exit code 0.")]
pub(crate) struct Args {
    /// Show problems only
    #[arg(long)]
    quiet: bool,
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    let out = Output { json: global.json };
    let mut findings = Vec::new();
    match load(&SettingSources::of_process(ProcessRole::Client, global.flags())) {
        Ok(loaded) => {
            findings.extend(of_settings(&loaded));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            findings.extend(runtime.block_on(of_redis(&loaded.settings)));
            findings.extend(runtime.block_on(github::check(&loaded.settings)));
            findings.extend(machine::check(Some(&loaded.settings)));
        }
        Err(SettingsError(problems)) => {
            findings.extend(
                problems.into_iter().map(|problem| of_problem(problem, FindingLevel::Fail)),
            );
            findings
                .push(DoctorFinding::info("redis", "not looked at: correct the settings first"));
            findings.extend(machine::check(None));
        }
    }
    print_findings(out, args, &findings)
}

fn of_settings(loaded: &LoadedSettings) -> Vec<DoctorFinding> {
    let set: Vec<String> = loaded
        .effective
        .iter()
        .filter(|one| one.from != SettingSource::Default)
        .map(|one| match &one.from {
            SettingSource::Environment(name) if name.starts_with(one.setting.env) => name.clone(),
            from => format!("{} ({from})", one.setting.name),
        })
        .collect();
    let message = match set.as_slice() {
        [] => "all have their defaults".to_owned(),
        _ => format!("{} of {} are set: {}", set.len(), loaded.effective.len(), set.join(", ")),
    };
    let mut findings = vec![DoctorFinding::ok("settings", message)];
    let warnings = loaded.warnings.0.iter().cloned();
    findings.extend(warnings.map(|problem| of_problem(problem, FindingLevel::Warn)));
    findings
}

fn of_problem(problem: SettingsProblem, level: FindingLevel) -> DoctorFinding {
    let message = format!("{}: {}", problem.place, problem.message);
    DoctorFinding { level, about: "settings", message, hint: Some(problem.hint) }
}

async fn of_redis(settings: &Settings) -> Vec<DoctorFinding> {
    let (mut findings, store) = redis::check(settings).await;
    if let Some(store) = store {
        findings.extend(permissions::check(&store).await);
        findings.extend(queue::check(&store, settings).await);
    }
    findings
}

fn print_findings(
    out: Output,
    args: &Args,
    findings: &[DoctorFinding],
) -> anyhow::Result<ExitStatus> {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count() as u64;
    let (failures, warnings) = (count(FindingLevel::Fail), count(FindingLevel::Warn));
    let well =
        |finding: &&DoctorFinding| matches!(finding.level, FindingLevel::Ok | FindingLevel::Info);
    for finding in findings.iter().filter(|finding| !(args.quiet && well(finding))) {
        if out.json {
            out.object(&json!(finding))?;
        } else {
            out.block(finding)?;
        }
    }
    if !out.json {
        out.line(finding::summary(failures, warnings))?;
    }
    Ok(if failures > 0 { ExitStatus::Negative } else { ExitStatus::Success })
}
