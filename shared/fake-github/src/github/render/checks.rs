//! Check runs, suites and commit statuses.

use serde_json::{Value, json};

use super::super::state::{FakeCheckRun, FakeRepo, FakeStatus, FakeSuite};
use super::{Render, extend, maybe_time, node_id, time};

impl Render<'_> {
    pub(crate) fn check_run(&self, repo: &FakeRepo, run: &FakeCheckRun) -> Value {
        let url = format!("{}/check-runs/{}", self.repo_url(repo), run.id);
        let app = repo.suites.get(&run.suite).map_or(Value::Null, |suite| self.app(suite.app));
        let html = format!("{}/runs/{}", self.repo_html(repo), run.id);
        json!({
            "id": run.id, "node_id": node_id("CheckRun", run.id), "name": run.name,
            "head_sha": run.head_sha, "external_id": run.external_id,
            "url": url, "html_url": run.details_url.clone().unwrap_or(html.clone()),
            "details_url": run.details_url.clone().unwrap_or(html),
            "status": run.status, "conclusion": run.conclusion,
            "started_at": maybe_time(run.started_ms), "completed_at": maybe_time(run.completed_ms),
            "output": {
                "title": run.title, "summary": run.summary, "text": run.text,
                "annotations_count": run.annotations.len(),
                "annotations_url": format!("{url}/annotations"),
            },
            "check_suite": {"id": run.suite},
            "app": app,
            "pull_requests": self.pulls_at(repo, &run.head_sha),
        })
    }

    pub(crate) fn suite(&self, repo: &FakeRepo, suite: &FakeSuite) -> Value {
        let url = format!("{}/check-suites/{}", self.repo_url(repo), suite.id);
        let mut all = self.short_suite(repo, suite);
        let runs = repo.check_runs.values().filter(|run| run.suite == suite.id).count();
        extend(
            &mut all,
            json!({
                "latest_check_runs_count": runs,
                "check_runs_url": format!("{url}/check-runs"),
                "head_commit": self.simple_commit(repo, &suite.head_sha),
                "repository": self.minimal_repo(repo),
                "rerequestable": true, "runs_rerequestable": true,
            }),
        );
        all
    }

    /// A suite as it stands inside a check run's webhook.
    pub(crate) fn short_suite(&self, repo: &FakeRepo, suite: &FakeSuite) -> Value {
        let (status, conclusion) = repo.suite_outcome(suite.id);
        let before = repo.commits.get(&suite.head_sha).and_then(|it| it.parents.first().cloned());
        json!({
            "id": suite.id, "node_id": node_id("CheckSuite", suite.id),
            "head_branch": suite.head_branch, "head_sha": suite.head_sha,
            "status": status, "conclusion": conclusion,
            "url": format!("{}/check-suites/{}", self.repo_url(repo), suite.id),
            "before": before, "after": suite.head_sha,
            "pull_requests": self.pulls_at(repo, &suite.head_sha),
            "app": self.app(suite.app),
            "created_at": time(suite.created_ms), "updated_at": time(suite.updated_ms),
        })
    }

    pub(crate) fn status(&self, repo: &FakeRepo, status: &FakeStatus) -> Value {
        let mut all = self.simple_status(repo, status);
        all["creator"] = self.user(&status.creator);
        all
    }

    pub(crate) fn simple_status(&self, repo: &FakeRepo, status: &FakeStatus) -> Value {
        json!({
            "id": status.id, "node_id": node_id("StatusContext", status.id),
            "url": format!("{}/statuses/{}", self.repo_url(repo), status.sha),
            "avatar_url": format!("{}/avatars/{}", self.web, status.id),
            "state": status.state, "context": status.context, "description": status.description,
            "target_url": status.target_url,
            "created_at": time(status.created_ms), "updated_at": time(status.created_ms),
        })
    }
}
