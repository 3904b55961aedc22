//! Redis, HTTP, logs, secrets and git: what is the same whatever walls a sandbox has.

mod comments;
mod git;
mod http;
mod logs;
mod redis;
mod secrets;
mod stage;

use std::path::Path;

use self::stage::Stage;
use crate::attempt::AttackVerdict;
use crate::report::AttackReport;

/// One attempt: whether its control worked, and whether it got through.
struct Case {
    name: &'static str,
    words: &'static str,
    run: fn(&Stage) -> anyhow::Result<AttackVerdict>,
}

/// A verdict from a control that worked or not, and a break with its reason.
fn verdict(control: bool, broke: Option<String>) -> AttackVerdict {
    match (control, broke) {
        (false, _) => AttackVerdict::NotTried("control failed".to_owned()),
        (true, Some(why)) => AttackVerdict::Broke(why),
        (true, None) => AttackVerdict::Held,
    }
}

/// A break with this reason if it is `true`.
fn broke_if(broke: bool, why: &str) -> Option<String> {
    broke.then(|| why.to_owned())
}

/// Makes all attempts and reports each.
pub(crate) fn attack(program: &Path, probe: &Path, report: &mut AttackReport) {
    let cases = [
        secrets::EARLY,
        redis::CASES,
        comments::CASES,
        http::CASES,
        git::CASES,
        logs::CASES,
        secrets::CASES,
        redis::LATE,
    ];
    let cases: Vec<_> = cases.into_iter().flatten().collect();
    let wanted: Vec<_> =
        cases.into_iter().filter(|case| report.wants(case.name, case.words)).collect();
    let commands: Vec<_> = redis::commands()
        .into_iter()
        .filter(|command| report.wants(command.name, command.words))
        .collect();
    if wanted.is_empty() && commands.is_empty() {
        return;
    }
    let stage = match Stage::start(program, probe) {
        Ok(stage) => stage,
        Err(error) => return report.skip(wanted.len() + commands.len(), &format!("{error:#}")),
    };
    for command in commands {
        report.progress(command.words);
        let verdict = redis::refused(&stage, &command);
        report.add(command.name, command.words, verdict);
    }
    for case in wanted {
        report.progress(case.words);
        let verdict = (case.run)(&stage)
            .unwrap_or_else(|error| AttackVerdict::NotTried(format!("failed: {error:#}")));
        report.add(case.name, case.words, verdict);
    }
}
