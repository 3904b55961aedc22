//! The settings of a repository: `.greenline.toml` on its base branch.
//!
//! - Every setting has a default; a repository without the file uses the defaults.
//! - The file is read from the base branch only. A pull request can't change how it is handled.
//! - The whole file is checked, and all problems are reported with their places. While it is
//!   invalid, the previous settings stay in force ([`EffectiveSettings`]), and the problems can be reported
//!   on the pull request that brings them.
//! - Its size and its lists are limited: it is untrusted text.
//! - It holds no secret and no address, so that nobody who may push can make the lead call an
//!   address of their choice. The notification webhook belongs to the operator.
//!
//! docs/greenline.toml.example describes each setting; a test keeps the two in step.

pub mod detect_commands;
mod last_valid;
mod problem;
mod reader;

use std::fmt;

use greenline_diagnosis::Category;
use serde::{Deserialize, Serialize};
use toml::de::DeTable;

pub use last_valid::{EffectiveSettings, LastValidSettings};
pub use problem::{FILE, RepoSettingsProblem, RepoSettingsProblems};
pub use reader::GlobPattern;

use crate::check::CheckName;
use reader::{PatternKind, SettingsSection, SettingsSource};

/// The largest file that is read, in bytes.
pub const LARGEST_FILE: usize = 64 * 1024;

/// The most repair tasks for one pull request and signature, whatever a repository sets.
pub const MOST_ATTEMPTS: u32 = 2;

/// The settings of a repository.
#[derive(Debug, Clone, PartialEq)]
pub struct RepoSettings {
    /// The commands of its checks.
    pub commands: CommandSettings,
    /// The same for single checks; the first pattern that fits counts.
    pub checks: Vec<(GlobPattern, CheckCommands)>,
    /// Hosts that `setup` may reach, of those that the operator allows. `None`: all of those.
    pub hosts: Option<Vec<String>>,
    pub limits: LimitSettings,
    pub autonomy: AutonomySettings,
    pub repair: RepairSettings,
    /// True if failed jobs may be re-run.
    pub rerun: bool,
    pub ignore: IgnoreSettings,
    /// Kinds of change that always ask a person.
    pub requires_approval: Vec<ChangeKind>,
    /// True if the operator's webhook is notified when a person has to look.
    pub notify: bool,
}

/// DetectedCommands for all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// Before the work, with network. None: guessed.
    pub setup: Option<Vec<String>>,
    /// The commands that tell red from green, run without network. `None`: guessed.
    pub validation: Option<Vec<String>>,
    /// Time limit of one attempt.
    pub timeout_minutes: u32,
}

/// DetectedCommands for one check; what is not written is taken from those for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckCommands {
    /// Before the work, with network.
    pub setup: Option<Vec<String>>,
    /// The commands that tell red from green, run without network.
    pub validation: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LimitSettings {
    /// Tasks of one pull request at the same time.
    pub open_tasks_per_pull: u32,
    /// Tasks of the repository in a day (UTC).
    pub tasks_per_day: u32,
    /// Dollars for models in a day (UTC).
    pub dollars_per_day: f64,
    /// Dollars for one task.
    pub dollars_per_task: f64,
    /// RepairSettings tasks for one pull request and signature; never more than [`MOST_ATTEMPTS`].
    pub attempts: u32,
}

/// The actions that need no approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutonomySettings {
    pub level: AutonomyLevel,
    /// True if a green pull request may be merged; from level 2 on.
    pub merge: bool,
}

/// The level of autonomy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AutonomyLevel {
    /// It proposes; a person approves each commit.
    Supervised,
    /// It commits to the pull request's branch.
    SemiAutonomous,
    /// It promotes deployments too.
    Autonomous,
}

/// The failures that are repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairSettings {
    pub enabled: bool,
    /// The kinds of failure.
    pub categories: Vec<Category>,
    /// The most files a patch may change.
    pub max_files: u32,
    /// Paths that no patch may change, besides those that never may.
    pub protected_paths: Vec<String>,
    /// True if a patch may change lock files.
    pub lock_files: bool,
}

/// The checks and branches that are ignored.
#[derive(Debug, Clone, PartialEq)]
pub struct IgnoreSettings {
    /// Pull requests with one of these labels.
    pub labels: Vec<String>,
    /// Branches that fit one of these.
    pub branches: Vec<GlobPattern>,
    /// Pull requests that change nothing but files that fit one of these.
    pub paths: Vec<GlobPattern>,
    /// Checks that fit one of these.
    pub checks: Vec<GlobPattern>,
    /// Pull requests of these authors.
    pub authors: Vec<String>,
    /// Drafts.
    pub drafts: bool,
}

/// A kind of change that a repository may want a person to see. Stored with the action that makes
/// it: names here outlive a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The shape of a database.
    DatabaseMigration,
    /// A change of an interface that others call.
    ApiContractChange,
    /// Something that closes a hole.
    SecurityPatch,
    /// A change of what is deployed to users.
    ProductionDeployment,
}

impl ChangeKind {
    const NAMES: [(&'static str, Self); 4] = [
        ("database_migration", Self::DatabaseMigration),
        ("api_contract_change", Self::ApiContractChange),
        ("security_patch", Self::SecurityPatch),
        ("production_deployment", Self::ProductionDeployment),
    ];

    /// Its name in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kinds of failure that a change of the code can mend.
const REPAIRABLE: [Category; 7] = [
    Category::CompileError,
    Category::TypeError,
    Category::LintError,
    Category::TestAssertion,
    Category::SnapshotDiff,
    Category::DependencyInstall,
    Category::DockerBuild,
];

impl Default for RepoSettings {
    fn default() -> Self {
        read(&SettingsSource::new(""), &DeTable::new())
    }
}

impl RepoSettings {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// All problems at once, in the order of the file.
    pub fn parse(text: &str) -> Result<Self, RepoSettingsProblems> {
        if text.len() > LARGEST_FILE {
            let message = format!("the file has {} bytes", text.len());
            let hint = format!("write at most {LARGEST_FILE}");
            return Err(RepoSettingsProblems(vec![RepoSettingsProblem {
                line: 1,
                column: 1,
                message,
                hint,
            }]));
        }
        let source = SettingsSource::new(text);
        let (document, broken) = DeTable::parse_recoverable(text);
        for error in &broken {
            let message = error.message().trim();
            source.report(&error.span().unwrap_or_default(), message, "correct the TOML here");
        }
        if !broken.is_empty() {
            // What was read of a broken file is not worth a second complaint.
            return Err(RepoSettingsProblems(source.problems()));
        }
        let settings = read(&source, document.get_ref());
        let problems = source.problems();
        if problems.is_empty() { Ok(settings) } else { Err(RepoSettingsProblems(problems)) }
    }

    /// The commands that it names for a check, and where they stand.
    #[must_use]
    pub fn commands_for(&self, check: &CheckName) -> (CheckCommands, Option<&GlobPattern>) {
        let own = self.checks.iter().find(|(pattern, _)| pattern.matches(check.as_str()));
        let (pattern, own) = match own {
            Some((pattern, commands)) => (Some(pattern), commands.clone()),
            None => (None, CheckCommands::default()),
        };
        let setup = own.setup.or_else(|| self.commands.setup.clone());
        let validation = own.validation.or_else(|| self.commands.validation.clone());
        (CheckCommands { setup, validation }, pattern)
    }
}

/// Reads every section; what is wrong reads as its default, and the source knows.
fn read(source: &SettingsSource<'_>, table: &DeTable<'_>) -> RepoSettings {
    let mut top = SettingsSection::top(source, table);
    let settings = RepoSettings {
        commands: commands(top.section("commands")),
        checks: checks(top.section("checks")),
        hosts: sandbox(top.section("sandbox")),
        limits: limits(top.section("limits")),
        autonomy: autonomy(source, top.section("autonomy")),
        repair: repair(top.section("repair")),
        rerun: rerun(top.section("rerun")),
        ignore: ignore(top.section("ignore")),
        requires_approval: approval(top.section("approval")),
        notify: notify(top.section("notify")),
    };
    top.finish();
    settings
}

fn commands(mut section: SettingsSection<'_, '_>) -> CommandSettings {
    let setup = section.commands("setup");
    let validation = section.commands("validation");
    let timeout_minutes = section.whole("timeout_minutes", 30, (1, 360));
    section.finish();
    CommandSettings { setup, validation, timeout_minutes }
}

fn checks(section: SettingsSection<'_, '_>) -> Vec<(GlobPattern, CheckCommands)> {
    let named = section.named_sections().into_iter().map(|(pattern, mut section)| {
        let setup = section.commands("setup");
        let validation = section.commands("validation");
        section.finish();
        (pattern, CheckCommands { setup, validation })
    });
    named.collect()
}

fn sandbox(mut section: SettingsSection<'_, '_>) -> Option<Vec<String>> {
    let hosts = section.hosts("hosts");
    section.finish();
    hosts
}

fn limits(mut section: SettingsSection<'_, '_>) -> LimitSettings {
    let limits = LimitSettings {
        open_tasks_per_pull: section.whole("open_tasks_per_pull", 1, (1, 10)),
        tasks_per_day: section.whole("tasks_per_day", 20, (0, 10_000)),
        dollars_per_day: section.dollars("dollars_per_day", 20.0),
        dollars_per_task: section.dollars("dollars_per_task", 2.0),
        attempts: section.whole("attempts", MOST_ATTEMPTS, (1, MOST_ATTEMPTS)),
    };
    section.finish();
    limits
}

fn autonomy(source: &SettingsSource<'_>, mut section: SettingsSection<'_, '_>) -> AutonomySettings {
    let level = match section.whole("level", 1, (1, 3)) {
        2 => AutonomyLevel::SemiAutonomous,
        3 => AutonomyLevel::Autonomous,
        _ => AutonomyLevel::Supervised,
    };
    let merge = section.flag("merge", false);
    if merge && level == AutonomyLevel::Supervised {
        let message = "merge needs a level of 2 or more";
        source.report(&section.place("merge"), message, "write level = 2, or merge = false");
    }
    section.finish();
    AutonomySettings { level, merge }
}

fn repair(mut section: SettingsSection<'_, '_>) -> RepairSettings {
    let known = Category::ALL.map(|category| (category.as_str(), category));
    let repair = RepairSettings {
        enabled: section.flag("enabled", true),
        categories: section
            .choices("categories", "category", &known)
            .unwrap_or_else(|| REPAIRABLE.to_vec()),
        max_files: section.whole("max_files", 5, (1, 100)),
        protected_paths: section.texts("protected_paths", &[]),
        lock_files: section.flag("lock_files", false),
    };
    section.finish();
    repair
}

fn rerun(mut section: SettingsSection<'_, '_>) -> bool {
    let enabled = section.flag("enabled", true);
    section.finish();
    enabled
}

fn ignore(mut section: SettingsSection<'_, '_>) -> IgnoreSettings {
    let ignore = IgnoreSettings {
        labels: section.texts("labels", &["greenline:off"]),
        branches: section.patterns("branches", PatternKind::Paths),
        paths: section.patterns("paths", PatternKind::Paths),
        checks: section.patterns("checks", PatternKind::Names),
        authors: section.texts("authors", &[]),
        drafts: section.flag("drafts", true),
    };
    section.finish();
    ignore
}

fn approval(mut section: SettingsSection<'_, '_>) -> Vec<ChangeKind> {
    let kinds = section.choices("requires_approval", "kind of change", &ChangeKind::NAMES);
    section.finish();
    kinds.unwrap_or_else(|| ChangeKind::NAMES.map(|(_, kind)| kind).to_vec())
}

fn notify(mut section: SettingsSection<'_, '_>) -> bool {
    let notify = section.flag("escalations", true);
    section.finish();
    notify
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../docs/greenline.toml.example");

    fn problems_in(text: &str) -> String {
        RepoSettings::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn nothing_written_is_the_defaults() {
        assert_eq!(RepoSettings::parse("").unwrap(), RepoSettings::default());
    }

    #[test]
    fn the_example_parses_and_says_all_there_is() {
        let settings = RepoSettings::parse(EXAMPLE).unwrap();
        assert_eq!(settings.limits, RepoSettings::default().limits);
        assert_eq!(settings.repair, RepoSettings::default().repair);
        assert_eq!(settings.autonomy, RepoSettings::default().autonomy);
        assert_eq!(settings.requires_approval, RepoSettings::default().requires_approval);
        // Every name that the reader asks for is told: an unknown one lists them all.
        for section in [
            "commands", "sandbox", "limits", "autonomy", "repair", "rerun", "ignore", "approval",
            "notify",
        ] {
            let problems_in = problems_in(&format!("[{section}]\nxxxxxxxxxxxx = 1\n"));
            let names = problems_in.rsplit("there are: ").next().unwrap().split(", ");
            for name in names {
                let line = format!("\n{name} = ");
                assert!(EXAMPLE.contains(&line), "the example leaves out {section}.{name}");
            }
            assert!(EXAMPLE.contains(&format!("\n[{section}]\n")), "{section}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_told_with_its_place() {
        let text = "[repair]\ncategories = [\"lint_error\", \"tset_assertion\"]\n";
        assert_eq!(
            problems_in(text),
            "error: .greenline.toml:2:29: unknown category \"tset_assertion\"\n       \
             did you mean \"test_assertion\"?"
        );
        let text = "[comands]\n[limits]\ntask_per_day = 3\n";
        assert_eq!(
            problems_in(text),
            "error: .greenline.toml:1:2: unknown setting \"comands\"\n       \
             did you mean \"commands\"?\n\
             error: .greenline.toml:3:1: unknown setting \"task_per_day\"\n       \
             did you mean \"tasks_per_day\"?"
        );
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        for (text, place, message) in [
            ("[limits]\nattempts = 3", "2:12", "attempts must be a whole number from 1 to 2"),
            ("[limits]\ndollars_per_day = nan", "2:19", "must be an amount of dollars"),
            ("[limits]\ndollars_per_day = -1", "2:19", "must be an amount of dollars"),
            ("[autonomy]\nlevel = \"2\"", "2:9", "level must be a whole number"),
            ("[autonomy]\nmerge = true", "2:9", "merge needs a level of 2"),
            ("[commands]\nsetup = [\"\"]", "2:10", "setup must be made of texts"),
            ("[commands]\nvalidation = [\"a\\u0000b\"]", "2:15", "holds a NUL"),
            ("[ignore]\nbranches = [\"a[\"]", "2:13", "is no pattern"),
            ("[ignore]\ndrafts = 1", "2:10", "drafts must be true or false"),
            ("[sandbox]\nhosts = [\"a.org/x\"]", "2:10", "is not a host"),
            ("[sandbox]\nhosts = [\"@pyhton\"]", "2:10", "is no group of registries"),
            ("limits = 3", "1:10", "\"limits\" is a section"),
            ("[checks]\ntest = 3", "2:1", "is not a section"),
            ("[limits", "1:8", ""),
        ] {
            let problems_in = problems_in(text);
            assert!(problems_in.contains(&format!(".toml:{place}: ")), "{text}\n{problems_in}");
            assert!(problems_in.contains(message), "{text}\n{problems_in}");
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let problems_in = problems_in(&"#".repeat(LARGEST_FILE + 1));
        assert!(problems_in.contains("the file has 65537 bytes"), "{problems_in}");
        let many = format!("[ignore]\nlabels = [{}]", "\"a\",".repeat(101));
        assert!(self::problems_in(&many).contains("labels has 101 items"));
    }

    #[test]
    fn what_is_repeated_of_a_file_can_not_break_out_of_a_comment() {
        let problems_in = problems_in("\"\\u001b[2J`\\n@all\" = 1\n");
        assert!(
            problems_in.lines().count() == 2 && !problems_in.contains('\u{1b}'),
            "{problems_in}"
        );
    }

    #[test]
    fn one_check_may_have_commands_of_its_own() {
        let settings = RepoSettings::parse(
            "[commands]\nsetup = [\"make deps\"]\nvalidation = [\"make test\"]\n\
             [checks.\"lint*\"]\nvalidation = [\"make lint\"]\n",
        )
        .unwrap();
        let (lint, pattern) = settings.commands_for(&CheckName::new("lint / rust"));
        assert_eq!(lint.setup.unwrap(), ["make deps"]);
        assert_eq!(lint.validation.unwrap(), ["make lint"]);
        assert_eq!(pattern.unwrap().as_str(), "lint*");
        let (test, pattern) = settings.commands_for(&CheckName::new("test"));
        assert_eq!((test.validation.unwrap()[0].as_str(), pattern), ("make test", None));
    }

    #[test]
    fn patterns_know_paths_from_names() {
        let settings = RepoSettings::parse(
            "[ignore]\nbranches = [\"release/*\"]\npaths = [\"docs/**\"]\nchecks = [\"a [b]\"]\n",
        )
        .unwrap();
        let ignore = settings.ignore;
        assert!(
            ignore.branches[0].matches("release/1") && !ignore.branches[0].matches("release/1/x")
        );
        assert!(ignore.paths[0].matches("docs/a/b.md") && !ignore.paths[0].matches("src/docs/a"));
        assert!(ignore.checks[0].matches("a [b]"));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        const SIGNS: [char; 11] = ['[', ']', '"', '\'', '=', '\n', '\\', '#', '{', 'ä', '\0'];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..3_000 {
            let mut text: Vec<char> = EXAMPLE.chars().collect();
            for _ in 0..random.usize(1..8) {
                let at = random.usize(0..text.len());
                text[at] = random.choice(SIGNS).unwrap();
            }
            let _either = RepoSettings::parse(&text.into_iter().collect::<String>());
        }
    }
}
