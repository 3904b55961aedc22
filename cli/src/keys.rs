//! `greenline keys`: a key pair that tasks are signed and checked with.

use std::io::{IsTerminal, Read};

use greenline_queue::TaskSigningKey;
use serde::Serialize;

use crate::error::{CliError, ExitStatus};
use crate::global::Global;
use crate::print::Output;
use crate::state_dir;

/// Make a key pair that tasks are signed with
///
/// Lead and operator hold the private key, workers the public one. `greenline up` makes its own, and
/// deploy/make-secrets makes one for compose and Kubernetes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  greenline keys
  greenline keys --public <task_key >task_public_key")]
pub(crate) struct Args {
    /// Print the public key of the private one on stdin
    #[arg(long)]
    public: bool,
}

#[derive(Serialize)]
struct Pair<'a> {
    task_key: &'a str,
    task_public_key: String,
}

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<ExitStatus> {
    let out = Output { json: global.json };
    if args.public {
        out.line(format_args!("{}", private_on_stdin()?.public()))?;
        return Ok(ExitStatus::Success);
    }
    let task_key = state_dir::random_secret()?;
    let key: TaskSigningKey = task_key.parse()?;
    let pair = Pair { task_key: &task_key, task_public_key: key.public().to_string() };
    if out.json {
        out.object(&pair)?;
        return Ok(ExitStatus::Success);
    }
    out.line(format_args!("GREENLINE_TASK_KEY={}", pair.task_key))?;
    out.line(format_args!("GREENLINE_TASK_PUBLIC_KEY={}", pair.task_public_key))?;
    out.note("The first is a secret of lead and operator, the second is for workers.");
    Ok(ExitStatus::Success)
}

fn private_on_stdin() -> anyhow::Result<TaskSigningKey> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(CliError::usage("--public reads a private key from stdin")
            .hint("greenline keys --public <task_key")
            .into());
    }
    let mut text = String::new();
    stdin.read_to_string(&mut text)?;
    text.parse().map_err(|error| CliError::usage(format!("stdin: {error}")).into())
}
