//! The list of mutants, and the test that it is still about this code.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::bail;
use serde::Deserialize;

/// One guard, broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    /// The guard, in words.
    pub(crate) guard: String,
    /// The file, from the root of the repository.
    pub(crate) file: String,
    /// Text that stands there exactly once.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) package: String,
    /// The name of the integration test, or `lib` for unit tests.
    pub(crate) target: String,
    /// The test that has to fail.
    pub(crate) test: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mutant: Vec<Mutant>,
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.guard, self.file)
    }
}

impl Mutant {
    /// Returns `true` if both name the same test.
    pub(crate) fn has_the_test_of(&self, other: &Self) -> bool {
        let test = |it: &Self| (it.package.clone(), it.target.clone(), it.test.clone());
        test(self) == test(other)
    }

    /// The text of its file with the mutation in it.
    pub(crate) fn mutated(&self, text: &str) -> anyhow::Result<String> {
        match text.matches(&self.from).count() {
            1 if self.from == self.to => bail!("{self}: it changes nothing"),
            1 => Ok(text.replacen(&self.from, &self.to, 1)),
            count => bail!("{self}: its original text stands there {count} times, not once"),
        }
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

pub(crate) fn all() -> anyhow::Result<Vec<Mutant>> {
    let file: File = toml::from_str(include_str!("../mutants.toml"))?;
    Ok(file.mutant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_text_of_each_mutant_stands_in_its_file_once() {
        let mutants = all().unwrap();
        let problems: Vec<String> = mutants
            .iter()
            .filter_map(|mutant| {
                let Ok(text) = std::fs::read_to_string(root().join(&mutant.file)) else {
                    return Some(format!("{mutant}: there is no such file"));
                };
                mutant.mutated(&text).err().map(|error| error.to_string())
            })
            .collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }

    #[test]
    fn the_test_of_each_mutant_exists() {
        for mutant in all().unwrap() {
            let package = match mutant.package.strip_prefix("greenline-") {
                None => "cli".to_owned(),
                Some(name @ ("lead" | "worker")) => name.to_owned(),
                Some(name) => format!("shared/{name}"),
            };
            let mut modules: Vec<_> = mutant.test.split("::").collect();
            let function = modules.pop().unwrap();
            modules.retain(|name| !["tests", "on_a_fresh_bed"].contains(name));
            let below = match mutant.target.as_str() {
                "lib" => format!("{package}/src/{}", modules.join("/")),
                target => format!("{package}/tests/{target}/{}", modules.join("/")),
            };
            let read = |path: String| std::fs::read_to_string(root().join(path)).ok();
            let text = read(format!("{below}.rs")).or_else(|| read(format!("{below}/mod.rs")));
            let is_there = text.is_some_and(|text| text.contains(&format!("fn {function}(")));
            assert!(is_there, "{mutant}: there is no test {}", mutant.test);
        }
    }

    #[test]
    fn each_part_that_guards_something_has_a_mutant() {
        let mutants = all().unwrap();
        for part in [
            "cli/src/up.rs",
            "lead/src/publish/approval.rs",
            "lead/src/publish/guarded.rs",
            "lead/src/publish/halt.rs",
            "lead/src/publish/intent_key.rs",
            "lead/src/leadership/guard.rs",
            "lead/src/lua/limit_writes.lua",
            "lead/src/publish/actions/authorized.rs",
            "lead/src/watch/",
            "lead/src/http",
            "lead/src/commands/",
            "shared/forge/src/webhook/signature.rs",
            "shared/forge/src/tokens.rs",
            "shared/forge/src/cache.rs",
            "shared/queue/src/payload_check.rs",
            "shared/queue/src/signature.rs",
            "worker/src/state.rs",
            "worker/src/shutdown.rs",
            "worker/src/settlement.rs",
            "worker/src/reproduce/",
            "worker/src/workspace/",
            "worker/src/command/",
            "worker/src/egress/",
            "worker/src/task_user.rs",
            "worker/src/sandbox/root.rs",
            "worker/src/sandbox/files.rs",
            "worker/src/sandbox/seccomp.rs",
            "worker/src/sandbox/privileges.rs",
        ] {
            let has = mutants.iter().any(|mutant| mutant.file.starts_with(part));
            assert!(has, "no mutant breaks a guard in {part}");
        }
    }
}
