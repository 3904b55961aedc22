//! Running one test in the copy.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::copy::Copy;
use crate::list::Mutant;

/// What became of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ran {
    Passed,
    Failed,
    /// It did not get as far.
    NotRun(String),
}

/// Builds and runs the mutant's test.
pub(crate) fn test(copy: &Copy, target: &Path, mutant: &Mutant) -> anyhow::Result<Ran> {
    let built = cargo(copy, target, mutant, &["--no-run"]).output()?;
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr).into_owned();
        let line =
            said.lines().find(|line| line.starts_with("error")).unwrap_or("it does not build");
        return Ok(Ran::NotRun(line.to_owned()));
    }
    let ran = cargo(copy, target, mutant, &["--", "--exact", &mutant.test]).output()?;
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    if !said.contains("running 1 test") {
        return Ok(Ran::NotRun(format!("there is no test {}", mutant.test)));
    }
    Ok(if ran.status.success() { Ran::Passed } else { Ran::Failed })
}

fn cargo(copy: &Copy, target: &Path, mutant: &Mutant, more: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new("timeout");
    // A mutant may hang its test: that is noticed as well.
    cargo.arg(if more.contains(&"--no-run") { "3000" } else { "180" });
    cargo.arg(program).args(["test", "--locked", "--package", &mutant.package]);
    match mutant.target.as_str() {
        "lib" => cargo.arg("--lib"),
        name => cargo.args(["--test", name]),
    };
    cargo.args(more).current_dir(copy.place()).env("CARGO_TARGET_DIR", target);
    cargo.stdin(Stdio::null());
    cargo
}
