//! The scripting interface for tests and the demo.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;

use super::access::{FakeInstallation, RepoRole};
use super::changes::refs::NewPush;
use super::changes::runs::NewRun;
use super::changes::threads::NewIssue;
use super::fake_server::FakeServer;
use super::git::{self, GitChange, GitError};
use super::state::{
    AccountKind, FakeCheckRun, FakePull, FakeRepo, FakeStatus, GitHubState, JobLog,
};
use super::webhooks::{FakeHook, HookOwner};
use super::{APP_PRIVATE_KEY, JobEnd, ProtectionRules};

/// An App.
pub struct AppHandle {
    pub(crate) server: Arc<FakeServer>,
    pub(crate) id: u64,
}

impl AppHandle {
    /// Its number, the issuer of its JWTs.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Installs it at an account, for all of its repositories or for these; the installation's
    /// number.
    #[must_use]
    pub fn install(&self, account: &str, repos: Option<&[&RepoHandle]>) -> u64 {
        let mut state = self.server.state();
        state.account(account, AccountKind::Organization);
        let (id, created_ms) = (state.next_id(), state.now_ms());
        let app = state.apps.get(&self.id);
        let permissions = app.map(|app| app.permissions.clone()).unwrap_or_default();
        let repos = repos.map(|repos| repos.iter().map(|repo| repo.id).collect());
        let installation = FakeInstallation {
            id,
            app: self.id,
            account: account.to_owned(),
            repos,
            permissions,
            created_ms,
            suspended: false,
        };
        state.installations.insert(id, installation);
        self.emit_installation(&mut state, id, "created", account);
        id
    }

    /// Suspends an installation, or lets it work again.
    pub fn suspend(&self, installation: u64, suspended: bool) {
        let mut state = self.server.state();
        let Some(it) = state.installations.get_mut(&installation) else { return };
        it.suspended = suspended;
        let account = it.account.clone();
        let action = if suspended { "suspend" } else { "unsuspend" };
        self.emit_installation(&mut state, installation, action, &account);
    }

    fn emit_installation(&self, state: &mut GitHubState, id: u64, action: &str, by: &str) {
        let Some(it) = state.installations.get(&id) else { return };
        let short = |repo: &FakeRepo| {
            json!({
                "id": repo.id, "node_id": super::render::node_id("Repository", repo.id),
                "name": repo.name, "full_name": repo.full_name(), "private": repo.private,
            })
        };
        let repos: Vec<_> = state.repos.values().filter(|repo| it.holds(repo)).map(short).collect();
        let installation = state.render().installation(it);
        let body = json!({"action": action, "installation": installation, "repositories": repos});
        state.emit_to_app(self.id, "installation", by, body);
    }

    /// Sends its webhooks to `url`, signed with `secret`.
    pub fn hook(&self, url: &str, secret: &str) {
        let mut state = self.server.state();
        let (id, created_ms) = (state.next_id(), state.now_ms());
        let of = HookOwner::App(self.id);
        let (url, secret, events) = (url.to_owned(), secret.to_owned(), Vec::new());
        state.hooks.insert(id, FakeHook { id, of, url, secret, events, created_ms });
    }

    /// A JWT of this App, good for nine minutes of the fake clock.
    ///
    /// # Errors
    ///
    /// If the key does not sign.
    pub fn jwt(&self) -> Result<String, ring::error::Unspecified> {
        let now = self.server.state().now_ms() / 1000;
        let claims = json!({"iat": now.saturating_sub(30), "exp": now + 540, "iss": self.id});
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        let head = encode(json!({"alg": "RS256", "typ": "JWT"}).to_string());
        let signed = format!("{head}.{}", encode(claims.to_string()));
        let key = APP_PRIVATE_KEY.lines().filter(|line| !line.starts_with("-----"));
        let der = STANDARD.decode(key.collect::<String>()).map_err(|_| ring::error::Unspecified)?;
        let key = RsaKeyPair::from_der(&der).map_err(|_| ring::error::Unspecified)?;
        let mut signature = vec![0; key.public().modulus_len()];
        let (random, text) = (SystemRandom::new(), signed.as_bytes());
        key.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// A pull request to be opened.
#[derive(Debug, Clone)]
pub struct NewPull<'a> {
    /// Its title.
    pub title: &'a str,
    pub body: &'a str,
    pub author: &'a str,
    /// Its branch.
    pub branch: &'a str,
    /// The changes on top of the base.
    pub changes: Vec<GitChange>,
    /// The account whose fork it comes from, if not from the repository itself.
    pub fork: Option<&'a str>,
    pub draft: bool,
    /// Its labels.
    pub labels: Vec<&'a str>,
}

impl<'a> NewPull<'a> {
    /// One from a branch of the repository itself.
    #[must_use]
    pub fn new(branch: &'a str, title: &'a str, changes: Vec<GitChange>) -> Self {
        let (body, author) = ("", "ada");
        Self { title, body, author, branch, changes, fork: None, draft: false, labels: vec![] }
    }
}

/// A pull request.
#[derive(Debug, Clone)]
pub struct PullHandle {
    /// Its number.
    pub number: u64,
    /// The commit that it was opened with.
    pub sha: String,
    /// Its branch.
    pub branch: String,
}

/// A run of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunHandle {
    /// Its number.
    pub id: u64,
}

/// A check run of some other CI.
#[derive(Debug, Clone)]
pub struct NewCheck<'a> {
    /// Its name.
    pub name: &'a str,
    /// The App it is of.
    pub app: &'a AppHandle,
    /// `None` while it runs.
    pub conclusion: Option<&'a str>,
    /// Title and summary, if it says anything.
    pub output: Option<(&'a str, &'a str)>,
}

impl std::fmt::Debug for AppHandle {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("AppHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A repository.
#[derive(Clone)]
pub struct RepoHandle {
    server: Arc<FakeServer>,
    id: u64,
}

impl RepoHandle {
    pub(crate) fn of(server: Arc<FakeServer>, id: u64) -> Self {
        Self { server, id }
    }

    pub(crate) async fn create(
        server: Arc<FakeServer>,
        full_name: &str,
        files: &[GitChange],
    ) -> Result<Self, GitError> {
        let (owner, name) = full_name.split_once('/').unwrap_or(("acme", full_name));
        let id = server.state().add_repo(owner, name, None, &server.folder);
        let git = server.git_of(id);
        git::create(&git, "main").await?;
        let message = "Begin";
        let pushing = NewPush {
            repo: id,
            branch: "main",
            parent: None,
            by: owner,
            message,
            changes: files,
            force: false,
        };
        server.push(pushing).await?;
        Ok(Self { server, id })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns the path of its bare repository.
    #[must_use]
    pub fn git_folder(&self) -> std::path::PathBuf {
        self.server.git_of(self.id)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.server.state().now_ms()
    }

    /// Returns the head commit of a branch.
    #[must_use]
    pub fn head(&self, branch: &str) -> Option<String> {
        self.server.state().repos.get(&self.id)?.resolve(branch)
    }

    /// Returns the head commit of a pull request.
    #[must_use]
    pub fn pull_head(&self, number: u64) -> Option<String> {
        let state = self.server.state();
        Some(state.repos.get(&self.id)?.pulls.get(&number)?.head_sha.clone())
    }

    /// The texts of the comments under an issue or pull request.
    #[must_use]
    pub fn comments(&self, number: u64) -> Vec<String> {
        let state = self.server.state();
        let Some(repo) = state.repos.get(&self.id) else { return Vec::new() };
        let own = repo.comments.values().filter(|it| it.issue == number);
        own.map(|it| it.body.clone()).collect()
    }

    /// The open issues that are no pull requests: number and title, oldest first.
    #[must_use]
    pub fn issues(&self) -> Vec<(u64, String)> {
        let state = self.server.state();
        let Some(repo) = state.repos.get(&self.id) else { return Vec::new() };
        let open =
            repo.issues.values().filter(|it| it.open && !repo.pulls.contains_key(&it.number));
        let mut open: Vec<_> = open.map(|it| (it.number, it.title.clone())).collect();
        open.sort_unstable_by_key(|it| it.0);
        open
    }

    /// Commits to a branch, which is made from the default branch if it is not there.
    pub async fn commit(
        &self,
        branch: &str,
        by: &str,
        message: &str,
        changes: &[GitChange],
    ) -> Result<String, GitError> {
        let parent = self.head(branch).or_else(|| self.default_head());
        let (repo, force) = (self.id, false);
        self.server.push(NewPush { repo, branch, parent, by, message, changes, force }).await
    }

    /// Replaces a branch by one commit on top of the default branch.
    pub async fn force(
        &self,
        branch: &str,
        by: &str,
        changes: &[GitChange],
    ) -> Result<String, GitError> {
        let (parent, repo, message) = (self.default_head(), self.id, "Start over");
        self.server.push(NewPush { repo, branch, parent, by, message, changes, force: true }).await
    }

    fn default_head(&self) -> Option<String> {
        let state = self.server.state();
        let repo = state.repos.get(&self.id)?;
        repo.resolve(&repo.default_branch)
    }

    /// Opens a pull request with one commit; without changes, one of a branch as it is.
    pub async fn open_pull(&self, new: NewPull<'_>) -> Result<PullHandle, GitError> {
        let head_repo = match new.fork {
            Some(owner) => self.fork(owner).await?,
            None => self.clone(),
        };
        let (branch, by) = (new.branch, new.author);
        let sha = match head_repo.head(branch).filter(|_| new.changes.is_empty()) {
            Some(head) => head,
            None => head_repo.commit(branch, by, new.title, &new.changes).await?,
        };
        let base = self.default_head().unwrap_or_default();
        let number = self.server.state().add_pull(self.id, head_repo.id, &new, (&base, &sha));
        let heads = (base.as_str(), sha.as_str());
        let contents = self.server.pull_contents(self.id, head_repo.id, number, heads).await?;
        let mut state = self.server.state();
        if let Some(repo) = state.repos.get_mut(&self.id) {
            repo.take_contents(number, &sha, contents);
        }
        state.emit_pull(self.id, number, "opened", by, json!({}));
        Ok(PullHandle { number, sha, branch: branch.to_owned() })
    }

    /// The fork of an account.
    pub async fn fork(&self, owner: &str) -> Result<Self, GitError> {
        let server = Arc::clone(&self.server);
        let (name, git) = {
            let state = server.state();
            let repo = state.repos.get(&self.id);
            let found = repo.map(|repo| (repo.name.clone(), repo.git.clone()));
            found.ok_or_else(|| GitError::Unreadable("the repository is gone".to_owned()))?
        };
        if let Some(id) = server.state().repo_named(&format!("{owner}/{name}")).map(|it| it.id) {
            return Ok(Self { server: Arc::clone(&server), id });
        }
        let id = server.state().add_repo(owner, &name, Some(self.id), &server.folder);
        git::copy(&git, &server.git_of(id)).await?;
        server.state().copy_history(self.id, id);
        Ok(Self { server, id })
    }

    /// Gives someone a role.
    pub fn collaborator(&self, login: &str, role: RepoRole) {
        let mut state = self.server.state();
        state.account(login, AccountKind::User);
        if let Some(repo) = state.repos.get_mut(&self.id) {
            repo.collaborators.insert(login.to_owned(), role);
        }
    }

    /// Protects a branch; nobody pushes to it any more.
    pub async fn protect(&self, branch: &str, rules: ProtectionRules) -> Result<(), GitError> {
        git::protect(&self.git_folder(), branch, true).await?;
        if let Some(repo) = self.server.state().repos.get_mut(&self.id)
            && let Some(branch) = repo.branches.get_mut(branch)
        {
            branch.protection = Some(rules);
        }
        Ok(())
    }

    /// Writes a comment as someone; its number.
    pub fn comment(&self, number: u64, author: &str, text: &str) -> u64 {
        self.server.state().add_comment(self.id, number, author, text, None)
    }

    /// Closes an issue or pull request.
    pub fn close(&self, number: u64, by: &str) {
        self.server.state().set_open(self.id, number, false, by);
    }

    /// Puts exactly these labels on an issue or pull request.
    pub fn label(&self, number: u64, labels: &[&str], by: &str) {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        self.server.state().set_labels(self.id, number, labels, by);
    }

    /// Starts a run of the workflow `CI` on a pull request's head.
    #[must_use]
    pub fn start_run(&self, pull: &PullHandle) -> RunHandle {
        let sha = self.pull_head(pull.number).unwrap_or_else(|| pull.sha.clone());
        self.start_run_at(&sha, "pull_request", &pull.branch)
    }

    /// Starts a run of the workflow `CI` on a commit of a branch.
    #[must_use]
    pub fn start_run_at(&self, sha: &str, event: &str, branch: &str) -> RunHandle {
        let mut state = self.server.state();
        let from = state.repos.get(&self.id).and_then(|repo| {
            repo.pulls.values().find(|pull| pull.head_sha == sha).and_then(|pull| pull.head_repo)
        });
        let title = state.repos.get(&self.id).and_then(|repo| repo.commits.get(sha));
        let title = title.map(|commit| commit.message.clone()).unwrap_or_default();
        let actor = state.repos.get(&self.id).map(|repo| repo.owner.clone()).unwrap_or_default();
        let new = NewRun {
            repo: self.id,
            workflow: "CI",
            head_sha: sha,
            head_branch: Some(branch.to_owned()),
            head_repo: from.unwrap_or(self.id),
            event,
            actor: &actor,
            title: title.lines().next().unwrap_or_default(),
        };
        RunHandle { id: state.start_run(&new) }
    }

    /// Starts a job of a run; its number.
    #[must_use]
    pub fn start_job(&self, run: RunHandle, name: &str) -> u64 {
        self.server.state().start_job(self.id, run.id, name)
    }

    /// Ends a job.
    pub fn end_job(&self, job: u64, end: &JobEnd) {
        self.server.state().end_job(self.id, job, end);
    }

    /// A run of a pull request's head whose one job fails with this log.
    pub fn fail_job(&self, pull: &PullHandle, name: &str, log: &str) -> RunHandle {
        self.finish_run(pull, &[(name, JobEnd::Failure(log.to_owned()))])
    }

    /// A run of a pull request's head with these jobs, ended so.
    pub fn finish_run(&self, pull: &PullHandle, jobs: &[(&str, JobEnd)]) -> RunHandle {
        let run = self.start_run(pull);
        self.finish(run, jobs);
        run
    }

    /// Lets a run have these jobs, ended so.
    pub fn finish(&self, run: RunHandle, jobs: &[(&str, JobEnd)]) {
        // All start before one ends, so that the run ends once.
        let started: Vec<u64> = jobs.iter().map(|(name, _)| self.start_job(run, name)).collect();
        for (job, (_, end)) in started.into_iter().zip(jobs) {
            self.end_job(job, end);
        }
    }

    /// The newest jobs of a run: number, name, and the attempt they ran in.
    #[must_use]
    pub fn jobs(&self, run: RunHandle) -> Vec<(u64, String, u64)> {
        let state = self.server.state();
        let Some(repo) = state.repos.get(&self.id) else { return Vec::new() };
        let all = repo.latest_jobs(run.id);
        all.into_iter().map(|job| (job.id, job.name.clone(), job.attempt)).collect()
    }

    /// Says how the next attempt of a job will end; without that it waits for
    /// [`end_job`](Self::end_job).
    pub fn next_attempt(&self, name: &str, end: JobEnd) {
        if let Some(repo) = self.server.state().repos.get_mut(&self.id) {
            repo.next_attempts.entry(name.to_owned()).or_default().push_back(end);
        }
    }

    /// Lets all logs of a run expire.
    pub fn expire_logs(&self, run: RunHandle) {
        let mut state = self.server.state();
        let Some(repo) = state.repos.get_mut(&self.id) else { return };
        for job in repo.jobs.values_mut().filter(|job| job.run == run.id) {
            job.log = JobLog::Expired;
        }
    }

    /// A check run of another CI on a commit; its number.
    pub fn check_run(&self, sha: &str, new: &NewCheck<'_>) -> u64 {
        let mut state = self.server.state();
        let suite = state.suite_for(self.id, new.app.id, sha, false);
        let (id, now) = (state.next_id(), state.now_ms());
        let status = if new.conclusion.is_some() { "completed" } else { "in_progress" };
        let run = FakeCheckRun {
            id,
            suite,
            name: new.name.to_owned(),
            head_sha: sha.to_owned(),
            status: status.to_owned(),
            conclusion: new.conclusion.map(str::to_owned),
            started_ms: Some(now),
            completed_ms: new.conclusion.map(|_| now),
            details_url: None,
            external_id: String::new(),
            title: new.output.map(|it| it.0.to_owned()),
            summary: new.output.map(|it| it.1.to_owned()),
            text: None,
            annotations: Vec::new(),
            actions: Vec::new(),
        };
        let by = state.apps.get(&new.app.id).map(super::access::FakeApp::bot).unwrap_or_default();
        state.put_check_run(self.id, run, &by);
        id
    }

    /// A commit status: `error`, `failure`, `pending` or `success`.
    pub fn status(&self, sha: &str, context: &str, status: &str, url: Option<&str>) {
        let mut state = self.server.state();
        let (id, created_ms) = (state.next_id(), state.now_ms());
        state.account("other-ci[bot]", AccountKind::Bot);
        let status = FakeStatus {
            id,
            sha: sha.to_owned(),
            state: status.to_owned(),
            context: context.to_owned(),
            description: None,
            target_url: url.map(str::to_owned),
            creator: "other-ci[bot]".to_owned(),
            created_ms,
        };
        state.put_status(self.id, status);
    }

    /// Lets pull requests be merged by themselves when they are green.
    pub fn allow_auto_merge(&self) {
        if let Some(repo) = self.server.state().repos.get_mut(&self.id) {
            repo.auto_merge_allowed = true;
        }
    }

    /// Sets `mergeable` of a pull request; `None` while GitHub does not know yet.
    pub fn set_mergeable(&self, number: u64, mergeable: Option<bool>) {
        let mut state = self.server.state();
        let found = state.repos.get_mut(&self.id).and_then(|repo| repo.pulls.get_mut(&number));
        if let Some(pull) = found {
            pull.mergeable = mergeable;
        }
    }

    /// Gives it another name; calls under the old one are answered with 301.
    pub fn rename(&self, name: &str) {
        let mut state = self.server.state();
        let Some(repo) = state.repos.get_mut(&self.id) else { return };
        let before = std::mem::replace(&mut repo.name, name.to_owned());
        let (full, owner) = (repo.full_name(), repo.owner.clone());
        state.names.insert(full.to_lowercase(), self.id);
        let changes = json!({"repository": {"name": {"from": before}}});
        let body = json!({"action": "renamed", "changes": changes});
        state.emit(self.id, "repository", &owner, body);
    }

    /// Hides it from everyone without access.
    pub fn make_private(&self) {
        let mut state = self.server.state();
        let Some(repo) = state.repos.get_mut(&self.id) else { return };
        repo.private = true;
        let owner = repo.owner.clone();
        state.emit(self.id, "repository", &owner, json!({"action": "privatized"}));
    }

    /// Deletes it.
    pub fn delete(&self) {
        let mut state = self.server.state();
        let Some(owner) = state.repos.get(&self.id).map(|repo| repo.owner.clone()) else { return };
        state.emit(self.id, "repository", &owner, json!({"action": "deleted"}));
        let id = self.id;
        state.repos.remove(&id);
        state.names.retain(|_, it| *it != id);
        for repo in state.repos.values_mut() {
            for pull in repo.pulls.values_mut().filter(|pull| pull.head_repo == Some(id)) {
                pull.head_repo = None;
            }
        }
    }
}

impl GitHubState {
    /// Files a repository that git does not have yet.
    pub(crate) fn add_repo(
        &mut self,
        owner: &str,
        name: &str,
        fork_of: Option<u64>,
        folder: &std::path::Path,
    ) -> u64 {
        let kind = if fork_of.is_some() { AccountKind::User } else { AccountKind::Organization };
        self.account(owner, kind);
        let (id, created_ms) = (self.next_id(), self.now_ms());
        let git = folder.join(format!("{id}.git"));
        let repo = FakeRepo {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            private: false,
            fork_of,
            default_branch: "main".to_owned(),
            git,
            created_ms,
            last_number: 0,
            branches: Default::default(),
            commits: Default::default(),
            issues: Default::default(),
            pulls: Default::default(),
            comments: Default::default(),
            reactions: Vec::new(),
            suites: Default::default(),
            check_runs: Default::default(),
            runs: Default::default(),
            jobs: Default::default(),
            workflows: Default::default(),
            statuses: Vec::new(),
            collaborators: Default::default(),
            labels: Default::default(),
            auto_merge_allowed: false,
            next_attempts: Default::default(),
        };
        self.names.insert(repo.full_name().to_lowercase(), id);
        self.repos.insert(id, repo);
        id
    }

    fn copy_history(&mut self, from: u64, to: u64) {
        let Some(from) = self.repos.get(&from) else { return };
        let (branches, commits) = (from.branches.clone(), from.commits.clone());
        if let Some(to) = self.repos.get_mut(&to) {
            to.branches = branches;
            to.commits = commits;
        }
    }

    fn add_pull(
        &mut self,
        base: u64,
        head_repo: u64,
        new: &NewPull<'_>,
        (base_sha, head_sha): (&str, &str),
    ) -> u64 {
        let labels = new.labels.iter().map(|&label| label.to_owned()).collect();
        let issue = NewIssue { title: new.title, body: Some(new.body), author: new.author, labels };
        let number = self.add_issue(base, issue);
        let id = self.next_id();
        let head_owner = self.repos.get(&head_repo).map(|repo| repo.owner.clone());
        let Some(repo) = self.repos.get_mut(&base) else { return number };
        let pull = FakePull {
            id,
            number,
            draft: new.draft,
            head_repo: Some(head_repo),
            head_owner: head_owner.unwrap_or_default(),
            head_branch: new.branch.to_owned(),
            head_sha: head_sha.to_owned(),
            base_branch: repo.default_branch.clone(),
            base_sha: base_sha.to_owned(),
            merged_ms: None,
            merged_by: None,
            merge_sha: None,
            mergeable: Some(true),
            auto_merge: None,
            reviewers: Vec::new(),
            files: Vec::new(),
            commits: 0,
        };
        repo.pulls.insert(number, pull);
        number
    }
}
