//! Plays a story on the fake GitHub, and follows its effects.

use anyhow::Context;
use greenline_fake_github::github::WriteKind;
use greenline_fake_github::project::{self, Story};
use greenline_lead::plan::{DecisionRecord, Subject};
use greenline_queue::{TaskId, TaskRecord, TaskStatus};
use greenline_runtime::shutdown::Shutdown;
use greenline_worker::reproduce::{ReproductionOutcome, ReproductionResult};
use serde_json::Value;

use super::event::DemoEvent;
use super::output::DemoOutput;
use super::setup::{DemoEnvironment, subject_of};
use super::watch::StoryWatcher;
use crate::error::{CliError, ExitStatus};
use crate::print::when;

/// One red check and its effects.
struct StoryRun<'a> {
    environment: &'a DemoEnvironment,
    story: Story,
    subject: Subject,
    pull: Option<u64>,
    branch: String,
    sha: String,
}

/// The final result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
enum StoryOutcome {
    /// A worker has tried to reproduce it.
    Reproduced(ReproductionResult),
    /// It was re-run.
    Rerun,
    /// People were notified, and nothing else.
    Explained,
}

/// Plays a story to its end.
pub(super) async fn run(
    environment: &DemoEnvironment,
    story: Story,
    output: &mut DemoOutput,
    stop: &Shutdown,
) -> anyhow::Result<ExitStatus> {
    let mut watcher = StoryWatcher::of(environment, stop).await?;
    watcher.act(project::found(&environment.github, environment.name.as_str())).await?;
    watcher
        .until("that the lead hears of the repository", async || quiet(environment).await)
        .await?;

    let pull = watcher.act(story.open(&environment.repo)).await?;
    if story == Story::BrokenBase {
        let sha = environment.repo.head("main").context("the default branch is gone")?;
        let (subject, branch) = (Subject::Branch("main".to_owned()), "main".to_owned());
        let main = StoryRun { environment, story, subject, pull: None, branch, sha };
        main.play(output, &mut watcher).await?;
    }
    watcher.act(story.run(&environment.repo, &pull)).await?;
    let subject = subject_of(pull.number);
    let (number, branch, sha) = (Some(pull.number), pull.branch.clone(), pull.sha.clone());
    let scene = StoryRun { environment, story, subject, pull: number, branch, sha };
    let (record, result) = scene.play(output, &mut watcher).await?;
    end(&scene, output, &record, &result).await
}

async fn end(
    scene: &StoryRun<'_>,
    output: &mut DemoOutput,
    record: &DecisionRecord,
    result: &StoryOutcome,
) -> anyhow::Result<ExitStatus> {
    let well = result.is_good_for(scene.story);
    let (story, outcome) = (scene.story.name(), result.name().to_owned());
    let status = scene.environment.status().await.context("the lead did not say how it is")?;
    output.event(when::now_ms(), &DemoEvent::Done { story, ended_well: well, outcome, status })?;
    match result {
        _ if well => {}
        StoryOutcome::Reproduced(answer) if answer.isolation == "none" => {
            let message = format!("the worker could not try it: {}", answer.reason);
            return Err(CliError::external(message)
                .hint("`greenline doctor` says what is missing; --story fork needs no sandbox")
                .into());
        }
        _ => {
            let message = format!("the story ended otherwise than it should: {}", record.reason);
            return Err(CliError::negative(message).into());
        }
    }
    output.why(record)?;
    Ok(ExitStatus::Success)
}

async fn quiet(environment: &DemoEnvironment) -> anyhow::Result<Option<()>> {
    Ok(environment.is_quiet().await?.then_some(()))
}

impl StoryRun<'_> {
    /// Plays from the red check to the last comment about it.
    async fn play(
        &self,
        output: &mut DemoOutput,
        watcher: &mut StoryWatcher,
    ) -> anyhow::Result<(DecisionRecord, StoryOutcome)> {
        output.event(when::now_ms(), &self.failed_check())?;
        let decided = async || self.environment.decided(&self.subject, self.story.job()).await;
        let record = watcher.until("a decision of the lead", decided).await?;
        let repo = self.repo();
        let diagnosed =
            DemoEvent::Diagnosed { repo, pull: self.pull, record: Box::new(record.clone()) };
        output.event(moment(record.decided_at), &diagnosed)?;

        let result = match (&record.task_id, record.action.as_str()) {
            (Some(id), _) => {
                StoryOutcome::Reproduced(self.task(&id.parse()?, output, watcher).await?)
            }
            (None, "rerun") => self.rerun(output, watcher).await?,
            (None, _) => StoryOutcome::Explained,
        };
        watcher.until("the last word on GitHub", async || quiet(self.environment).await).await?;
        match self.pull {
            Some(pull) => self.commented(pull, output)?,
            None => self.issue(output)?,
        }
        Ok((record, result))
    }

    async fn task(
        &self,
        id: &TaskId,
        output: &mut DemoOutput,
        watcher: &mut StoryWatcher,
    ) -> anyhow::Result<ReproductionResult> {
        let record = async || Ok(self.environment.queue.record(id).await?);
        let filed = watcher.until("the task", record).await?;
        let enqueued = DemoEvent::TaskEnqueued {
            task_id: filed.id.clone(),
            r#type: filed.kind.clone(),
            priority: filed.priority.clone(),
            validation: validation(&filed.payload),
        };
        output.event(filed.enqueued_at.unwrap_or_default(), &enqueued)?;

        let claimed = async || Ok(record().await?.filter(|record| record.worker_id.is_some()));
        let taken = watcher.until("a worker that takes the task", claimed).await?;
        let worker = taken.worker_id.unwrap_or_default();
        let sandbox = self.environment.sandbox.clone();
        let event = DemoEvent::Claimed { task_id: taken.id, worker, sandbox };
        output.event(taken.claimed_at.unwrap_or_default(), &event)?;

        let ended = async || Ok(record().await?.filter(has_ended));
        let ended = watcher.until("the worker's answer", ended).await?;
        let answer: ReproductionResult = match ended.result.as_deref().map(serde_json::from_str) {
            Some(answer) => answer.context("the worker's answer can't be read")?,
            None => anyhow::bail!("the task failed: {}", ended.error.unwrap_or_default()),
        };
        let task_id = ended.id;
        let event = DemoEvent::Reproduced { task_id, answer: Box::new(answer.clone()) };
        output.event(ended.finished_at.unwrap_or_default(), &event)?;
        Ok(answer)
    }

    async fn rerun(
        &self,
        output: &mut DemoOutput,
        watcher: &mut StoryWatcher,
    ) -> anyhow::Result<StoryOutcome> {
        let environment = self.environment;
        let rerun = async || {
            let writes = environment.github.writes_since(environment.mark);
            Ok(writes.into_iter().find(|write| write.kind == WriteKind::Rerun))
        };
        let run = watcher.until("the second run of the job", rerun).await?.to;
        let (repo, check) = (self.repo(), self.story.job().to_owned());
        output.event(when::now_ms(), &DemoEvent::Rerun { repo, pull: self.pull, check, run })?;
        Ok(StoryOutcome::Rerun)
    }

    fn commented(&self, pull: u64, output: &mut DemoOutput) -> anyhow::Result<()> {
        let body = self.environment.repo.comments(pull).pop();
        let body = body.context("there is no comment on the pull request")?;
        let (repo, url) = (self.repo(), self.environment.page(&format!("pull/{pull}")));
        output.event(when::now_ms(), &DemoEvent::Commented { repo, pull, url, body })
    }

    fn issue(&self, output: &mut DemoOutput) -> anyhow::Result<()> {
        let found = self.environment.repo.issues().into_iter().next();
        let (issue, title) = found.context("there is no issue about the default branch")?;
        let (repo, branch) = (self.repo(), self.branch.clone());
        let url = self.environment.page(&format!("issues/{issue}"));
        output.event(when::now_ms(), &DemoEvent::IssueOpened { repo, branch, issue, title, url })
    }

    fn failed_check(&self) -> DemoEvent {
        let url = match self.pull {
            Some(pull) => self.environment.page(&format!("pull/{pull}")),
            None => self.environment.page(&format!("commit/{}", self.sha)),
        };
        DemoEvent::FailedCheck {
            repo: self.repo(),
            pull: self.pull,
            branch: self.branch.clone(),
            title: self.pull.map(|_| self.story.title()),
            check: self.story.job().to_owned(),
            head_sha: self.sha.clone(),
            url,
        }
    }

    fn repo(&self) -> String {
        self.environment.name.to_string()
    }
}

impl StoryOutcome {
    fn name(&self) -> &'static str {
        match self {
            Self::Reproduced(answer) => match answer.outcome {
                ReproductionOutcome::Reproduced => "reproduced",
                ReproductionOutcome::Different => "different",
                ReproductionOutcome::NotReproduced => "not_reproduced",
            },
            Self::Rerun => "rerun",
            Self::Explained => "explained",
        }
    }

    fn is_good_for(&self, story: Story) -> bool {
        let should = match story {
            Story::Assertion | Story::Lint => "reproduced",
            Story::Flaky | Story::Infrastructure => "rerun",
            Story::Fork | Story::BrokenBase => "explained",
        };
        self.name() == should
    }
}

fn has_ended(record: &TaskRecord) -> bool {
    record.status.parse().is_ok_and(TaskStatus::is_final)
}

/// Returns the commands that show the failure, from the task's JSON.
fn validation(payload: &str) -> Vec<String> {
    let task: Value = serde_json::from_str(payload).unwrap_or_default();
    let commands = task["validation"].as_array().into_iter().flatten();
    commands.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn moment(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
