//! `greenline why`: the observations, conclusions and decisions on a pull request or branch, with
//! reasons, in order.

use std::str::FromStr;

use greenline_forge::{PullNumber, RepoName};
use greenline_lead::plan::{DecisionRecord, PlanStore, Subject};

use crate::error::{CliError, ExitStatus};
use crate::global::Global;
use crate::print::style::{BOLD, DIM};
use crate::print::{text, when};
use crate::session::Session;

/// Explain what Greenline did on a pull request
///
/// Prints everything from the first failed check on: the failure, its diagnosis, its origin, the
/// decision, and the reasons.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline why acme/app#812
  greenline why https://github.com/acme/app/pull/812
  greenline why acme/app@main
  greenline why acme/app#812 --json | jq -r .reason")]
pub(crate) struct Args {
    /// OWNER/REPO#NUMBER, a pull request's URL, or OWNER/REPO@BRANCH
    #[arg(value_name = "PULL")]
    target: String,
}

/// The pull request or branch.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DecisionTarget {
    repo: RepoName,
    subject: Subject,
}

impl FromStr for DecisionTarget {
    type Err = CliError;

    fn from_str(text: &str) -> Result<Self, CliError> {
        let unread = || {
            CliError::usage(format!("{text:?} names no pull request"))
                .hint("write acme/app#812, its URL, or acme/app@main for a branch")
        };
        if let Some((repo, branch)) = text.split_once('@').filter(|_| !text.contains("://")) {
            let repo = repo.parse().map_err(|_| unread())?;
            let subject = Subject::Branch(branch.to_owned());
            return if branch.is_empty() { Err(unread()) } else { Ok(Self { repo, subject }) };
        }
        let (repo, number) = if let Some((_, path)) = text.split_once("://") {
            of_url(path).ok_or_else(unread)?
        } else {
            text.split_once('#')
                .map(|(repo, number)| (repo.to_owned(), number))
                .ok_or_else(unread)?
        };
        let number: PullNumber = number.parse().map_err(|_| unread())?;
        let repo = repo.parse().map_err(|_| unread())?;
        Ok(Self { repo, subject: Subject::Pull(number) })
    }
}

/// Returns repository and number of `host/acme/app/pull/812/files?x#y`; an Enterprise Server may
/// have a path before them.
fn of_url(path: &str) -> Option<(String, &str)> {
    let path = path.split(['?', '#']).next()?;
    let parts: Vec<&str> = path.split('/').collect();
    let at = parts.iter().rposition(|part| *part == "pull").filter(|at| *at >= 3)?;
    Some((format!("{}/{}", parts[at - 2], parts[at - 1]), parts.get(at + 1)?))
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    let target: DecisionTarget = args.target.parse()?;
    Session::client(global)?.run(async |session| print_decisions(&session, &target).await)
}

async fn print_decisions(session: &Session, target: &DecisionTarget) -> anyhow::Result<ExitStatus> {
    let plan_store = PlanStore::new(session.queue().await?);
    let story = plan_store.decisions(&target.repo, &target.subject).await?;
    if story.is_empty() && !session.out.json {
        session.out.note(
            "Nothing was decided there: no check has failed, or the repository is not watched.",
        );
    }
    for (at, record) in story.iter().enumerate() {
        if session.out.json {
            session.out.object(record)?;
        } else {
            let gap = if at > 0 { "\n" } else { "" };
            session.out.block(format_args!("{gap}{}", lines(record, when::now_ms())))?;
        }
    }
    Ok(if story.is_empty() { ExitStatus::Negative } else { ExitStatus::Success })
}

/// Formats one decision: the failure, its diagnosis, its origin, the decision.
pub(crate) fn lines(record: &DecisionRecord, now_ms: i64) -> String {
    let plain = |text: &str| text::one_line(text);
    let failed = i64::try_from(record.failed_at).unwrap_or(i64::MAX);
    let short = record.head_sha.get(..7).unwrap_or(&record.head_sha);
    let mut lines = format!(
        "{BOLD}{}{BOLD:#} failed at {} {DIM}{}, {}{DIM:#}\n",
        plain(&record.check),
        plain(short),
        when::clock(failed, now_ms),
        when::age(failed, now_ms)
    );
    let mut row = |name: &str, text: String| {
        lines.push_str(&format!("  {DIM}{name:<9}{DIM:#} {text}\n"));
    };
    match (&record.category, &record.verdict) {
        (Some(category), Some(verdict)) => {
            let sure = record.confidence.unwrap_or(0.0) * 100.0;
            row("diagnosis", format!("{category}, {verdict} ({sure:.0} % sure)"));
        }
        _ => row("diagnosis", "the log could not be read".to_owned()),
    }
    if let Some(headline) = &record.headline {
        row("", plain(headline));
    }
    row("origin", format!("{}: {}", record.origin, plain(&record.because)));
    row(
        "decision",
        format!("{} ({}): {}", plain(&record.action), plain(&record.rule), plain(&record.reason)),
    );
    if let Some(task) = &record.task_id {
        row("task", format!("{}, commands {}", plain(task), plain(&record.commands)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_is_named_in_each_way_that_people_do() {
        let pull = DecisionTarget {
            repo: "acme/app".parse().unwrap(),
            subject: Subject::Pull(PullNumber(812)),
        };
        for text in [
            "acme/app#812",
            "https://github.com/acme/app/pull/812",
            "https://git.acme.test/base/acme/app/pull/812/files?w=1#diff",
        ] {
            assert_eq!(text.parse::<DecisionTarget>().unwrap(), pull, "{text}");
        }
        let branch = "acme/app@release/1".parse::<DecisionTarget>().unwrap();
        assert_eq!(branch.subject, Subject::Branch("release/1".to_owned()));
        for text in ["", "812", "acme#812", "acme/app#x", "https://github.com/pull/1", "acme/app@"]
        {
            assert!(text.parse::<DecisionTarget>().is_err(), "{text}");
        }
    }
}
