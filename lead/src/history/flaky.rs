//! Tests that fail and pass without a change: how often, and when last.

use std::collections::{BTreeMap, HashSet};

use greenline_forge::RepoName;
use greenline_store::{StoreError, cmd, from_redis_value, pipe};
use serde::Serialize;

use super::{DAY_MS, History, metrics};

const WINDOW_DAYS: u64 = 14;

/// A test, or a check without named tests, that is flaky.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlakyTest {
    /// The repository.
    pub repo: RepoName,
    /// The check that it runs in.
    pub check: String,
    /// The test; none where the log named none.
    pub test: Option<String>,
    /// On how many commits it both failed and passed.
    pub flakes: u64,
    /// Number of results of the check.
    pub runs: u64,
    /// Flakes per result: 0 to 1.
    pub rate: f64,
    /// When last, in ms.
    pub last_seen_at: u64,
    /// On which commit.
    pub last_sha: String,
}

impl History {
    /// The flaky tests of a repository in the 14 days before `now`, the worst first.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn flaky(&self, repo: &RepoName, now: u64) -> Result<Vec<FlakyTest>, StoreError> {
        let runs = self.runs(repo, now).await?;
        let mut tests: BTreeMap<(String, String), FlakyTest> = BTreeMap::new();
        for flake in self.flakes(repo, now).await? {
            let key = (flake.check.clone(), flake.test.clone());
            let runs = runs.get(&flake.check).copied().unwrap_or(0);
            let evidence = tests.entry(key).or_insert_with(|| FlakyTest {
                repo: repo.clone(),
                check: flake.check,
                test: Some(flake.test).filter(|test| !test.is_empty()),
                flakes: 0,
                runs,
                rate: 0.0,
                last_seen_at: 0,
                last_sha: String::new(),
            });
            evidence.flakes += 1;
            evidence.rate = share(evidence.flakes, runs);
            // Flakes come in the order of time.
            (evidence.last_seen_at, evidence.last_sha) = (flake.at, flake.sha);
        }
        let mut tests: Vec<FlakyTest> = tests.into_values().collect();
        tests.sort_by(|one, other| {
            let worst = other.rate.total_cmp(&one.rate);
            worst.then(other.last_seen_at.cmp(&one.last_seen_at))
        });
        Ok(tests)
    }

    /// The repositories that something is known of.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn repos(&self) -> Result<Vec<RepoName>, StoreError> {
        let names: Vec<String> = self.store.command(cmd("SMEMBERS").arg(self.repos_key())).await?;
        let mut repos: Vec<RepoName> = names.iter().filter_map(|name| name.parse().ok()).collect();
        repos.sort();
        Ok(repos)
    }

    /// Brings the flake rate of all repositories into the metrics, and returns it.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn update_flake_rate(&self, now: u64) -> Result<f64, StoreError> {
        let (mut flaked, mut all) = (0, 0);
        for repo in self.repos().await? {
            let flakes = self.flakes(&repo, now).await?;
            // A commit on which ten tests of a check were flaky is one flaky result.
            let results: HashSet<_> =
                flakes.iter().map(|flake| (&flake.check, &flake.sha)).collect();
            flaked += results.len() as u64;
            all += self.runs(&repo, now).await?.values().sum::<u64>();
        }
        let rate = share(flaked, all);
        metrics::rate(rate);
        Ok(rate)
    }

    /// Returns the flakes in order of time.
    async fn flakes(&self, repo: &RepoName, now: u64) -> Result<Vec<Flake>, StoreError> {
        let mut call = cmd("ZRANGE");
        call.arg(format!("{}flakes", self.prefix(repo)));
        call.arg(now.saturating_sub(WINDOW_DAYS * DAY_MS)).arg("+inf").arg("BYSCORE");
        let flakes: Vec<(String, u64)> = self.store.command(call.arg("WITHSCORES")).await?;
        Ok(flakes.iter().filter_map(|(text, at)| Flake::read(text, *at)).collect())
    }

    /// Returns the number of results of each check.
    async fn runs(&self, repo: &RepoName, now: u64) -> Result<BTreeMap<String, u64>, StoreError> {
        let today = now / DAY_MS;
        let mut days = pipe();
        for day in today.saturating_sub(WINDOW_DAYS)..=today {
            days.cmd("HGETALL").arg(format!("{}runs:{day}", self.prefix(repo)));
        }
        let mut runs = BTreeMap::new();
        for day in self.store.pipeline(&days).await? {
            // A day whose key somebody else has made says nothing.
            let counts: BTreeMap<String, u64> = from_redis_value(day).unwrap_or_default();
            for (check, count) in counts {
                *runs.entry(check).or_insert(0) += count;
            }
        }
        Ok(runs)
    }
}

struct Flake {
    check: String,
    test: String,
    sha: String,
    at: u64,
}

impl Flake {
    fn read(text: &str, at: u64) -> Option<Self> {
        let mut parts = text.split('\u{1f}');
        let (check, test, sha) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { check: check.to_owned(), test: test.to_owned(), sha: sha.to_owned(), at })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of two weeks stay far below 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(part).max(1) as f64
}
