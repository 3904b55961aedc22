//! A tiny project that needs nothing but `sh`, and the reasons for which its pull request is red.
//!
//! Its script turns titles into slugs; `./test.sh` checks that and speaks TAP, `./lint.sh` looks
//! for trailing spaces. The logs of failing jobs come from really running them ([`Story::run`])
//! and are dressed as GitHub dresses a job's log. What no pull request causes, a network or a
//! runner that fails, is written down here.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::github::{Change, GitError, JobEnd, NewPull, PullHandle, RepoHandle, RunHandle};

const SLUG: &str = include_str!("project/slug.sh");
const TEST: &str = include_str!("project/test.sh");
const LINT: &str = include_str!("project/lint.sh");
const WORKFLOW: &str = include_str!("project/ci.yml");

/// Why the pull request is red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// A change broke what a test asserts.
    Assertion,
    /// The test fails now and then, and did so here.
    Flaky,
    /// The job never came to the tests.
    Infrastructure,
    /// The linter complains.
    Lint,
    /// The same as [`Story::Assertion`], from a fork.
    Fork,
}

impl Story {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Assertion, Self::Flaky, Self::Infrastructure, Self::Lint, Self::Fork];

    /// A word for it, as one types it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Assertion => "assertion",
            Self::Flaky => "flaky",
            Self::Infrastructure => "infrastructure",
            Self::Lint => "lint",
            Self::Fork => "fork",
        }
    }

    /// The job that fails.
    #[must_use]
    pub fn job(self) -> &'static str {
        if self == Self::Lint { "lint" } else { "test" }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Assertion | Self::Fork => "Keep dots in slugs",
            Self::Flaky => "Say what a slug is for",
            Self::Infrastructure => "Describe the tests",
            Self::Lint => "Explain the last step",
        }
    }

    fn changes(self) -> Vec<Change> {
        let slug = match self {
            Self::Assertion | Self::Fork => SLUG.replace("a-z0-9", "a-z0-9."),
            Self::Lint => SLUG.replace("# Print it.", "# Print it, at last.  "),
            Self::Flaky => SLUG.replace("# Print it.", "# Print it for a link."),
            Self::Infrastructure => SLUG.replace("# Print it.", "# Print it; see test.sh."),
        };
        vec![Change::write("slug.sh", &slug)]
    }

    /// The pull request of this story.
    pub async fn open(self, repo: &RepoHandle) -> Result<PullHandle, GitError> {
        let mut new = NewPull::new(self.name(), self.title(), self.changes());
        if self == Self::Fork {
            new.author = "grace";
            new.fork = Some("grace");
        }
        repo.open_pull(new).await
    }

    /// Lets CI come to its end: the project's jobs, of which one fails.
    pub async fn run(self, repo: &RepoHandle, pull: &PullHandle) -> Result<RunHandle, GitError> {
        let mut jobs = Vec::new();
        for job in ["test", "lint"] {
            jobs.push((job, self.end_of(repo, pull, job).await?));
        }
        if self == Self::Flaky || self == Self::Infrastructure {
            let good = run_job(&repo.git_folder(), &pull.sha, "test", false).await?;
            repo.next_attempt("test", good);
        }
        Ok(repo.finish_run(pull, &jobs))
    }

    async fn end_of(
        self,
        repo: &RepoHandle,
        pull: &PullHandle,
        job: &str,
    ) -> Result<JobEnd, GitError> {
        if self == Self::Infrastructure && job == "test" {
            return Ok(JobEnd::Failure(no_network()));
        }
        let unlucky = self == Self::Flaky && job == "test";
        run_job(&repo.git_folder(), &pull.sha, job, unlucky).await
    }
}

/// What the project begins with.
#[must_use]
pub fn files() -> Vec<Change> {
    vec![
        Change::write("slug.sh", SLUG),
        Change::write("test.sh", TEST),
        Change::write("lint.sh", LINT),
        Change::write(".github/workflows/ci.yml", WORKFLOW),
        Change::write("README.md", "# slug\n\nTurns a title into a slug. `./test.sh` tests it.\n"),
    ]
}

/// Runs a job of the project at a commit, for real. If it is `unlucky`, the test that depends on
/// its luck has none.
async fn run_job(git: &Path, sha: &str, job: &str, unlucky: bool) -> Result<JobEnd, GitError> {
    let folder = tempfile::tempdir()?;
    let mut clone = Command::new("git");
    clone.args(["clone", "--quiet", "--no-checkout"]).arg(git).arg(folder.path());
    said(&mut clone).await?;
    let mut fetch = Command::new("git");
    fetch.arg("-C").arg(folder.path()).args(["fetch", "--quiet", "origin", sha]);
    said(&mut fetch).await?;
    let mut checkout = Command::new("git");
    checkout.arg("-C").arg(folder.path()).args(["checkout", "--quiet", sha]);
    said(&mut checkout).await?;
    let mut script = Command::new("sh");
    script.arg(format!("./{job}.sh")).current_dir(folder.path());
    script.env("SLUG_LUCK", if unlucky { "0" } else { "1" });
    let (code, output) = said(&mut script).await?;
    Ok(if code == 0 {
        JobEnd::Success(dressed(job, &output, None))
    } else {
        JobEnd::Failure(dressed(job, &output, Some(code)))
    })
}

/// Exit code, and what was printed.
async fn said(command: &mut Command) -> Result<(i32, String), GitError> {
    command.env("LC_ALL", "C").env("GIT_CONFIG_GLOBAL", "/dev/null").stdin(Stdio::null());
    let output = command.output().await?;
    let both = [output.stdout, output.stderr].concat();
    let code = output.status.code().ok_or_else(|| std::io::Error::from(ErrorKind::Interrupted))?;
    Ok((code, String::from_utf8_lossy(&both).into_owned()))
}

/// A job's log as GitHub writes it: a time before each line, and groups.
fn dressed(job: &str, output: &str, code: Option<i32>) -> String {
    let mut lines = vec![
        "Current runner version: '2.321.0'".to_owned(),
        "##[group]Operating System".to_owned(),
        "Ubuntu".to_owned(),
        "24.04.1".to_owned(),
        "LTS".to_owned(),
        "##[endgroup]".to_owned(),
        format!("Complete job name: {job}"),
        format!("##[group]Run ./{job}.sh"),
        format!("\u{1b}[36;1m./{job}.sh\u{1b}[0m"),
        "shell: /usr/bin/bash -e {0}".to_owned(),
        "##[endgroup]".to_owned(),
    ];
    lines.extend(output.lines().map(str::to_owned));
    if let Some(code) = code {
        lines.push(format!("##[error]Process completed with exit code {code}."));
    }
    lines.push("Cleaning up orphan processes".to_owned());
    timed(&lines)
}

fn timed(lines: &[String]) -> String {
    let stamp = |(at, line): (usize, &String)| {
        format!(
            "2026-01-05T09:{:02}:{:02}.{:07}Z {line}\n",
            at / 60 % 60,
            at % 60,
            at * 1_237 % 10_000_000
        )
    };
    let text: String = lines.iter().enumerate().map(stamp).collect();
    // GitHub's logs begin with a byte order mark.
    format!("\u{feff}{text}")
}

/// A checkout that could not reach the server.
fn no_network() -> String {
    let lines = [
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
        "Cleaning up orphan processes",
    ];
    timed(&lines.map(str::to_owned))
}
