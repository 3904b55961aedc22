//! Breaks guards one at a time and requires that a test notices: `make mutants`.
//!
//! `mutants.toml` lists textual changes, each with the test that has to fail. They are applied in a
//! copy of the working tree under `target/mutants`, one after the other. A mutant is caught only if
//! its test passes without it, the mutant compiles, and the test then fails.
//!
//! Mutants of the queue's Lua scripts are not in here: they run in every `make test`
//! (`shared/queue/tests/queue/mutants.rs`).

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is its report")]

mod copy;
mod list;
mod run;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::copy::Copy;
use crate::list::Mutant;
use crate::run::Ran;

/// Break guards one at a time and see that a test notices
///
/// Exit code 1 if a mutant survived or could not be tried.
#[derive(Debug, Parser)]
#[command(
    name = "make mutants",
    after_help = "Examples:
  make mutants
  make mutants ARGS=\"--only sandbox\""
)]
struct Args {
    /// Only mutants whose file or guard holds this
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// Where the copy is built [default: target/mutants/target]
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    match try_all(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn try_all(args: &Args) -> anyhow::Result<bool> {
    let root = list::root();
    let all: Vec<_> = list::all()?.into_iter().filter(|mutant| wanted(mutant, args)).collect();
    let place = root.join("target/mutants");
    let copy = Copy::make(&root, &place.join("tree"))?;
    let target = args.target_dir.clone().unwrap_or_else(|| place.join("target"));
    let mut healthy: BTreeMap<&Mutant, Ran> = BTreeMap::new();
    let (mut caught, mut survived, mut not_tried) = (0, 0, 0);
    // All of them first: after a mutant, the crate would be compiled again.
    for mutant in &all {
        let known = healthy.iter().find(|(it, _)| it.has_the_test_of(mutant));
        let ran = match known.map(|(_, ran)| ran.clone()) {
            Some(ran) => ran,
            None => run::test(&copy, &target, mutant)?,
        };
        healthy.insert(mutant, ran);
    }
    for mutant in &all {
        match healthy.get(mutant) {
            Some(Ran::Passed) => {}
            Some(Ran::NotRun(why)) => {
                not_tried += 1;
                println!("not tried  {mutant}: without it, {why}");
                continue;
            }
            Some(Ran::Failed) | None => {
                not_tried += 1;
                println!("not tried  {mutant}: its test does not pass without it");
                continue;
            }
        }
        let broken = copy.broken(mutant)?;
        let ran = run::test(&copy, &target, mutant)?;
        drop(broken);
        match ran {
            Ran::Failed => {
                caught += 1;
                println!("caught     {mutant}");
            }
            Ran::Passed => {
                survived += 1;
                println!("survived   {mutant}: {} passes", mutant.test);
            }
            Ran::NotRun(why) => {
                not_tried += 1;
                println!("not tried  {mutant}: {why}");
            }
        }
    }
    println!("caught {caught}, survived {survived}, could not try {not_tried}");
    Ok(survived == 0 && not_tried == 0)
}

fn wanted(mutant: &Mutant, args: &Args) -> bool {
    let only = args.only.as_deref().unwrap_or_default();
    mutant.file.contains(only) || mutant.guard.contains(only)
}
