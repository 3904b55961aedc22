//! The program that makes most attempts: `probe/probe.c`, compiled when the suite starts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

const SOURCE: &str = include_str!("../probe/probe.c");

/// Compiles it into `folder`: statically if this machine has a static C library.
pub(crate) fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let source = folder.join("probe.c");
    let program = folder.join("probe");
    std::fs::write(&source, SOURCE)?;
    for linking in [&["-static"][..], &[]] {
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-w"]).args(linking).arg(&source).arg("-o").arg(&program);
        let output = compiler.output().context("failed to run cc: install a C compiler")?;
        if output.status.success() {
            return Ok(program);
        }
        if linking.is_empty() {
            bail!("cc failed: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    Ok(program)
}
