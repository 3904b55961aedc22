//! `greenline doctor`: finds problems, with a remedy for each.
//!
//! It changes nothing. A check that is impossible, because Redis is away or a permission is
//! missing, is itself a result, and the other checks still run.

mod finding;
mod github;
mod keys;
mod machine;
mod queue;
mod redis;
mod rights;

use greenline_runtime::Role;
use greenline_runtime::settings::{Loaded, Place, Problem, Problems, Settings, Sources, load};
use serde_json::json;

use crate::args::Global;
use crate::ending::Ended;
use crate::print::Output;
use finding::{Finding, Level};

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

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<Ended> {
    let out = Output { json: global.json };
    let mut findings = Vec::new();
    match load(&Sources::of_process(Role::Client, global.flags())) {
        Ok(loaded) => {
            findings.extend(of_settings(&loaded));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            findings.extend(runtime.block_on(of_redis(&loaded.settings)));
            findings.extend(runtime.block_on(github::look(&loaded.settings)));
            findings.extend(machine::look(Some(&loaded.settings)));
        }
        Err(Problems(problems)) => {
            findings.extend(problems.into_iter().map(|problem| of_problem(problem, Level::Fail)));
            findings.push(Finding::info("redis", "not looked at: correct the settings first"));
            findings.extend(machine::look(None));
        }
    }
    tell(out, args, &findings)
}

fn of_settings(loaded: &Loaded) -> Vec<Finding> {
    let set: Vec<String> = loaded
        .effective
        .iter()
        .filter(|one| one.from != Place::Default)
        .map(|one| match &one.from {
            Place::Environment(name) if name.starts_with(one.setting.env) => name.clone(),
            from => format!("{} ({from})", one.setting.name),
        })
        .collect();
    let says = match set.as_slice() {
        [] => "all have their defaults".to_owned(),
        _ => format!("{} of {} are set: {}", set.len(), loaded.effective.len(), set.join(", ")),
    };
    let mut findings = vec![Finding::ok("settings", says)];
    let warnings = loaded.warnings.0.iter().cloned();
    findings.extend(warnings.map(|problem| of_problem(problem, Level::Warn)));
    findings
}

fn of_problem(problem: Problem, level: Level) -> Finding {
    let says = format!("{}: {}", problem.place, problem.says);
    Finding { level, about: "settings", says, mend: Some(problem.mend) }
}

async fn of_redis(settings: &Settings) -> Vec<Finding> {
    let (mut findings, store) = redis::look(settings).await;
    if let Some(store) = store {
        findings.extend(rights::look(&store).await);
        findings.extend(queue::look(&store, settings).await);
    }
    findings
}

fn tell(out: Output, args: &Args, findings: &[Finding]) -> anyhow::Result<Ended> {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count() as u64;
    let (failures, warnings) = (count(Level::Fail), count(Level::Warn));
    let well = |finding: &&Finding| matches!(finding.level, Level::Ok | Level::Info);
    for finding in findings.iter().filter(|finding| !(args.quiet && well(finding))) {
        if out.json {
            out.object(&json!(finding))?;
        } else {
            out.block(finding)?;
        }
    }
    if !out.json {
        out.line(finding::sum(failures, warnings))?;
    }
    Ok(if failures > 0 { Ended::No } else { Ended::Done })
}
