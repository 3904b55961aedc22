//! Somebody wrote `@greenline …` on a pull request.

use tracing::info;

use super::check_failed::CommandRequest;
use super::error::HandlerError;
use super::open_failures::{FailureStage, OpenFailure};
use super::{Handlers, comment_text};
use crate::check::CheckSource;
use crate::commands::{CommandAuthorizer, CommandKind, CommandsFound, CommentCommand, PullComment};
use crate::plan::{RepairOff, RerunRequest, Subject};
use crate::publish::{ActionKind, ApprovalAnswer, Approvals, CommentBody, ShownContent};
use crate::repo_settings::FILE;
use crate::watch::Mention;

/// Time after which an unanswered question expires.
const APPROVAL_OPEN: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3_600);

impl Handlers {
    pub(super) async fn on_comment_command(&self, mention: &Mention) -> Result<(), HandlerError> {
        let identity = self.publisher.identity().await?.clone();
        let (queue, forge) = (self.queue.clone(), self.forge.clone());
        let authorizer = CommandAuthorizer { queue, forge, identity };
        let comment = PullComment {
            repo: mention.repo.clone(),
            pull: mention.number,
            comment: mention.comment,
            by: mention.author_id,
        };
        let found = authorizer.authorize(&comment).await?;
        if let Some(reaction) = comment.reaction(&found) {
            self.publisher.publish(&reaction).await?;
        }
        if let CommandsFound::Commands(commands) = found {
            for command in &commands {
                info!(
                    repo = %command.repo,
                    pull = command.pull.0,
                    by = command.by,
                    "{} asks on {}#{}: {}",
                    command.by,
                    command.repo,
                    command.pull,
                    command.kind.as_str()
                );
                self.run_command(command).await?;
            }
            authorizer.mark_handled(&comment).await?;
        }
        Ok(())
    }

    async fn run_command(&self, command: &CommentCommand) -> Result<(), HandlerError> {
        match &command.kind {
            CommandKind::Fix => self.retry_repair(command).await,
            CommandKind::Retry => self.retry(command).await,
            CommandKind::Explain => self.explain(command).await,
            CommandKind::Help => {
                self.update_comment(command, |body| body.next.extend(comment_text::help())).await
            }
            CommandKind::Approve { hash } => self.answer(command, hash.as_deref(), true).await,
            CommandKind::Reject => self.answer(command, None, false).await,
            CommandKind::Stop => self.stop(command).await,
        }
    }

    async fn failing_checks(
        &self,
        command: &CommentCommand,
    ) -> Result<Vec<OpenFailure>, HandlerError> {
        let mut open_failures =
            self.open_failures.read(&command.repo, &Subject::Pull(command.pull)).await?;
        open_failures.retain(|it| it.stage != FailureStage::Green && it.check().as_str() != FILE);
        Ok(open_failures)
    }

    /// Tries the failure once more, regardless of earlier tries.
    async fn retry_repair(&self, command: &CommentCommand) -> Result<(), HandlerError> {
        self.plan_store.set_repairs_off(&command.repo, command.pull, None).await?;
        for open_failure in self.failing_checks(command).await? {
            let request = CommandRequest { key: command.key() };
            self.on_check_failed(&open_failure.failure, Some(&request)).await?;
        }
        Ok(())
    }

    /// The failed jobs run again; what has no job is tried again.
    async fn retry(&self, command: &CommentCommand) -> Result<(), HandlerError> {
        let open_failures = self.failing_checks(command).await?;
        let mut runs = Vec::new();
        for mut open_failure in open_failures {
            let CheckSource::Job { job, run, .. } = open_failure.failure.source else { continue };
            let rerun = RerunRequest { job, run };
            let attempt = self.attempt_of(&open_failure.failure, &rerun).await?;
            if !runs.contains(&attempt) {
                let action = ActionKind::Rerun { run: attempt.0, attempt: attempt.1 };
                self.publish_action(&command.repo, Some(command.pull), &command.key(), action)
                    .await?;
                runs.push(attempt);
            }
            open_failure.stage = FailureStage::Rerunning;
            open_failure.body.next = comment_text::rerun_for(&command.by);
            self.open_failures.write(&open_failure).await?;
        }
        if runs.is_empty() {
            return self.retry_repair(command).await;
        }
        self.report(&command.repo, &Subject::Pull(command.pull), &command.key()).await
    }

    /// The comment says why, too.
    async fn explain(&self, command: &CommentCommand) -> Result<(), HandlerError> {
        let subject = Subject::Pull(command.pull);
        let decisions = self.plan_store.decisions(&command.repo, &subject).await?;
        self.update_comment(command, |body| {
            body.sections.push(comment_text::decision_history(&decisions));
        })
        .await
    }

    async fn stop(&self, command: &CommentCommand) -> Result<(), HandlerError> {
        let off = Some(RepairOff::Stopped);
        self.plan_store.set_repairs_off(&command.repo, command.pull, off).await?;
        let subject = Subject::Pull(command.pull);
        let open = self.plan_store.open_tasks(&command.repo, &subject).await?;
        let tasks: Vec<_> = open.into_iter().map(|task| task.id).collect();
        self.cancel(&tasks, &format!("{} asked to stop", command.by)).await?;
        let by = command.by.clone();
        for mut open_failure in self.failing_checks(command).await? {
            open_failure.stage = FailureStage::Reported;
            open_failure.body.next = comment_text::stopped(&by);
            self.open_failures.write(&open_failure).await?;
        }
        self.report(&command.repo, &subject, &command.key()).await
    }

    async fn answer(
        &self,
        command: &CommentCommand,
        hash: Option<&str>,
        yes: bool,
    ) -> Result<(), HandlerError> {
        let shown = match (hash, command.at) {
            (Some(hash), _) => ShownContent::Hash(hash),
            (None, Some(at)) => ShownContent::At(at),
            (None, None) => return Ok(()),
        };
        let why = format!("comment {}", command.comment);
        let answering = ApprovalAnswer { who: &command.by, shown, yes, why: &why };
        let approvals = Approvals::new(self.queue.clone(), APPROVAL_OPEN);
        let answered = approvals.answer(&command.repo, command.pull, &answering).await?;
        let line = comment_text::answered(&command.by, yes, &answered);
        self.update_comment(command, |body| body.next.push(line)).await
    }

    /// The comment as it would be, with something more.
    async fn update_comment(
        &self,
        command: &CommentCommand,
        more: impl FnOnce(&mut CommentBody),
    ) -> Result<(), HandlerError> {
        let open_failures =
            self.open_failures.read(&command.repo, &Subject::Pull(command.pull)).await?;
        let mut body = comment_text::combined_comment(&open_failures)
            .unwrap_or_else(comment_text::nothing_known);
        more(&mut body);
        let action = ActionKind::Comment { body };
        self.publish_action(&command.repo, Some(command.pull), &command.key(), action).await
    }
}
