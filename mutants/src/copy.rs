//! A copy of the working tree in which mutants are applied.

use std::collections::BTreeSet;
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
        let names: BTreeSet<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
        // A file that was renamed would be there twice.
        remove_others(place, Path::new(""), &names)?;
        for name in names {
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

/// Removes what is below `place` and has none of the names.
fn remove_others(place: &Path, below: &Path, names: &BTreeSet<&str>) -> anyhow::Result<()> {
    let Ok(entries) = fs::read_dir(place.join(below)) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let name = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            remove_others(place, &name, names)?;
        } else if !name.to_str().is_some_and(|name| names.contains(name)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_is_gone_from_the_copy_too() {
        let (root, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let git = Command::new("git").args(["init", "-q"]).current_dir(root.path()).status();
        assert!(git.unwrap().success());
        fs::create_dir(root.path().join("a")).unwrap();
        fs::write(root.path().join("a/old"), "x").unwrap();
        Copy::make(root.path(), place.path()).unwrap();
        fs::rename(root.path().join("a/old"), root.path().join("a/new")).unwrap();
        Copy::make(root.path(), place.path()).unwrap();
        assert!(place.path().join("a/new").exists() && !place.path().join("a/old").exists());
    }
}
