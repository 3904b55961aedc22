//! `greenline flaky`: tests that fail and pass without a change.

use greenline_forge::RepoName;
use greenline_lead::history::{FlakyTest, History};

use crate::error::{CliError, ExitStatus};
use crate::global::Global;
use crate::print::style::DIM;
use crate::print::table::{Align, Cell, Table};
use crate::print::when;
use crate::session::Session;

/// List tests that fail and pass without a change
///
/// Covers the last 14 days, by results on the same commit, the worst first. The rate is the share
/// of the check's results in which the test was flaky.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline flaky
  greenline flaky --repo acme/app
  greenline flaky --json | jq -r 'select(.rate > 0.05) | .test'")]
pub(crate) struct Args {
    /// Only in this repository
    #[arg(long, value_name = "OWNER/REPO")]
    repo: Option<String>,
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    Session::client(global)?.run(async |session| list(&session, args).await)
}

async fn list(session: &Session, args: &Args) -> anyhow::Result<ExitStatus> {
    let named: Option<RepoName> = match &args.repo {
        None => None,
        Some(name) => Some(name.parse().map_err(|error| CliError::usage(format!("{error}")))?),
    };
    let history = History::new(session.queue().await?.store().clone());
    let repos = match named {
        Some(repo) => vec![repo],
        None => history.repos().await?,
    };
    let now = when::now_ms();
    let mut tests = Vec::new();
    for repo in &repos {
        tests.extend(history.flaky(repo, u64::try_from(now).unwrap_or(0)).await?);
    }
    tests.sort_by(|one, other| other.rate.total_cmp(&one.rate));
    show(session, &tests, now)
}

fn show(session: &Session, tests: &[FlakyTest], now_ms: i64) -> anyhow::Result<ExitStatus> {
    if session.out.json {
        for test in tests {
            session.out.object(test)?;
        }
        return Ok(ExitStatus::Success);
    }
    if tests.is_empty() {
        session.out.note(
            "No test is known to be flaky. One is when it fails and passes on the same commit.",
        );
        return Ok(ExitStatus::Success);
    }
    session.out.block(table(tests, session.out.width(), now_ms))?;
    Ok(ExitStatus::Success)
}

fn table(tests: &[FlakyTest], width: Option<usize>, now_ms: i64) -> Table {
    let columns = [
        ("rate", Align::Right),
        ("flakes", Align::Right),
        ("runs", Align::Right),
        ("last seen", Align::Right),
        ("repository", Align::Left),
        ("check", Align::Left),
        ("test", Align::Left),
    ];
    let mut table = Table::new(&columns, width);
    for test in tests {
        let last = i64::try_from(test.last_seen_at).unwrap_or(i64::MAX);
        let name = match &test.test {
            Some(name) => Cell::from(name),
            None => Cell::styled("(the log names none)", DIM),
        };
        table.row([
            Cell::from(format!("{:.1} %", test.rate * 100.0)),
            Cell::from(test.flakes),
            Cell::from(test.runs),
            Cell::from(when::age(last, now_ms)),
            Cell::from(&test.repo),
            Cell::from(&test.check),
            name,
        ]);
    }
    table
}
