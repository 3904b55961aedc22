//! A tiny project that needs nothing but `sh` and `git`, and the reasons for which its pull request
//! is red.
//!
//! Its script turns titles into slugs; `test.sh` checks that and speaks TAP, `lint.sh` has git look
//! for blanks at the ends of lines. The logs of jobs come from really running them ([`Story::run`])
//! and are dressed as GitHub dresses a job's log, so that running them by hand says the same again.
//! What no pull request causes, a network that fails, is written down here.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;

use chrono::{DateTime, Utc};
use tokio::process::Command;

use crate::github::{
    GitChange, GitError, GitHub, JobEnd, NewPull, PullHandle, RepoHandle, RunHandle,
};

const SLUG: &str = include_str!("slug.sh");
const TEST: &str = include_str!("test.sh");
const LINT: &str = include_str!("lint.sh");
const WORKFLOW: &str = include_str!("ci.yml");
const SETTINGS: &str = include_str!("greenline.toml");

/// The jobs of the project's workflow.
const JOBS: [&str; 2] = ["test", "lint"];

/// The reason why the pull request is red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// A change broke what a test asserts.
    Assertion,
    /// The test fails now and then: it passed on this commit before it failed.
    Flaky,
    /// The job never came to the tests.
    Infrastructure,
    /// The linter complains.
    Lint,
    /// The same as [`Story::Assertion`], from a fork.
    Fork,
    /// The default branch is broken, and so is every pull request.
    BrokenBase,
}

impl Story {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Assertion,
        Self::Flaky,
        Self::Infrastructure,
        Self::Lint,
        Self::Fork,
        Self::BrokenBase,
    ];

    /// A word for it, as one types it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Assertion => "assertion",
            Self::Flaky => "flaky",
            Self::Infrastructure => "infrastructure",
            Self::Lint => "lint",
            Self::Fork => "fork",
            Self::BrokenBase => "broken-base",
        }
    }

    /// The story of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|story| story.name() == name)
    }

    /// The job that fails.
    #[must_use]
    pub fn job(self) -> &'static str {
        if self == Self::Lint { "lint" } else { "test" }
    }

    /// Returns a one-sentence description without its full stop.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Assertion => "A change broke what a test asserts",
            Self::Flaky => "A test fails now and then: it passed on this commit before",
            Self::Infrastructure => "The job never came to the tests: the network failed",
            Self::Lint => "The linter complains of blanks at the end of a line",
            Self::Fork => "A change broke a test, and it comes from a fork",
            Self::BrokenBase => "The default branch is broken, and so is every pull request",
        }
    }

    /// The title of its pull request.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Assertion | Self::Fork => "Keep dots in slugs",
            Self::Flaky => "Say what a slug is for",
            Self::Infrastructure => "Describe the tests",
            Self::Lint => "Explain the last step",
            Self::BrokenBase => "Say where a slug goes",
        }
    }

    fn changes(self) -> Vec<GitChange> {
        match self {
            Self::Assertion | Self::Fork => vec![broken()],
            Self::Lint => vec![reworded("Print it, at last.  ")],
            Self::Flaky => vec![reworded("Print it for a link.")],
            Self::Infrastructure => vec![reworded("Print it; see test.sh.")],
            Self::BrokenBase => vec![GitChange::write("README.md", "# slug\n\nFor addresses.\n")],
        }
    }

    /// The pull request of this story, and what came before it.
    pub async fn open(self, repo: &RepoHandle) -> Result<PullHandle, GitError> {
        if self == Self::BrokenBase {
            repo.commit("main", "linus", "Keep dots in slugs", &[broken()]).await?;
            run_main(repo).await?;
        }
        let mut new = NewPull::new(self.name(), self.title(), self.changes());
        if self == Self::Fork {
            new.author = "grace";
            new.fork = Some("grace");
        }
        repo.open_pull(new).await
    }

    /// Lets CI come to its end: the project's jobs, of which one fails. If it is run again, it
    /// passes where the change is not to blame.
    pub async fn run(self, repo: &RepoHandle, pull: &PullHandle) -> Result<RunHandle, GitError> {
        let git = repo.git_folder();
        if self == Self::Flaky {
            let lucky = repo.start_run_at(&pull.sha, "workflow_dispatch", &pull.branch);
            repo.finish(lucky, &all_jobs(repo, &pull.sha).await?);
        }
        let mut jobs = all_jobs(repo, &pull.sha).await?;
        if self == Self::Flaky || self == Self::Infrastructure {
            let unlucky = match self {
                Self::Flaky => run_job(&git, &pull.sha, "test", JobLuck::Bad).await?,
                _ => JobOutput { code: Some(1), lines: no_network() },
            };
            let (_, good) = std::mem::replace(&mut jobs[0], ("test", unlucky.into_job_end(repo)));
            repo.next_attempt("test", good);
        }
        Ok(repo.finish_run(pull, &jobs))
    }
}

/// A slug that keeps dots, which a test forbids.
fn broken() -> GitChange {
    GitChange::write("slug.sh", &SLUG.replace("a-z0-9", "a-z0-9."))
}

/// The script with another word about its last step.
fn reworded(comment: &str) -> GitChange {
    GitChange::write("slug.sh", &SLUG.replace("Print it.", comment))
}

/// The project on `github`, its default branch green.
pub async fn found(github: &GitHub, full_name: &str) -> Result<RepoHandle, GitError> {
    let repo = github.repo_with(full_name, &files()).await?;
    run_main(&repo).await?;
    Ok(repo)
}

/// Returns the initial files of the project.
#[must_use]
pub fn files() -> Vec<GitChange> {
    vec![
        GitChange::write("slug.sh", SLUG),
        GitChange::write("test.sh", TEST),
        GitChange::write("lint.sh", LINT),
        GitChange::write(".github/workflows/ci.yml", WORKFLOW),
        GitChange::write(".greenline.toml", SETTINGS),
        GitChange::write(
            "README.md",
            "# slug\n\nTurns a title into a slug. `sh test.sh` tests it.\n",
        ),
    ]
}

/// Lets CI come to its end on the default branch.
async fn run_main(repo: &RepoHandle) -> Result<(), GitError> {
    let gone = || GitError::Unreadable("there is no main".to_owned());
    let sha = repo.head("main").ok_or_else(gone)?;
    repo.finish(repo.start_run_at(&sha, "push", "main"), &all_jobs(repo, &sha).await?);
    Ok(())
}

async fn all_jobs(repo: &RepoHandle, sha: &str) -> Result<[(&'static str, JobEnd); 2], GitError> {
    let git = repo.git_folder();
    let [test, lint] = JOBS;
    let tested = run_job(&git, sha, test, JobLuck::Good).await?;
    let linted = run_job(&git, sha, lint, JobLuck::Good).await?;
    Ok([(test, tested.into_job_end(repo)), (lint, linted.into_job_end(repo))])
}

/// The outcome of the flaky test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JobLuck {
    Good,
    Bad,
}

/// A job that ran.
struct JobOutput {
    /// None if all went well.
    code: Option<i32>,
    lines: Vec<String>,
}

impl JobOutput {
    /// Its end on the fake GitHub, with its log as GitHub writes it.
    fn into_job_end(self, repo: &RepoHandle) -> JobEnd {
        let mut lines = self.lines;
        if let Some(code) = self.code {
            lines.push(format!("##[error]Process completed with exit code {code}."));
        }
        lines.push("Cleaning up orphan processes".to_owned());
        let log = with_timestamps(&lines, repo.now_ms());
        if self.code.is_some() { JobEnd::Failure(log) } else { JobEnd::Success(log) }
    }
}

/// Runs a job of the project at a commit, for real.
async fn run_job(git: &Path, sha: &str, job: &str, luck: JobLuck) -> Result<JobOutput, GitError> {
    let folder = tempfile::tempdir()?;
    let mut clone = clean_command("git");
    clone.args(["clone", "--quiet", "--no-checkout"]).arg(git).arg(folder.path());
    output_of(&mut clone).await?;
    for step in [["fetch", "--quiet", "origin", sha], ["checkout", "--quiet", "--detach", sha]] {
        let mut git = clean_command("git");
        git.arg("-C").arg(folder.path()).args(step);
        output_of(&mut git).await?;
    }
    let mut script = clean_command("sh");
    script.arg(format!("./{job}.sh")).current_dir(folder.path());
    script.env("SLUG_LUCK", if luck == JobLuck::Bad { "0" } else { "1" });
    let (code, output) = output_of(&mut script).await?;
    let mut lines = log_preamble(job);
    lines.extend(output.lines().map(str::to_owned));
    Ok(JobOutput { code: (code != 0).then_some(code), lines })
}

/// A program that sees nothing of whoever started us: inside a hook of git, `GIT_DIR` is somebody
/// else's.
fn clean_command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Exit code, and what was printed.
async fn output_of(command: &mut Command) -> Result<(i32, String), GitError> {
    let output = command.output().await?;
    let both = [output.stdout, output.stderr].concat();
    let code = output.status.code().ok_or_else(|| std::io::Error::from(ErrorKind::Interrupted))?;
    Ok((code, String::from_utf8_lossy(&both).into_owned()))
}

/// Returns the lines that a runner prints before a job's own output.
fn log_preamble(job: &str) -> Vec<String> {
    [
        "Current runner version: '2.321.0'",
        "##[group]Operating System",
        "Ubuntu",
        "24.04.1",
        "LTS",
        "##[endgroup]",
        &format!("Complete job name: {job}"),
        &format!("##[group]Run sh ./{job}.sh"),
        &format!("\u{1b}[36;1msh ./{job}.sh\u{1b}[0m"),
        "shell: /usr/bin/bash -e {0}",
        "##[endgroup]",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Lines with GitHub's times before them, one a millisecond.
fn with_timestamps(lines: &[String], from_ms: u64) -> String {
    let stamp = |(at, line): (u64, &String)| {
        let ms = i64::try_from(from_ms + at).unwrap_or_default();
        let time = DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default();
        format!("{}0000Z {line}\n", time.format("%Y-%m-%dT%H:%M:%S%.3f"))
    };
    let text: String = (0..).zip(lines).map(stamp).collect();
    // GitHub's logs begin with a byte order mark.
    format!("\u{feff}{text}")
}

/// A checkout that could not reach the server.
fn no_network() -> Vec<String> {
    [
        "Current runner version: '2.321.0'",
        "Complete job name: test",
        "##[group]Run actions/checkout@v4",
        "with:",
        "  repository: acme/slug",
        "##[endgroup]",
        "##[group]Fetching the repository",
        "[command]/usr/bin/git -c protocol.version=2 fetch --no-tags --prune --depth=1 origin",
        "##[error]fatal: unable to access 'https://github.com/acme/slug/': Could not resolve host: github.com",
        "The process '/usr/bin/git' failed with exit code 128",
        "Waiting 14 seconds before trying again",
        "##[error]fatal: unable to access 'https://github.com/acme/slug/': Could not resolve host: github.com",
        "##[error]The process '/usr/bin/git' failed with exit code 128",
    ]
    .map(str::to_owned)
    .to_vec()
}
