//! Check runs and suites, and commit statuses.

use serde_json::json;

use super::super::state::{FakeCheckRun, FakePull, FakeRepo, FakeStatus, FakeSuite, GitHubState};

impl GitHubState {
    /// The suite of an App on a commit; made if there is none. GitHub makes one for each run of
    /// a workflow, so those ask for a `fresh` one.
    pub(crate) fn suite_for(&mut self, repo: u64, app: u64, sha: &str, fresh: bool) -> u64 {
        let found = self.repos.get(&repo).and_then(|repo| {
            repo.suites.values().find(|it| it.app == app && it.head_sha == sha).map(|it| it.id)
        });
        if let Some(id) = found.filter(|_| !fresh) {
            return id;
        }
        let (id, now) = (self.next_id(), self.now_ms());
        let Some(repo) = self.repos.get_mut(&repo) else { return id };
        let head_branch = repo.branch_at(sha);
        let suite = FakeSuite {
            id,
            app,
            head_sha: sha.to_owned(),
            head_branch,
            created_ms: now,
            updated_ms: now,
        };
        repo.suites.insert(id, suite);
        id
    }

    /// Files a new or changed check run, and tells of it.
    pub(crate) fn put_check_run(&mut self, repo: u64, run: FakeCheckRun, by: &str) {
        let (id, now) = (run.id, self.now_ms());
        let Some(of) = self.repos.get_mut(&repo) else { return };
        let before = of.check_runs.insert(id, run);
        let run = &of.check_runs[&id];
        let suite = run.suite;
        let was_done = before.as_ref().is_some_and(|it| it.status == "completed");
        let done = run.status == "completed";
        if let Some(suite) = of.suites.get_mut(&suite) {
            suite.updated_ms = now;
        }
        if before.is_none() {
            self.emit_check_run(repo, id, "created", by);
        }
        if done && !was_done {
            self.emit_check_run(repo, id, "completed", by);
            let all_done = self.repos[&repo].suite_outcome(suite).0 == "completed";
            if all_done {
                self.emit_suite(repo, suite, "completed", by);
                self.merge_waiting_pulls(repo);
            }
        }
    }

    pub(crate) fn emit_check_run(&mut self, repo: u64, id: u64, action: &str, by: &str) {
        let Some(of) = self.repos.get(&repo) else { return };
        let Some(run) = of.check_runs.get(&id) else { return };
        let render = self.render();
        let mut body = render.check_run(of, run);
        if let Some(suite) = of.suites.get(&run.suite) {
            body["check_suite"] = render.short_suite(of, suite);
        }
        self.emit(repo, "check_run", by, json!({"action": action, "check_run": body}));
    }

    pub(crate) fn emit_suite(&mut self, repo: u64, id: u64, action: &str, by: &str) {
        let Some(of) = self.repos.get(&repo) else { return };
        let Some(suite) = of.suites.get(&id) else { return };
        let mut body = self.render().suite(of, suite);
        for name in ["repository", "rerequestable", "runs_rerequestable"] {
            body.as_object_mut().map(|all| all.remove(name));
        }
        self.emit(repo, "check_suite", by, json!({"action": action, "check_suite": body}));
    }

    /// Sets a commit status, and tells of it.
    pub(crate) fn put_status(&mut self, repo: u64, status: FakeStatus) {
        let creator = status.creator.clone();
        let Some(of) = self.repos.get_mut(&repo) else { return };
        of.statuses.push(status.clone());
        let of = &self.repos[&repo];
        let render = self.render();
        let at = |branch: &&super::super::state::FakeBranch| branch.sha == status.sha;
        let branches = of.branches.iter().filter(|(_, branch)| at(branch));
        let branches: Vec<_> =
            branches.map(|(name, branch)| render.short_branch(of, name, branch)).collect();
        let commit = of.commits.get(&status.sha).map(|commit| render.commit(of, commit));
        let mut body = render.simple_status(of, &status);
        super::super::render::extend(
            &mut body,
            json!({"sha": status.sha, "name": of.full_name(), "commit": commit, "branches": branches}),
        );
        for name in ["url", "node_id"] {
            body.as_object_mut().map(|all| all.remove(name));
        }
        self.emit(repo, "status", &creator, body);
        self.merge_waiting_pulls(repo);
    }
}

impl FakeRepo {
    pub(crate) fn branch_at(&self, sha: &str) -> Option<String> {
        let own = self.branches.iter().find(|(_, branch)| branch.sha == sha);
        let own = own.map(|(name, _)| name.clone());
        let from_fork = || self.pulls.values().find(|it| it.head_sha == sha);
        own.or_else(|| from_fork().map(|pull| pull.head_branch.clone()))
    }

    /// Status and conclusion of a suite, from its latest runs.
    pub(crate) fn suite_outcome(&self, suite: u64) -> (&'static str, Option<&'static str>) {
        let runs: Vec<&FakeCheckRun> = self.latest_check_runs(|run| run.suite == suite);
        if runs.is_empty() {
            return ("queued", None);
        }
        if runs.iter().any(|run| run.status != "completed") {
            return ("in_progress", None);
        }
        let order = [
            "action_required",
            "timed_out",
            "cancelled",
            "failure",
            "success",
            "neutral",
            "skipped",
        ];
        let has = |end: &&str| runs.iter().any(|run| run.conclusion.as_deref() == Some(*end));
        ("completed", order.into_iter().find(has))
    }

    /// The newest check run of each name and suite, in order of their ids.
    pub(crate) fn latest_check_runs(
        &self,
        wanted: impl Fn(&FakeCheckRun) -> bool,
    ) -> Vec<&FakeCheckRun> {
        let mut latest = std::collections::BTreeMap::new();
        for run in self.check_runs.values().filter(|run| wanted(run)) {
            latest.insert((run.suite, run.name.as_str()), run);
        }
        let mut all: Vec<&FakeCheckRun> = latest.into_values().collect();
        all.sort_by_key(|run| run.id);
        all
    }

    /// The newest status of each context of a commit.
    pub(crate) fn latest_statuses(&self, sha: &str) -> Vec<&FakeStatus> {
        let mut latest = std::collections::BTreeMap::new();
        for status in self.statuses.iter().filter(|status| status.sha == sha) {
            latest.insert(status.context.as_str(), status);
        }
        latest.into_values().collect()
    }

    /// The required checks that a pull request's head does not have yet.
    pub(crate) fn missing_checks(&self, pull: &FakePull) -> Vec<String> {
        let branch = self.branches.get(&pull.base_branch);
        let Some(rules) = branch.and_then(|branch| branch.protection.as_ref()) else {
            return Vec::new();
        };
        let sha = &pull.head_sha;
        let good = |name: &String| {
            let runs = self.latest_check_runs(|run| run.head_sha == *sha && run.name == *name);
            let passes = |end: Option<&str>| matches!(end, Some("success" | "neutral" | "skipped"));
            let run = runs.last().is_some_and(|run| passes(run.conclusion.as_deref()));
            let statuses = self.latest_statuses(sha);
            run || statuses.iter().any(|it| it.context == *name && it.state == "success")
        };
        rules.required_checks.iter().filter(|name| !good(name)).cloned().collect()
    }
}
