//! Workflow runs and jobs.

use serde_json::{Value, json};

use super::super::state::{FakeJob, FakeRepo, FakeWorkflowRun};
use super::{Render, maybe_time, node_id, time};

impl Render<'_> {
    pub(crate) fn run(&self, repo: &FakeRepo, run: &FakeWorkflowRun) -> Value {
        let url = format!("{}/actions/runs/{}", self.repo_url(repo), run.id);
        let head = self.state.repos.get(&run.head_repo).unwrap_or(repo);
        let earlier = (run.attempt > 1).then(|| format!("{url}/attempts/{}", run.attempt - 1));
        let workflow = format!("{}/actions/workflows/{}", self.repo_url(repo), run.workflow_id);
        // A fork's pull request is not named on its runs.
        let own = head.id == repo.id;
        let pulls = if own { self.pulls_at(repo, &run.head_sha) } else { Vec::new() };
        json!({
            "id": run.id, "node_id": node_id("WorkflowRun", run.id), "name": run.workflow,
            "head_branch": run.head_branch, "head_sha": run.head_sha,
            "path": workflow_path(&run.workflow), "display_title": run.title,
            "run_number": run.run_number, "run_attempt": run.attempt, "event": run.event,
            "status": run.status, "conclusion": run.conclusion, "workflow_id": run.workflow_id,
            "check_suite_id": run.suite, "check_suite_node_id": node_id("CheckSuite", run.suite),
            "url": url, "html_url": format!("{}/actions/runs/{}", self.repo_html(repo), run.id),
            "pull_requests": pulls,
            "created_at": time(run.created_ms), "updated_at": time(run.updated_ms),
            "run_started_at": time(run.started_ms),
            "actor": self.user(&run.actor), "triggering_actor": self.user(&run.actor),
            "referenced_workflows": [], "previous_attempt_url": earlier,
            "jobs_url": format!("{url}/jobs"), "logs_url": format!("{url}/logs"),
            "check_suite_url": format!("{}/check-suites/{}", self.repo_url(repo), run.suite),
            "artifacts_url": format!("{url}/artifacts"), "cancel_url": format!("{url}/cancel"),
            "rerun_url": format!("{url}/rerun"), "workflow_url": workflow,
            "head_commit": self.simple_commit(head, &run.head_sha),
            "repository": self.minimal_repo(repo), "head_repository": self.minimal_repo(head),
        })
    }

    pub(crate) fn job(&self, repo: &FakeRepo, job: &FakeJob) -> Value {
        let run = repo.runs.get(&job.run);
        let check = repo.check_runs.get(&job.id);
        let status = check.map_or("queued", |check| &check.status);
        let started = check.and_then(|check| check.started_ms);
        let started = started.or(run.map(|run| run.created_ms)).unwrap_or_default();
        let done = check.and_then(|check| check.completed_ms);
        let html = format!("{}/actions/runs/{}/job/{}", self.repo_html(repo), job.run, job.id);
        let runner = |value: Value| if status == "queued" { Value::Null } else { value };
        json!({
            "id": job.id, "node_id": node_id("CheckRun", job.id),
            "run_id": job.run, "run_attempt": job.attempt, "name": job.name,
            "run_url": format!("{}/actions/runs/{}", self.repo_url(repo), job.run),
            "workflow_name": run.map(|run| &run.workflow),
            "head_branch": run.and_then(|run| run.head_branch.clone()),
            "head_sha": run.map(|run| &run.head_sha),
            "url": format!("{}/actions/jobs/{}", self.repo_url(repo), job.id),
            "html_url": html,
            "check_run_url": format!("{}/check-runs/{}", self.repo_url(repo), job.id),
            "status": status, "conclusion": check.and_then(|check| check.conclusion.clone()),
            "created_at": time(started), "started_at": time(started),
            "completed_at": maybe_time(done),
            "steps": steps(job, started, done),
            "labels": ["ubuntu-latest"],
            "runner_id": runner(7.into()), "runner_name": runner("GitHub Actions 7".into()),
            "runner_group_id": runner(2.into()), "runner_group_name": runner("GitHub Actions".into()),
        })
    }

    pub(crate) fn workflow(&self, repo: &FakeRepo, name: &str, id: u64) -> Value {
        let url = format!("{}/actions/workflows/{id}", self.repo_url(repo));
        let path = workflow_path(name);
        let badge = format!("{}/workflows/{name}/badge.svg", self.repo_html(repo));
        json!({
            "id": id, "node_id": node_id("Workflow", id), "name": name, "path": path,
            "state": "active", "created_at": time(repo.created_ms), "updated_at": time(repo.created_ms),
            "url": url, "badge_url": badge,
            "html_url": format!("{}/blob/{}/{path}", self.repo_html(repo), repo.default_branch),
        })
    }
}

fn steps(job: &FakeJob, started: u64, done: Option<u64>) -> Vec<Value> {
    let step = |(at, step): (usize, &super::super::state::FakeStep)| {
        json!({
            "name": step.name, "number": at + 1,
            "status": if step.conclusion.is_some() { "completed" } else { "in_progress" },
            "conclusion": step.conclusion,
            "started_at": time(started), "completed_at": maybe_time(done),
        })
    };
    job.steps.iter().enumerate().map(step).collect()
}

/// The file that a workflow of that name is in.
pub(crate) fn workflow_path(name: &str) -> String {
    format!(".github/workflows/{}.yml", name.to_lowercase().replace(' ', "-"))
}
