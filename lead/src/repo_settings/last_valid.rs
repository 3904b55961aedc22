//! The settings in force: the last valid ones.
//!
//! The last valid file of each repository is stored in Redis, so that a restart in front of an
//! invalid file changes nothing. A repository whose file is gone is back at the defaults.
//!
//! Key: `agent:lead:settings:{repo}`, the text of the last valid file, kept for 90 days after it
//! was last seen.

use greenline_forge::RepoName;
use greenline_store::{Store, StoreError, cmd};

use super::{RepoSettings, RepoSettingsProblems};

const KEPT_FOR_S: u64 = 90 * 24 * 3600;

/// The settings to go by, and what is wrong with the newest file.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveSettings {
    /// The settings to go by.
    pub settings: RepoSettings,
    /// The problems of the newest file, if it is not in force.
    pub rejected: Option<RepoSettingsProblems>,
}

/// Remembers valid settings.
#[derive(Clone)]
pub struct LastValidSettings {
    store: Store,
}

impl LastValidSettings {
    /// A book in this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The settings of a repository whose base branch has this file, or none.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn effective(
        &self,
        repo: &RepoName,
        file: Option<&str>,
    ) -> Result<EffectiveSettings, StoreError> {
        let key = self.key(repo);
        let Some(text) = file else {
            let _gone: i64 = self.store.command(cmd("DEL").arg(&key)).await?;
            return Ok(EffectiveSettings { settings: RepoSettings::default(), rejected: None });
        };
        match RepoSettings::parse(text) {
            Ok(settings) => {
                let mut call = cmd("SET");
                let _kept: String =
                    self.store.command(call.arg(&key).arg(text).arg("EX").arg(KEPT_FOR_S)).await?;
                Ok(EffectiveSettings { settings, rejected: None })
            }
            Err(problems) => {
                let before: Option<String> = self.store.command(cmd("GET").arg(&key)).await?;
                let settings = before.and_then(|text| RepoSettings::parse(&text).ok());
                Ok(EffectiveSettings {
                    settings: settings.unwrap_or_default(),
                    rejected: Some(problems),
                })
            }
        }
    }

    fn key(&self, repo: &RepoName) -> String {
        format!("{}agent:lead:settings:{}", self.store.namespace().prefix(), repo.folded())
    }
}

#[cfg(test)]
mod tests {
    use greenline_testbed::TestBed;

    use super::*;

    #[tokio::test]
    async fn an_invalid_file_leaves_the_settings_before_it_in_force() {
        let bed = TestBed::new().await;
        let repo: RepoName = "Acme/App".parse().unwrap();
        let book = || LastValidSettings::new(bed.queue.store().clone());
        let valid = "[limits]\ntasks_per_day = 3\n";

        let first = book().effective(&repo, Some("[limits]\ntasks = 3")).await.unwrap();
        assert_eq!(first.settings, RepoSettings::default());
        assert!(first.rejected.is_some());

        let good = book().effective(&repo, Some(valid)).await.unwrap();
        assert_eq!((good.settings.limits.tasks_per_day, good.rejected), (3, None));

        // As after a restart: nothing is remembered but what Redis holds.
        let bad = book().effective(&repo, Some("[limits]\ntasks_per_day = \"4\"")).await.unwrap();
        assert_eq!(bad.settings.limits.tasks_per_day, 3);
        assert!(bad.rejected.unwrap().to_string().contains(".greenline.toml:2:17"));

        let gone = book().effective(&repo, None).await.unwrap();
        assert_eq!(gone, EffectiveSettings { settings: RepoSettings::default(), rejected: None });
        assert_eq!(bed.keys("agent:lead:*").await, Vec::<String>::new());
    }
}
