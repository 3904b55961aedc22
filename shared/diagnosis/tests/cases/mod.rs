//! The fixtures as the test and the command `fixtures` see them: what each expects, what came out.

mod expect;
mod mark;
mod report;

use std::fs;
use std::path::{Path, PathBuf};

use greenline_diagnosis::{Diagnosis, DiagnosisOptions, diagnose};

use expect::{Expect, File};
pub(crate) use report::Report;

/// One folder of the fixtures.
pub(crate) struct Case {
    /// `ecosystem/case`.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) folder: PathBuf,
    /// What must come out.
    pub(crate) expect: Expect,
    /// Whether a passing run shows a failure that its job tolerates.
    pub(crate) tolerates_failure: bool,
    /// Of the recorded failure.
    pub(crate) red: Diagnosis,
    /// Of the same failure with other noise.
    pub(crate) again: Diagnosis,
    /// Of the repaired project.
    pub(crate) green: Diagnosis,
}

impl Case {
    /// Those that are wanted (all if none is named), in the order of their names.
    pub(crate) fn all(wanted: &[String]) -> Result<Vec<Self>, String> {
        let names = names()?;
        if let Some(unknown) = wanted.iter().find(|name| !names.contains(name)) {
            return Err(format!("no fixture {unknown}, or it has no logs yet"));
        }
        let chosen = names.into_iter().filter(|name| wanted.is_empty() || wanted.contains(name));
        chosen.map(Self::read).collect()
    }

    /// The ecosystem it belongs to.
    pub(crate) fn ecosystem(&self) -> &str {
        self.name.split_once('/').map_or("", |(ecosystem, _)| ecosystem)
    }

    /// What `marked.txt` should hold.
    pub(crate) fn marks(&self) -> String {
        mark::marks(&self.red_log(), &self.red)
    }

    /// What `marked.txt` holds, if it is there.
    pub(crate) fn marked(&self) -> Option<String> {
        fs::read_to_string(self.marked_path()).ok()
    }

    /// Where it is.
    pub(crate) fn marked_path(&self) -> PathBuf {
        self.folder.join("marked.txt")
    }

    fn red_log(&self) -> Vec<u8> {
        fs::read(self.folder.join("red.log")).unwrap_or_default()
    }

    fn read(name: String) -> Result<Self, String> {
        let folder = home().join(&name);
        let text = fs::read_to_string(folder.join("case.toml"))
            .map_err(|error| format!("{name}/case.toml: {error}"))?;
        let diagnosed = |log: &str| {
            fs::read(folder.join(log))
                .map(|bytes| diagnose(&bytes, &DiagnosisOptions::default()))
                .map_err(|error| format!("{name}/{log}: {error}"))
        };
        let file: File =
            toml::from_str(&text).map_err(|error| format!("{name}/case.toml: {error}"))?;
        Ok(Self {
            tolerates_failure: file.tolerates_failure(),
            expect: file.expect,
            red: diagnosed("red.log")?,
            again: diagnosed("red.again.log")?,
            green: diagnosed("green.log")?,
            folder: folder.clone(),
            name,
        })
    }
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The folders that hold all three logs.
fn names() -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for ecosystem in folders(&home())? {
        for case in folders(&ecosystem)? {
            let complete = ["case.toml", "red.log", "red.again.log", "green.log"]
                .iter()
                .all(|file| case.join(file).is_file());
            if let Ok(name) = case.strip_prefix(home())
                && complete
            {
                names.push(name.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    names.sort();
    Ok(names)
}

fn folders(inside: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(inside).map_err(|error| format!("{}: {error}", inside.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}
