//! Somebody wrote `@greenline …` on a pull request.

use tracing::info;

use super::book::{Finding, Stage};
use super::failed::Asked;
use super::trouble::Trouble;
use super::{Casework, words};
use crate::commands::{Command, Heard, Intake, Spoken, Word};
use crate::failure::Source;
use crate::plan::{RepairOff, Rerun, Subject};
use crate::publish::{Answering, Approvals, Deed, Page, Seen};
use crate::repo_settings::FILE;
use crate::watch::Mention;

/// Time after which an unanswered question expires.
const QUESTION_OPEN: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3_600);

impl Casework {
    pub(super) async fn commanded(&self, mention: &Mention) -> Result<(), Trouble> {
        let identity = self.publisher.identity().await?.clone();
        let (queue, forge) = (self.queue.clone(), self.forge.clone());
        let intake = Intake { queue, forge, identity };
        let spoken = Spoken {
            repo: mention.repo.clone(),
            pull: mention.number,
            comment: mention.comment,
            by: mention.author_id,
        };
        let heard = intake.hear(&spoken).await?;
        if let Some(sign) = spoken.sign(&heard) {
            self.publisher.publish(&sign).await?;
        }
        if let Heard::Commands(commands) = heard {
            for command in &commands {
                info!(
                    repo = %command.repo,
                    pull = command.pull.0,
                    by = command.by,
                    "{} asks on {}#{}: {}",
                    command.by,
                    command.repo,
                    command.pull,
                    command.word.as_str()
                );
                self.obey(command).await?;
            }
            intake.obeyed(&spoken).await?;
        }
        Ok(())
    }

    async fn obey(&self, command: &Command) -> Result<(), Trouble> {
        match &command.word {
            Word::Fix => self.try_again(command).await,
            Word::Retry => self.retry(command).await,
            Word::Explain => self.explain(command).await,
            Word::Help => self.add(command, |page| page.next.extend(words::help())).await,
            Word::Approve { hash } => self.answer(command, hash.as_deref(), true).await,
            Word::Reject => self.answer(command, None, false).await,
            Word::Stop => self.stop(command).await,
        }
    }

    async fn red(&self, command: &Command) -> Result<Vec<Finding>, Trouble> {
        let mut findings = self.book.read(&command.repo, &Subject::Pull(command.pull)).await?;
        findings.retain(|it| it.stage != Stage::Green && it.check().as_str() != FILE);
        Ok(findings)
    }

    /// Tries the failure once more, regardless of earlier tries.
    async fn try_again(&self, command: &Command) -> Result<(), Trouble> {
        self.ledger.switch_repair(&command.repo, command.pull, None).await?;
        for finding in self.red(command).await? {
            let asked = Asked { key: command.key() };
            self.failed(&finding.failure, Some(&asked)).await?;
        }
        Ok(())
    }

    /// The failed jobs run again; what has no job is tried again.
    async fn retry(&self, command: &Command) -> Result<(), Trouble> {
        let findings = self.red(command).await?;
        let mut runs = Vec::new();
        for mut finding in findings {
            let Source::Job { job, run, .. } = finding.failure.source else { continue };
            let rerun = Rerun { job, run };
            let attempt = self.attempt_of(&finding.failure, &rerun).await?;
            if !runs.contains(&attempt) {
                let deed = Deed::Rerun { run: attempt.0, attempt: attempt.1 };
                self.act(&command.repo, Some(command.pull), &command.key(), deed).await?;
                runs.push(attempt);
            }
            finding.stage = Stage::Rerunning;
            finding.page.next = words::rerun_for(&command.by);
            self.book.write(&finding).await?;
        }
        if runs.is_empty() {
            return self.try_again(command).await;
        }
        self.tell(&command.repo, &Subject::Pull(command.pull), &command.key()).await
    }

    /// The comment says why, too.
    async fn explain(&self, command: &Command) -> Result<(), Trouble> {
        let subject = Subject::Pull(command.pull);
        let story = self.ledger.story(&command.repo, &subject).await?;
        self.add(command, |page| page.folds.push(words::story(&story))).await
    }

    async fn stop(&self, command: &Command) -> Result<(), Trouble> {
        let off = Some(RepairOff::Stopped);
        self.ledger.switch_repair(&command.repo, command.pull, off).await?;
        let subject = Subject::Pull(command.pull);
        let open = self.ledger.open_tasks(&command.repo, &subject).await?;
        let tasks: Vec<_> = open.into_iter().map(|task| task.id).collect();
        self.cancel(&tasks, &format!("{} said stop", command.by)).await?;
        let by = command.by.clone();
        for mut finding in self.red(command).await? {
            finding.stage = Stage::Told;
            finding.page.next = words::stopped(&by);
            self.book.write(&finding).await?;
        }
        self.tell(&command.repo, &subject, &command.key()).await
    }

    async fn answer(
        &self,
        command: &Command,
        hash: Option<&str>,
        yes: bool,
    ) -> Result<(), Trouble> {
        let seen = match (hash, command.at) {
            (Some(hash), _) => Seen::Hash(hash),
            (None, Some(at)) => Seen::At(at),
            (None, None) => return Ok(()),
        };
        let why = format!("comment {}", command.comment);
        let answering = Answering { who: &command.by, seen, yes, why: &why };
        let approvals = Approvals::new(self.queue.clone(), QUESTION_OPEN);
        let answered = approvals.answer(&command.repo, command.pull, &answering).await?;
        let line = words::answered(&command.by, yes, &answered);
        self.add(command, |page| page.next.push(line)).await
    }

    /// The comment as it would be, with something more.
    async fn add(&self, command: &Command, more: impl FnOnce(&mut Page)) -> Result<(), Trouble> {
        let findings = self.book.read(&command.repo, &Subject::Pull(command.pull)).await?;
        let mut page = words::whole_page(&findings).unwrap_or_else(words::nothing_known);
        more(&mut page);
        let deed = Deed::Comment { page };
        self.act(&command.repo, Some(command.pull), &command.key(), deed).await
    }
}
