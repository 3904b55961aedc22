//! A pull request has another head, or is closed: tasks for what was there are pointless.

use greenline_forge::{PullNumber, RepoName, Sha};
use greenline_queue::TaskId;
use tracing::info;

use super::Casework;
use super::book::Stage;
use super::trouble::Trouble;
use super::words;
use crate::failure::CheckName;
use crate::plan::{Subject, superseded};
use crate::repo_settings::{FILE, RepoSettings};
use crate::watch::{HeadMoved, PullClosed};

impl Casework {
    pub(super) async fn moved(&self, moved: &HeadMoved) -> Result<(), Trouble> {
        let (repo, number) = (&moved.repo, moved.pull.number);
        let open = self.ledger.open_tasks(repo, &Subject::Pull(number)).await?;
        let why = format!("{} was pushed", moved.head.short());
        let gone: Vec<TaskId> = superseded(&open, &moved.head).into_iter().cloned().collect();
        self.cancel(&gone, &why).await?;
        self.check_settings(repo, number, &moved.pull.base, &moved.head).await
    }

    pub(super) async fn closed(&self, closed: &PullClosed) -> Result<(), Trouble> {
        let subject = Subject::Pull(closed.number);
        let open = self.ledger.open_tasks(&closed.repo, &subject).await?;
        let gone: Vec<TaskId> = open.into_iter().map(|task| task.id).collect();
        self.cancel(&gone, "the pull request is closed").await
    }

    pub(super) async fn cancel(&self, tasks: &[TaskId], why: &str) -> Result<(), Trouble> {
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
    ) -> Result<(), Trouble> {
        let brought = self.settings_file(repo, head.as_str()).await?;
        let problems = brought.as_deref().and_then(|text| RepoSettings::parse(text).err());
        let subject = Subject::Pull(pull);
        let findings = self.book.read(repo, &subject).await?;
        let said = findings.into_iter().find(|it| it.check().as_str() == FILE);
        let occasion = format!("settings-{head}");
        match (problems, said) {
            (None, None) => Ok(()),
            (None, Some(finding))
                if finding.stage == Stage::Green && !finding.is_changed_by(&occasion) =>
            {
                Ok(())
            }
            (None, Some(mut finding)) => {
                finding.turn_green(head, &occasion);
                self.book.write(&finding).await?;
                self.tell(repo, &subject, &occasion).await
            }
            (Some(problems), _) => {
                if brought == self.settings_file(repo, base).await? {
                    return Ok(());
                }
                let check = CheckName::new(FILE);
                let finding = words::wrong_settings(repo, pull, base, head, check, &problems);
                self.book.write(&finding).await?;
                self.tell(repo, &subject, &occasion).await
            }
        }
    }
}
