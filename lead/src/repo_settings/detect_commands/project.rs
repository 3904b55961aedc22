//! Guesses commands from the project's own files.
//!
//! The first matching ecosystem counts, and one that the failing tool belongs to comes before all
//! others: a Rust project with a package.json for its docs is tested by `cargo test`.

use super::ProjectFiles;

/// A guess from one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProjectCommands {
    pub(super) file: &'static str,
    pub(super) setup: Vec<String>,
    pub(super) validation: Vec<String>,
}

/// The marks and the test commands of one ecosystem.
struct Ecosystem {
    /// The file that it is known by.
    file: &'static str,
    /// Beginnings of what its tools are called in a diagnosis.
    tools: &'static [&'static str],
    /// Setup and validation; none where the file says too little.
    commands: fn(&ProjectFiles) -> Option<(String, String)>,
}

const ECOSYSTEMS: [Ecosystem; 11] = [
    Ecosystem {
        file: "Cargo.toml",
        tools: &["cargo", "rustc", "clippy", "rustfmt"],
        commands: cargo,
    },
    Ecosystem {
        file: "package.json",
        tools: &["npm", "jest", "vitest", "mocha", "eslint", "tsc", "yarn", "pnpm", "prettier"],
        commands: node,
    },
    Ecosystem { file: "tox.ini", tools: &["tox"], commands: tox },
    Ecosystem {
        file: "pyproject.toml",
        tools: &["pytest", "unittest", "mypy", "ruff", "flake8", "pip", "python"],
        commands: python,
    },
    Ecosystem { file: "requirements.txt", tools: &["pytest", "pip"], commands: requirements },
    Ecosystem { file: "go.mod", tools: &["go"], commands: go },
    Ecosystem { file: "pom.xml", tools: &["maven", "javac", "junit", "surefire"], commands: maven },
    Ecosystem { file: "build.gradle", tools: &["gradle"], commands: gradle },
    Ecosystem { file: "build.gradle.kts", tools: &["gradle", "kotlin"], commands: gradle },
    Ecosystem { file: "Gemfile", tools: &["rspec", "rubocop", "bundler", "ruby"], commands: ruby },
    Ecosystem { file: "Makefile", tools: &["make"], commands: make },
];

/// Guesses; `tool` is what spoke in the log.
pub(super) fn find(files: &ProjectFiles, tool: Option<&str>) -> Option<ProjectCommands> {
    let belongs = |ecosystem: &&Ecosystem| {
        tool.is_some_and(|tool| ecosystem.tools.iter().any(|name| tool.starts_with(name)))
    };
    let detect = |ecosystem: &Ecosystem| {
        files.text(ecosystem.file)?;
        let (setup, validation) = (ecosystem.commands)(files)?;
        let listed = |command: String| if command.is_empty() { vec![] } else { vec![command] };
        let (setup, validation) = (listed(setup), listed(validation));
        Some(ProjectCommands { file: ecosystem.file, setup, validation })
    };
    let own = ECOSYSTEMS.iter().filter(belongs).find_map(detect);
    own.or_else(|| ECOSYSTEMS.iter().find_map(detect))
}

#[expect(clippy::unnecessary_wraps, reason = "others may say too little")]
fn setup_and_test(setup: &str, validation: &str) -> Option<(String, String)> {
    Some((setup.to_owned(), validation.to_owned()))
}

fn cargo(files: &ProjectFiles) -> Option<(String, String)> {
    let locked = if files.has("Cargo.lock") { " --locked" } else { "" };
    setup_and_test(&format!("cargo fetch{locked}"), "cargo test --offline --workspace")
}

fn node(files: &ProjectFiles) -> Option<(String, String)> {
    let package: serde_json::Value = serde_json::from_str(files.text("package.json")?).ok()?;
    let script = package.get("scripts")?.get("test")?.as_str()?;
    // What `npm init` writes for a project without tests.
    if script.contains("no test specified") {
        return None;
    }
    if files.has("pnpm-lock.yaml") {
        return setup_and_test("pnpm install --frozen-lockfile", "pnpm test");
    }
    if files.has("yarn.lock") {
        return setup_and_test("yarn install --frozen-lockfile", "yarn test");
    }
    let install = if files.has("package-lock.json") { "npm ci" } else { "npm install" };
    setup_and_test(install, "npm test")
}

fn tox(_: &ProjectFiles) -> Option<(String, String)> {
    setup_and_test("tox --notest", "tox --skip-pkg-install")
}

fn python(files: &ProjectFiles) -> Option<(String, String)> {
    let project = files.text("pyproject.toml")?;
    if files.has("uv.lock") {
        return setup_and_test("uv sync --frozen", "uv run --offline pytest");
    }
    if files.has("poetry.lock") {
        return setup_and_test("poetry install", "poetry run pytest");
    }
    let package = if project.contains("[project]") || project.contains("[build-system]") {
        "pip install -e . pytest"
    } else {
        "pip install pytest"
    };
    setup_and_test(&format!("python -m venv .venv && .venv/bin/{package}"), ".venv/bin/pytest")
}

fn requirements(_: &ProjectFiles) -> Option<(String, String)> {
    setup_and_test(
        "python -m venv .venv && .venv/bin/pip install -r requirements.txt pytest",
        ".venv/bin/pytest",
    )
}

fn go(_: &ProjectFiles) -> Option<(String, String)> {
    setup_and_test("go mod download", "go test ./...")
}

fn maven(files: &ProjectFiles) -> Option<(String, String)> {
    let program = if files.has("mvnw") { "./mvnw" } else { "mvn" };
    setup_and_test(&format!("{program} -B dependency:go-offline"), &format!("{program} -B -o test"))
}

fn gradle(files: &ProjectFiles) -> Option<(String, String)> {
    let program = if files.has("gradlew") { "./gradlew" } else { "gradle" };
    setup_and_test(&format!("{program} testClasses"), &format!("{program} --offline test"))
}

fn ruby(files: &ProjectFiles) -> Option<(String, String)> {
    let test = if files.has(".rspec") { "bundle exec rspec" } else { "bundle exec rake test" };
    setup_and_test("bundle install", test)
}

fn make(files: &ProjectFiles) -> Option<(String, String)> {
    let rules = files.text("Makefile")?;
    let has = |target: &str| {
        rules.lines().any(|line| {
            line.strip_prefix(target).is_some_and(|rest| rest.trim_start().starts_with(':'))
        })
    };
    let target = ["test", "check"].into_iter().find(|target| has(target))?;
    setup_and_test("", &format!("make {target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(files: &[(&str, &str)], tool: Option<&str>) -> Option<(String, Vec<String>)> {
        let mut project = ProjectFiles::default();
        for (name, text) in files {
            project.add(name, text);
        }
        find(&project, tool).map(|found| (found.file.to_owned(), found.validation))
    }

    #[test]
    fn each_ecosystem_is_tested_as_its_people_do() {
        let scripts = r#"{"scripts": {"test": "jest"}}"#;
        for (files, command) in [
            (&[("Cargo.toml", "")][..], "cargo test --offline --workspace"),
            (&[("package.json", scripts)], "npm test"),
            (&[("package.json", scripts), ("yarn.lock", "")], "yarn test"),
            (&[("pyproject.toml", "[project]")], ".venv/bin/pytest"),
            (&[("pyproject.toml", ""), ("uv.lock", "")], "uv run --offline pytest"),
            (&[("tox.ini", "")], "tox --skip-pkg-install"),
            (&[("go.mod", "")], "go test ./..."),
            (&[("pom.xml", ""), ("mvnw", "")], "./mvnw -B -o test"),
            (&[("Gemfile", ""), (".rspec", "")], "bundle exec rspec"),
            (&[("Makefile", "all:\n\ntest: all\n\tx\n")], "make test"),
        ] {
            assert_eq!(detect(files, None).unwrap().1, [command], "{files:?}");
        }
    }

    #[test]
    fn the_tool_that_spoke_tells_which_of_two() {
        let files = [("Cargo.toml", ""), ("package.json", r#"{"scripts": {"test": "jest"}}"#)];
        assert_eq!(detect(&files, None).unwrap().0, "Cargo.toml");
        assert_eq!(detect(&files, Some("jest")).unwrap().0, "package.json");
        assert_eq!(detect(&files, Some("cargo test")).unwrap().0, "Cargo.toml");
    }

    #[test]
    fn files_that_say_nothing_are_no_guess() {
        let unset = r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#;
        assert_eq!(detect(&[("package.json", unset)], None), None);
        assert_eq!(detect(&[("package.json", "not json")], None), None);
        assert_eq!(detect(&[("Makefile", "testing:\n\tx\n")], None), None);
        assert_eq!(detect(&[], Some("jest")), None);
    }
}
