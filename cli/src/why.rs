//! `greenline why`: the observations, conclusions and decisions on a pull request or branch, with
//! reasons, in order.

use std::str::FromStr;

use greenline_forge::{PullNumber, RepoName};
use greenline_lead::plan::{Ledger, Subject, Told};

use crate::args::Global;
use crate::ending::{Complaint, Ended};
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
struct Target {
    repo: RepoName,
    subject: Subject,
}

impl FromStr for Target {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        let unread = || {
            Complaint::wrong(format!("{text:?} names no pull request"))
                .mend("write acme/app#812, its URL, or acme/app@main for a branch")
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

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<Ended> {
    let target: Target = args.target.parse()?;
    Session::client(global)?.run(async |session| tell(&session, &target).await)
}

async fn tell(session: &Session, target: &Target) -> anyhow::Result<Ended> {
    let ledger = Ledger::new(session.queue().await?);
    let story = ledger.story(&target.repo, &target.subject).await?;
    if story.is_empty() && !session.out.json {
        session.out.note(
            "Nothing was decided there: no check has failed, or the repository is not watched.",
        );
    }
    for (at, told) in story.iter().enumerate() {
        if session.out.json {
            session.out.object(told)?;
        } else {
            let gap = if at > 0 { "\n" } else { "" };
            session.out.block(format_args!("{gap}{}", lines(told, when::now_ms())))?;
        }
    }
    Ok(if story.is_empty() { Ended::No } else { Ended::Done })
}

/// Formats one decision: the failure, its diagnosis, its origin, the decision.
pub(crate) fn lines(told: &Told, now_ms: i64) -> String {
    let plain = |text: &str| text::one_line(text);
    let failed = i64::try_from(told.failed_at).unwrap_or(i64::MAX);
    let short = told.head_sha.get(..7).unwrap_or(&told.head_sha);
    let mut lines = format!(
        "{BOLD}{}{BOLD:#} failed at {short} {DIM}{}, {}{DIM:#}\n",
        plain(&told.check),
        when::clock(failed, now_ms),
        when::age(failed, now_ms)
    );
    let mut row = |name: &str, text: String| {
        lines.push_str(&format!("  {DIM}{name:<9}{DIM:#} {text}\n"));
    };
    match (&told.category, &told.verdict) {
        (Some(category), Some(verdict)) => {
            let sure = told.confidence.unwrap_or(0.0) * 100.0;
            row("diagnosis", format!("{category}, {verdict} ({sure:.0} % sure)"));
        }
        _ => row("diagnosis", "the log could not be read".to_owned()),
    }
    if let Some(headline) = &told.headline {
        row("", plain(headline));
    }
    row("origin", format!("{}: {}", told.origin, plain(&told.because)));
    row("decision", format!("{} ({}): {}", told.action, told.rule, plain(&told.reason)));
    if let Some(task) = &told.task_id {
        row("task", format!("{task}, commands {}", plain(&told.commands)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_is_named_in_each_way_that_people_do() {
        let pull =
            Target { repo: "acme/app".parse().unwrap(), subject: Subject::Pull(PullNumber(812)) };
        for text in [
            "acme/app#812",
            "https://github.com/acme/app/pull/812",
            "https://git.acme.test/base/acme/app/pull/812/files?w=1#diff",
        ] {
            assert_eq!(text.parse::<Target>().unwrap(), pull, "{text}");
        }
        let branch = "acme/app@release/1".parse::<Target>().unwrap();
        assert_eq!(branch.subject, Subject::Branch("release/1".to_owned()));
        for text in ["", "812", "acme#812", "acme/app#x", "https://github.com/pull/1", "acme/app@"]
        {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
