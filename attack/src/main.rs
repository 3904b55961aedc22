//! Attacks on Greenline's own sandbox, queue and lead: `make attack`.
//!
//! Each attempt that ever got out, and each that was tried and did not, is made again against the
//! real program on several grounds: as root and as an ordinary user, with namespaces and with
//! Landlock alone. An attempt counts as held only if its control outside of the sandbox succeeds in
//! the same run. What is attacked is started here, on this machine, and ends here.
//!
//! What is not in here: attacks that need another machine, and the kernel's own holes.

mod attempt;
mod compose;
mod deployment;
mod listeners;
mod probe;
mod report;
mod sandboxed;
mod services;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::report::AttackReport;
use crate::target::AttackTarget;

/// Attack Greenline's own sandbox, queue and lead
///
/// Prints held, broke or could not try for each attempt; the last line counts them. Exit code 1 if
/// one broke.
#[derive(Debug, Parser)]
#[command(
    name = "make attack",
    after_help = "Examples:
  make attack
  make attack ARGS=\"--target user-landlock --only B1\"
  make attack ARGS=\"--only 'chmod'\""
)]
struct Args {
    /// Only attempts whose name starts with this, or whose words hold it
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// Only on these grounds [default: all]
    #[arg(long, value_enum, value_name = "GROUND", value_delimiter = ',')]
    target: Vec<AttackTarget>,
    /// The program to attack [default: `greenline` beside this program]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The compiled probe; without it `probe/probe.c` is compiled
    #[arg(long, value_name = "FILE", hide = true)]
    probe: Option<PathBuf>,
    /// One JSON object for each attempt, then the last line
    #[arg(long)]
    json: bool,
    /// Also what the tasks printed
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the program's own complaint")]
            {
                eprintln!("error: {error:#}");
            }
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> anyhow::Result<bool> {
    let mut report = AttackReport::new(args.json, args.verbose, args.only.clone());
    let attempts: Vec<_> = attempt::all()?
        .into_iter()
        .filter(|attempt| report.wants(&attempt.name, &attempt.words))
        .collect();
    let program = match &args.program {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("greenline"),
    };
    anyhow::ensure!(program.exists(), "{} is not there: build it first", program.display());
    let folder = tempfile::tempdir()?;
    let probe = match &args.probe {
        Some(probe) => probe.clone(),
        None => probe::build(folder.path())?,
    };
    let targets =
        if args.target.is_empty() { AttackTarget::value_variants() } else { &args.target };
    for target in targets {
        report.begin(*target);
        let programs = (program.as_path(), probe.as_path());
        match target.sandbox() {
            Some(sandbox) => sandboxed::attack(programs, sandbox, &attempts, &mut report),
            None if *target == AttackTarget::Services => {
                services::attack(programs.0, programs.1, &mut report);
            }
            None => compose::attack(programs, args.only.as_deref(), &attempts, &mut report),
        }
    }
    Ok(report.end())
}
