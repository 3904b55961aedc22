//! The watched repositories, refreshed every ten minutes and when a webhook asks for it.
//!
//! They are the ones that the settings name, or, with an app and none named, all that it is
//! installed in. A renamed repository is watched under its new name with all its stored state. One
//! that is gone, hidden or archived is logged once and skipped until it is back; no other waits for
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use greenline_forge::{Forge, ForgeError, RepoName};
use tracing::{info, warn};

use super::event_store::EventStore;
use super::metrics;

pub(super) struct WatchedRepos {
    /// As the settings name them; none for all that the app sees.
    listed: BTreeSet<RepoName>,
    state: Mutex<RepoList>,
    stale: AtomicBool,
}

#[derive(Default)]
struct RepoList {
    known: bool,
    watched: BTreeSet<RepoName>,
    /// Named in the settings, and has another name now.
    renamed: BTreeMap<RepoName, RepoName>,
    /// The problems, as they were logged.
    failing: BTreeMap<RepoName, String>,
}

impl WatchedRepos {
    pub(super) fn new(listed: Vec<RepoName>) -> Self {
        let listed = listed.into_iter().collect();
        Self { listed, state: Mutex::default(), stale: AtomicBool::new(true) }
    }

    /// Returns true once the list of repositories is known.
    pub(super) fn are_known(&self) -> bool {
        self.state().known
    }

    /// Those that can be seen.
    pub(super) fn watched(&self) -> Vec<RepoName> {
        self.state().watched.iter().cloned().collect()
    }

    /// Returns true if the repository is watched.
    pub(super) fn wants(&self, repo: &RepoName) -> bool {
        self.listed.is_empty() || self.listed.contains(repo) || self.state().watched.contains(repo)
    }

    /// Something has changed.
    pub(super) fn refresh_soon(&self) {
        self.stale.store(true, Ordering::Relaxed);
    }

    /// Returns true if the list may have changed since the last refresh.
    pub(super) fn is_stale(&self) -> bool {
        self.stale.swap(false, Ordering::Relaxed)
    }

    /// Says what is wrong with a repository, once; whether it is news.
    pub(super) fn mark_failing(&self, repo: &RepoName, error: &ForgeError) {
        let text = error.to_string();
        let mut state = self.state();
        if state.failing.get(repo) != Some(&text) {
            warn!(repo = %repo, error = text, "{}", log_message(repo, error));
            state.failing.insert(repo.clone(), text);
        }
        metrics::repositories(state.watched.len(), state.failing.len());
    }

    /// All is well with a repository.
    pub(super) fn mark_healthy(&self, repo: &RepoName) {
        let mut state = self.state();
        if state.failing.remove(repo).is_some() {
            info!(repo = %repo, "{repo} can be watched again");
            metrics::repositories(state.watched.len(), state.failing.len());
        }
    }

    /// Looks which there are.
    pub(super) async fn refresh(
        &self,
        forge: &Forge,
        event_store: &EventStore,
    ) -> Result<(), ForgeError> {
        let found = match (self.listed.is_empty(), forge.is_app()) {
            (true, true) => installed(forge).await?,
            (true, false) => BTreeSet::new(),
            (false, _) => self.look_up(forge, event_store).await?,
        };
        self.set_watched(found);
        Ok(())
    }

    fn set_watched(&self, found: BTreeSet<RepoName>) {
        let mut state = self.state();
        for repo in found.difference(&state.watched) {
            info!(repo = %repo, "Watching {repo}");
        }
        for repo in state.watched.difference(&found) {
            info!(repo = %repo, "Not watching {repo} any more");
        }
        let RepoList { failing, .. } = &mut *state;
        failing.retain(|repo, _| found.contains(repo) || self.listed.contains(repo));
        state.watched = found;
        state.known = true;
        metrics::repositories(state.watched.len(), state.failing.len());
    }

    /// Each that is named in the settings, by the name that it has now.
    async fn look_up(
        &self,
        forge: &Forge,
        event_store: &EventStore,
    ) -> Result<BTreeSet<RepoName>, ForgeError> {
        let mut found = BTreeSet::new();
        for listed in &self.listed {
            let asked = self.name_of(listed);
            match forge.repo(&asked).await {
                Ok(repo) if repo.archived || repo.disabled => {
                    let purpose = format!("watch {listed}").into();
                    let message = "it is archived or disabled, so nothing can change".to_owned();
                    self.mark_failing(listed, &ForgeError::Conflict { purpose, message });
                }
                Ok(repo) => {
                    if let Some(new) = repo.renamed_from(&asked) {
                        self.follow_rename(listed, &asked, new, event_store).await;
                    }
                    // That it is there is not all: whether it can be watched is for the sweep to say.
                    if repo.full_name != *listed {
                        self.mark_healthy(listed);
                    }
                    found.insert(repo.full_name);
                }
                Err(error @ (ForgeError::RateLimited { .. } | ForgeError::Unauthorized { .. })) => {
                    return Err(error);
                }
                // It may well be there: the sweep will say.
                Err(error) if error.is_transient() => {
                    found.insert(asked);
                }
                Err(error) => self.mark_failing(listed, &error),
            }
        }
        Ok(found)
    }

    fn name_of(&self, listed: &RepoName) -> RepoName {
        self.state().renamed.get(listed).unwrap_or(listed).clone()
    }

    async fn follow_rename(
        &self,
        listed: &RepoName,
        old: &RepoName,
        new: &RepoName,
        event_store: &EventStore,
    ) {
        warn!(
            repo = %new,
            "{old} is now called {new}, and is watched under that name: change GREENLINE_REPOS"
        );
        if let Err(error) = event_store.rename_repo(old, new).await {
            warn!(%error, "What was known of {old} could not be kept for {new}");
        }
        self.state().renamed.insert(listed.clone(), new.clone());
    }

    fn state(&self) -> MutexGuard<'_, RepoList> {
        // What is in it is whole after every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_message(repo: &RepoName, error: &ForgeError) -> String {
    match error {
        ForgeError::NotFound { .. } => format!(
            "{repo} can't be seen: it was deleted or made private, or the credentials lack access"
        ),
        ForgeError::Forbidden { .. } => {
            format!("{repo} can't be watched: the credentials lack a permission")
        }
        _ => format!("{repo} can't be watched now"),
    }
}

async fn installed(forge: &Forge) -> Result<BTreeSet<RepoName>, ForgeError> {
    let mut found = BTreeSet::new();
    for installation in forge.installations().await?.items {
        if installation.suspended_at.is_some() {
            continue;
        }
        forge.note_installation(&installation.account.login, installation.id).await;
        match forge.repos_of_installation(installation.id).await {
            Ok(repos) => {
                let alive = repos.items.into_iter().filter(|it| !it.archived && !it.disabled);
                found.extend(alive.map(|it| it.full_name));
            }
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => warn!(
                %error,
                account = installation.account.login,
                "The repositories of one installation can't be listed"
            ),
        }
    }
    Ok(found)
}
