//! A pull request has another head, or is closed: tasks for what was there are pointless.

use greenline_forge::{PullNumber, RepoName, Sha};
use greenline_queue::TaskId;
use tracing::info;

use super::Handlers;
use super::comment_text;
use super::error::HandlerError;
use super::open_failures::FailureStage;
use crate::check::CheckName;
use crate::plan::{Subject, superseded};
use crate::repo_settings::{FILE, RepoSettings};
use crate::watch::{HeadMoved, PullClosed};

impl Handlers {
    pub(super) async fn on_head_moved(&self, moved: &HeadMoved) -> Result<(), HandlerError> {
        let (repo, number) = (&moved.repo, moved.pull.number);
        let open = self.plan_store.open_tasks(repo, &Subject::Pull(number)).await?;
        let why = format!("{} was pushed", moved.head.short());
        let gone: Vec<TaskId> = superseded(&open, &moved.head).into_iter().cloned().collect();
        self.cancel(&gone, &why).await?;
        self.check_settings(repo, number, &moved.pull.base, &moved.head).await
    }

    pub(super) async fn on_pull_closed(&self, closed: &PullClosed) -> Result<(), HandlerError> {
        let subject = Subject::Pull(closed.number);
        let open = self.plan_store.open_tasks(&closed.repo, &subject).await?;
        let gone: Vec<TaskId> = open.into_iter().map(|task| task.id).collect();
        self.cancel(&gone, "the pull request is closed").await
    }

    pub(super) async fn cancel(&self, tasks: &[TaskId], why: &str) -> Result<(), HandlerError> {
        if !tasks.is_empty() {
            self.queue.cancel(tasks, why).await?;
            info!(tasks = tasks.len(), "Tasks are cancelled: {why}");
        }
        Ok(())
    }

    /// Says on the pull request that brings it that a settings file is wrong.
    async fn check_settings(
        &self,
        repo: &RepoName,
        pull: PullNumber,
        base: &str,
        head: &Sha,
    ) -> Result<(), HandlerError> {
        let file_at_head = self.settings_file(repo, head.as_str()).await?;
        let problems = file_at_head.as_deref().and_then(|text| RepoSettings::parse(text).err());
        let subject = Subject::Pull(pull);
        let open_failures = self.open_failures.read(repo, &subject).await?;
        let reported = open_failures.into_iter().find(|it| it.check().as_str() == FILE);
        let key = format!("settings-{head}");
        match (problems, reported) {
            (None, None) => Ok(()),
            (None, Some(open_failure))
                if open_failure.stage == FailureStage::Green
                    && !open_failure.is_changed_by(&key) =>
            {
                Ok(())
            }
            (None, Some(mut open_failure)) => {
                open_failure.mark_passed(head, &key);
                self.open_failures.write(&open_failure).await?;
                self.report(repo, &subject, &key).await
            }
            (Some(problems), _) => {
                if file_at_head == self.settings_file(repo, base).await? {
                    return Ok(());
                }
                let check = CheckName::new(FILE);
                let open_failure =
                    comment_text::wrong_settings(repo, pull, base, head, check, &problems);
                self.open_failures.write(&open_failure).await?;
                self.report(repo, &subject, &key).await
            }
        }
    }
}
