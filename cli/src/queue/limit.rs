//! `greenline queue limit`.

use greenline_queue::TaskType;
use serde_json::json;

use crate::error::ExitStatus;
use crate::session::Session;

/// Limit how many tasks of a type start per minute
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline queue limit                         what is limited
  greenline queue limit fix_test_failure 10
  greenline queue limit fix_test_failure off")]
pub(crate) struct Args {
    /// Task type
    #[arg(value_name = "TYPE", requires = "per_minute")]
    kind: Option<TaskType>,
    /// Tasks per minute, or off
    #[arg(value_name = "N|off", value_parser = per_minute)]
    per_minute: Option<PerMinute>,
}

#[derive(Debug, Clone, Copy)]
struct PerMinute(Option<u32>);

fn per_minute(text: &str) -> Result<PerMinute, String> {
    match text.parse::<u32>() {
        _ if text == "off" => Ok(PerMinute(None)),
        Ok(0) => Err("0 would let none start: pause the type, or write off".to_owned()),
        // Redis stores as many starts as the limit allows.
        Ok(limit) if limit <= 100_000 => Ok(PerMinute(Some(limit))),
        _ => Err("write tasks per minute, 1 to 100000, or off".to_owned()),
    }
}

pub(super) async fn run(session: &Session, args: &Args) -> anyhow::Result<ExitStatus> {
    let queue = session.queue().await?;
    if let (Some(kind), Some(PerMinute(limit))) = (&args.kind, args.per_minute) {
        queue.limit(kind, limit).await?;
    }
    let limits = queue.limits().await?;
    if session.out.json {
        for (kind, limit) in &limits {
            session.out.object(&json!({ "type": kind, "per_minute": limit }))?;
        }
        return Ok(ExitStatus::Success);
    }
    if limits.is_empty() {
        session.out.note("No type is limited.");
    }
    for (kind, limit) in &limits {
        session.out.line(format_args!("{kind}: at most {limit} a minute"))?;
    }
    Ok(ExitStatus::Success)
}
