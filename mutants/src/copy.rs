//! A copy of the working tree in which mutants are applied.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::list::Mutant;

/// The copy.
pub(crate) struct Copy {
    place: PathBuf,
}

/// A file with a mutant in it; it is as before when this is dropped.
pub(crate) struct Broken {
    file: PathBuf,
    text: String,
}

impl Copy {
    /// Copies what git knows of, changes that are not committed included. Files that are the same
    /// as in the last copy stay untouched, so that they need not be compiled again.
    pub(crate) fn make(root: &Path, place: &Path) -> anyhow::Result<Self> {
        let mut list = Command::new("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let output = list.current_dir(root).output().context("failed to run git")?;
        ensure!(output.status.success(), "git ls-files failed");
        let names = String::from_utf8(output.stdout)?;
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            copy(&root.join(name), &place.join(name))
                .with_context(|| format!("failed to copy {name}"))?;
        }
        Ok(Self { place: place.to_owned() })
    }

    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Applies a mutant.
    pub(crate) fn broken(&self, mutant: &Mutant) -> anyhow::Result<Broken> {
        let file = self.place.join(&mutant.file);
        let text = fs::read_to_string(&file).with_context(|| mutant.to_string())?;
        fs::write(&file, mutant.mutated(&text)?)?;
        Ok(Broken { file, text })
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        // The next copy would put it right as well.
        let _restored = fs::write(&self.file, &self.text);
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if from.is_symlink() || !from.exists() {
        return Ok(());
    }
    if fs::read(from)? == fs::read(to).unwrap_or_default() && to.exists() {
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to)?;
    Ok(())
}
