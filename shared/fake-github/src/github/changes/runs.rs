//! Workflow runs: their jobs start, end, and start again as another attempt.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::super::state::{FakeCheckRun, FakeJob, FakeStep, FakeWorkflowRun, GitHubState, JobLog};
use super::super::{ACTIONS_APP, JobEnd};

/// A run to be started.
pub(crate) struct NewRun<'a> {
    pub(crate) repo: u64,
    pub(crate) workflow: &'a str,
    pub(crate) head_sha: &'a str,
    pub(crate) head_branch: Option<String>,
    pub(crate) head_repo: u64,
    pub(crate) event: &'a str,
    pub(crate) actor: &'a str,
    pub(crate) title: &'a str,
}

/// The reason why a run is not started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotRerun {
    Missing,
    StillRunning,
    NothingFailed,
}

impl GitHubState {
    /// Starts a run without jobs yet; its id.
    pub(crate) fn start_run(&mut self, new: &NewRun<'_>) -> u64 {
        let suite = self.suite_for(new.repo, ACTIONS_APP, new.head_sha, true);
        let (id, fresh, now) = (self.next_id(), self.next_id(), self.now_ms());
        let Some(repo) = self.repos.get_mut(&new.repo) else { return id };
        let workflow_id = *repo.workflows.entry(new.workflow.to_owned()).or_insert(fresh);
        let run_number = repo.runs.len() as u64 + 1;
        if let Some(suite) = repo.suites.get_mut(&suite) {
            suite.head_branch.clone_from(&new.head_branch);
        }
        let run = FakeWorkflowRun {
            id,
            workflow: new.workflow.to_owned(),
            workflow_id,
            run_number,
            attempt: 1,
            event: new.event.to_owned(),
            head_sha: new.head_sha.to_owned(),
            head_branch: new.head_branch.clone(),
            head_repo: new.head_repo,
            suite,
            actor: new.actor.to_owned(),
            title: new.title.to_owned(),
            status: "queued".to_owned(),
            conclusion: None,
            created_ms: now,
            started_ms: now,
            updated_ms: now,
        };
        repo.runs.insert(id, run);
        self.emit_run(new.repo, id, "requested");
        id
    }

    /// Starts a job of a run; its id, which is its check run's as well.
    pub(crate) fn start_job(&mut self, repo: u64, run: u64, name: &str) -> u64 {
        let (id, now) = (self.next_id(), self.now_ms());
        let Some(of) = self.repos.get_mut(&repo) else { return id };
        let Some(run) = of.runs.get_mut(&run) else { return id };
        run.status = "in_progress".to_owned();
        run.conclusion = None;
        let (run_id, attempt, suite) = (run.id, run.attempt, run.suite);
        let head_sha = run.head_sha.clone();
        let by = run.actor.clone();
        let steps = vec![FakeStep { name: "Set up job".to_owned(), conclusion: None }];
        let (name, log) = (name.to_owned(), JobLog::None);
        let job = FakeJob { id, run: run_id, attempt, name: name.clone(), steps, log };
        of.jobs.insert(id, job);
        let html = format!("{}/{}/actions/runs/{run_id}/job/{id}", self.url, of.full_name());
        let check = FakeCheckRun {
            id,
            suite,
            name,
            head_sha,
            status: "in_progress".to_owned(),
            conclusion: None,
            started_ms: Some(now),
            completed_ms: None,
            details_url: Some(html),
            external_id: uuid::Uuid::now_v7().to_string(),
            title: None,
            summary: None,
            text: None,
            annotations: Vec::new(),
            actions: Vec::new(),
        };
        self.put_check_run(repo, check, &by);
        self.emit_job(repo, id, "in_progress");
        id
    }

    /// Ends a job.
    pub(crate) fn end_job(&mut self, repo: u64, id: u64, end: &JobEnd) {
        let now = self.now_ms();
        let Some(of) = self.repos.get_mut(&repo) else { return };
        let Some(job) = of.jobs.get_mut(&id) else { return };
        job.steps = steps_of(end);
        job.log = JobLog::Text(Bytes::copy_from_slice(end.log().as_bytes()));
        let run = job.run;
        let by = of.runs.get(&run).map(|run| run.actor.clone()).unwrap_or_default();
        let Some(mut check) = of.check_runs.get(&id).cloned() else { return };
        check.status = "completed".to_owned();
        check.conclusion = Some(end.conclusion().to_owned());
        check.completed_ms = Some(now);
        check.annotations = end.annotations();
        self.put_check_run(repo, check, &by);
        self.emit_job(repo, id, "completed");
        self.end_run_if_done(repo, run);
    }

    fn end_run_if_done(&mut self, repo: u64, run: u64) {
        let now = self.now_ms();
        let Some(of) = self.repos.get_mut(&repo) else { return };
        let Some(suite) = of.runs.get(&run).map(|run| run.suite) else { return };
        let (status, conclusion) = of.suite_outcome(suite);
        if let Some(run) = of.runs.get_mut(&run).filter(|_| status == "completed") {
            run.status = "completed".to_owned();
            run.conclusion = conclusion.map(str::to_owned);
            run.updated_ms = now;
        }
        if status == "completed" {
            self.emit_run(repo, run, "completed");
        }
    }

    /// Starts another attempt of a run's failed jobs, of all, or of one. What was scripted for
    /// them happens at once; the rest waits for the script.
    pub(crate) fn rerun(&mut self, repo: u64, run: u64, which: RerunScope) -> Result<(), NotRerun> {
        let of = self.repos.get_mut(&repo).ok_or(NotRerun::Missing)?;
        let names = of.jobs_to_rerun(run, which)?;
        let found = of.runs.get_mut(&run).ok_or(NotRerun::Missing)?;
        if found.status != "completed" {
            return Err(NotRerun::StillRunning);
        }
        if names.is_empty() {
            return Err(NotRerun::NothingFailed);
        }
        found.attempt += 1;
        found.status = "queued".to_owned();
        found.conclusion = None;
        let now = self.now_ms();
        if let Some(run) = self.repos.get_mut(&repo).and_then(|of| of.runs.get_mut(&run)) {
            run.started_ms = now;
            run.updated_ms = now;
        }
        self.emit_run(repo, run, "requested");
        let started: Vec<u64> = names.iter().map(|name| self.start_job(repo, run, name)).collect();
        for (name, job) in names.iter().zip(started) {
            let scripted = self.repos.get_mut(&repo).and_then(|of| of.next_attempt(name));
            if let Some(end) = scripted {
                self.end_job(repo, job, &end);
            }
        }
        Ok(())
    }

    pub(crate) fn emit_job(&mut self, repo: u64, id: u64, action: &str) {
        let Some(of) = self.repos.get(&repo) else { return };
        let Some(job) = of.jobs.get(&id) else { return };
        let by = of.runs.get(&job.run).map(|run| run.actor.clone()).unwrap_or_default();
        let body = self.render().job(of, job);
        self.emit(repo, "workflow_job", &by, json!({"action": action, "workflow_job": body}));
    }

    pub(crate) fn emit_run(&mut self, repo: u64, id: u64, action: &str) {
        let Some(of) = self.repos.get(&repo) else { return };
        let Some(run) = of.runs.get(&id) else { return };
        let (by, render) = (run.actor.clone(), self.render());
        let workflow = render.workflow(of, &run.workflow, run.workflow_id);
        let mut body = render.run(of, run);
        if action == "requested" {
            body["status"] = "queued".into();
        }
        let all = json!({"action": action, "workflow_run": body, "workflow": workflow});
        self.emit(repo, "workflow_run", &by, all);
    }
}

/// The jobs that run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RerunScope {
    All,
    Failed,
    Job(u64),
}

impl super::super::state::FakeRepo {
    fn jobs_to_rerun(&self, run: u64, which: RerunScope) -> Result<Vec<String>, NotRerun> {
        let latest = self.latest_jobs(run);
        if let RerunScope::Job(id) = which {
            let job = latest.iter().find(|job| job.id == id).ok_or(NotRerun::Missing)?;
            return Ok(vec![job.name.clone()]);
        }
        let ended =
            |job: &&&FakeJob| self.check_runs.get(&job.id).and_then(|it| it.conclusion.clone());
        let wanted = |job: &&&FakeJob| {
            which == RerunScope::All
                || !matches!(ended(job).as_deref(), Some("success" | "skipped"))
        };
        Ok(latest.iter().filter(wanted).map(|job| job.name.clone()).collect())
    }

    /// The newest job of each name of a run.
    pub(crate) fn latest_jobs(&self, run: u64) -> Vec<&FakeJob> {
        let mut latest = std::collections::BTreeMap::new();
        for job in self.jobs.values().filter(|job| job.run == run) {
            latest.insert(job.name.as_str(), job);
        }
        let mut all: Vec<&FakeJob> = latest.into_values().collect();
        all.sort_by_key(|job| job.id);
        all
    }

    fn next_attempt(&mut self, name: &str) -> Option<JobEnd> {
        self.next_attempts.get_mut(name)?.pop_front()
    }
}

fn steps_of(end: &JobEnd) -> Vec<FakeStep> {
    let step = |name: &str, conclusion: &str| FakeStep {
        name: name.to_owned(),
        conclusion: Some(conclusion.to_owned()),
    };
    let own = if end.conclusion() == "success" { "success" } else { "failure" };
    vec![step("Set up job", "success"), step("Run tests", own), step("Complete job", "success")]
}

impl JobEnd {
    /// GitHub annotates a failed job with its last words.
    fn annotations(&self) -> Vec<Value> {
        let Self::Failure(_) = self else { return Vec::new() };
        vec![json!({
            "path": ".github", "start_line": 1, "end_line": 1, "start_column": null,
            "end_column": null, "annotation_level": "failure", "title": "",
            "message": "Process completed with exit code 1.", "raw_details": "", "blob_href": "",
        })]
    }
}
