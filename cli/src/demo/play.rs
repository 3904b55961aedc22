//! Plays a story on the fake GitHub, and follows its effects.

use anyhow::Context;
use greenline_lead::plan::{Subject, Told};
use greenline_practice::github::DeedKind;
use greenline_practice::project::{self, Story};
use greenline_queue::{Status, TaskId, TaskRecord};
use greenline_runtime::stopping::Stop;
use greenline_worker::reproduce::{Answer, Reproduction};
use serde_json::Value;

use super::event::Event;
use super::follow::Follower;
use super::stage::{Stage, subject_of};
use super::tell::Teller;
use crate::ending::{Complaint, Ended};
use crate::print::when;

/// One red check and its effects.
struct Scene<'a> {
    stage: &'a Stage,
    story: Story,
    subject: Subject,
    pull: Option<u64>,
    branch: String,
    sha: String,
}

/// The final result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    /// A worker has tried to reproduce it.
    Looked(Answer),
    /// It was re-run.
    Rerun,
    /// People were notified, and nothing else.
    Told,
}

/// Plays a story to its end.
pub(super) async fn play(
    stage: &Stage,
    story: Story,
    teller: &mut Teller,
    stop: &Stop,
) -> anyhow::Result<Ended> {
    let mut follower = Follower::of(stage, stop).await?;
    follower.act(project::found(&stage.github, stage.name.as_str())).await?;
    follower.until("that the lead hears of the repository", async || quiet(stage).await).await?;

    let pull = follower.act(story.open(&stage.repo)).await?;
    if story == Story::BrokenBase {
        let sha = stage.repo.head("main").context("the default branch is gone")?;
        let (subject, branch) = (Subject::Branch("main".to_owned()), "main".to_owned());
        let main = Scene { stage, story, subject, pull: None, branch, sha };
        main.play(teller, &mut follower).await?;
    }
    follower.act(story.run(&stage.repo, &pull)).await?;
    let subject = subject_of(pull.number);
    let (number, branch, sha) = (Some(pull.number), pull.branch.clone(), pull.sha.clone());
    let scene = Scene { stage, story, subject, pull: number, branch, sha };
    let (told, came) = scene.play(teller, &mut follower).await?;
    end(&scene, teller, &told, &came).await
}

async fn end(
    scene: &Scene<'_>,
    teller: &mut Teller,
    told: &Told,
    came: &Came,
) -> anyhow::Result<Ended> {
    let well = came.is_good_for(scene.story);
    let (story, outcome) = (scene.story.name(), came.name().to_owned());
    let status = scene.stage.status().await.context("the lead did not say how it is")?;
    teller.event(when::now_ms(), &Event::Done { story, ended_well: well, outcome, status })?;
    match came {
        _ if well => {}
        Came::Looked(answer) if answer.isolation == "none" => {
            let says = format!("the worker could not try it: {}", answer.reason);
            return Err(Complaint::outside(says)
                .mend("`greenline doctor` says what is missing; --story fork needs no sandbox")
                .into());
        }
        _ => {
            let says = format!("the story ended otherwise than it should: {}", told.reason);
            return Err(Complaint::no(says).into());
        }
    }
    teller.why(told)?;
    Ok(Ended::Done)
}

async fn quiet(stage: &Stage) -> anyhow::Result<Option<()>> {
    Ok(stage.is_quiet().await?.then_some(()))
}

impl Scene<'_> {
    /// Plays from the red check to the last comment about it.
    async fn play(
        &self,
        teller: &mut Teller,
        follower: &mut Follower,
    ) -> anyhow::Result<(Told, Came)> {
        teller.event(when::now_ms(), &self.failed_check())?;
        let decided = async || self.stage.decided(&self.subject, self.story.job()).await;
        let told = follower.until("a decision of the lead", decided).await?;
        let repo = self.repo();
        let diagnosed = Event::Diagnosed { repo, pull: self.pull, told: Box::new(told.clone()) };
        teller.event(moment(told.decided_at), &diagnosed)?;

        let came = match (&told.task_id, told.action.as_str()) {
            (Some(id), _) => Came::Looked(self.task(&id.parse()?, teller, follower).await?),
            (None, "rerun") => self.rerun(teller, follower).await?,
            (None, _) => Came::Told,
        };
        follower.until("the last word on GitHub", async || quiet(self.stage).await).await?;
        match self.pull {
            Some(pull) => self.commented(pull, teller)?,
            None => self.issue(teller)?,
        }
        Ok((told, came))
    }

    async fn task(
        &self,
        id: &TaskId,
        teller: &mut Teller,
        follower: &mut Follower,
    ) -> anyhow::Result<Answer> {
        let record = async || Ok(self.stage.queue.record(id).await?);
        let filed = follower.until("the task", record).await?;
        let enqueued = Event::TaskEnqueued {
            task_id: filed.id.clone(),
            r#type: filed.kind.clone(),
            priority: filed.priority.clone(),
            validation: validation(&filed.payload),
        };
        teller.event(filed.enqueued_at.unwrap_or_default(), &enqueued)?;

        let claimed = async || Ok(record().await?.filter(|record| record.worker_id.is_some()));
        let taken = follower.until("a worker that takes the task", claimed).await?;
        let worker = taken.worker_id.unwrap_or_default();
        let sandbox = self.stage.sandbox.clone();
        let event = Event::Claimed { task_id: taken.id, worker, sandbox };
        teller.event(taken.claimed_at.unwrap_or_default(), &event)?;

        let ended = async || Ok(record().await?.filter(has_ended));
        let ended = follower.until("the worker's answer", ended).await?;
        let answer: Answer = match ended.result.as_deref().map(serde_json::from_str) {
            Some(answer) => answer.context("the worker's answer can't be read")?,
            None => anyhow::bail!("the task failed: {}", ended.error.unwrap_or_default()),
        };
        let task_id = ended.id;
        let event = Event::Reproduced { task_id, answer: Box::new(answer.clone()) };
        teller.event(ended.finished_at.unwrap_or_default(), &event)?;
        Ok(answer)
    }

    async fn rerun(&self, teller: &mut Teller, follower: &mut Follower) -> anyhow::Result<Came> {
        let stage = self.stage;
        let rerun = async || {
            let deeds = stage.github.deeds_since(stage.mark);
            Ok(deeds.into_iter().find(|deed| deed.kind == DeedKind::Rerun))
        };
        let run = follower.until("the second run of the job", rerun).await?.to;
        let (repo, check) = (self.repo(), self.story.job().to_owned());
        teller.event(when::now_ms(), &Event::Rerun { repo, pull: self.pull, check, run })?;
        Ok(Came::Rerun)
    }

    fn commented(&self, pull: u64, teller: &mut Teller) -> anyhow::Result<()> {
        let body = self.stage.repo.comments(pull).pop();
        let body = body.context("there is no comment on the pull request")?;
        let (repo, url) = (self.repo(), self.stage.page(&format!("pull/{pull}")));
        teller.event(when::now_ms(), &Event::Commented { repo, pull, url, body })
    }

    fn issue(&self, teller: &mut Teller) -> anyhow::Result<()> {
        let found = self.stage.repo.issues().into_iter().next();
        let (issue, title) = found.context("there is no issue about the default branch")?;
        let (repo, branch) = (self.repo(), self.branch.clone());
        let url = self.stage.page(&format!("issues/{issue}"));
        teller.event(when::now_ms(), &Event::IssueOpened { repo, branch, issue, title, url })
    }

    fn failed_check(&self) -> Event {
        let url = match self.pull {
            Some(pull) => self.stage.page(&format!("pull/{pull}")),
            None => self.stage.page(&format!("commit/{}", self.sha)),
        };
        Event::FailedCheck {
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
        self.stage.name.to_string()
    }
}

impl Came {
    fn name(&self) -> &'static str {
        match self {
            Self::Looked(answer) => match answer.outcome {
                Reproduction::Reproduced => "reproduced",
                Reproduction::Different => "different",
                Reproduction::NotReproduced => "not_reproduced",
            },
            Self::Rerun => "rerun",
            Self::Told => "explained",
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
    record.status.parse().is_ok_and(Status::is_final)
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
