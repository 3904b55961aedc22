//! The decision itself: rules in order, the first that speaks counts.
//!
//! First what is not our business, then what needs no repair, then what forbids one; what is left is
//! repaired or looked at. A rule that is unsure says nothing.

use greenline_diagnosis::{Category, Diagnosis, Verdict};

use super::decision::{Decision, DecisionRule, NextStep, Reporting, RerunRequest, TaskDraft};
use super::situation::{LogState, PullDetails, RepairOff, Repairs, Situation};
use crate::check::CheckSource;
use crate::history::{FailureOrigin, distinctive_signature};
use crate::repo_settings::MOST_ATTEMPTS;

/// Below this, a repair is not tried before somebody has looked.
const SURE_ENOUGH: f64 = 0.6;

/// Decides what to do about a failure. Pure: the same situation has the same decision.
#[must_use]
pub fn decide(situation: &Situation<'_>) -> Decision {
    situation.notify_once(situation.apply_rules())
}

impl Situation<'_> {
    /// Calls a person of one cause once: what was told is not told at every push.
    fn notify_once(&self, decision: Decision) -> Decision {
        if decision.action != NextStep::Escalate || !self.usage.notified {
            return decision;
        }
        let reporting = if self.pull.is_some() { Reporting::Explain } else { Reporting::Silent };
        let reason = format!("{}; people were told", decision.reason);
        Decision { action: NextStep::Nothing, reason, reporting, ..decision }
    }

    fn apply_rules(&self) -> Decision {
        let diagnosis = match self.is_left_alone().or_else(|| self.without_log()) {
            Some(decision) => return decision,
            None => match self.log {
                LogState::Read(diagnosis) => diagnosis,
                LogState::Expired | LogState::None => {
                    return nothing(DecisionRule::NoLog, "there is no log to read");
                }
            },
        };
        self.comes_and_goes()
            .or_else(|| self.not_this_changes(diagnosis))
            .or_else(|| self.may_not_repair())
            .unwrap_or_else(|| self.task(diagnosis))
    }
}

fn nothing(rule: DecisionRule, reason: impl Into<String>) -> Decision {
    Decision {
        action: NextStep::Nothing,
        rule,
        reason: reason.into(),
        reporting: Reporting::Explain,
    }
}

fn silent(rule: DecisionRule, reason: impl Into<String>) -> Decision {
    Decision { reporting: Reporting::Silent, ..nothing(rule, reason) }
}

fn escalate(rule: DecisionRule, reason: impl Into<String>) -> Decision {
    Decision { action: NextStep::Escalate, ..nothing(rule, reason) }
}

impl Situation<'_> {
    /// Decides about failures that are ignored or only explained.
    fn is_left_alone(&self) -> Option<Decision> {
        let failure = self.failure;
        if failure.check.is_ours() {
            return Some(silent(DecisionRule::OwnCheck, "the check is Greenline's own"));
        }
        let ignore = &self.settings.ignore;
        if let Some(by) = ignore.checks.iter().find(|by| by.matches(failure.check.as_str())) {
            return Some(ignored(format!("checks that fit {:?} are left alone", by.as_str())));
        }
        if let Some(by) = ignore.branches.iter().find(|by| by.matches(&failure.branch)) {
            return Some(ignored(format!("branches that fit {:?} are left alone", by.as_str())));
        }
        match self.pull {
            Some(pull) => self.pull_left_alone(pull),
            None if failure.on_default_branch => None,
            None => Some(silent(DecisionRule::NoPullRequest, "the branch has no pull request")),
        }
    }

    fn pull_left_alone(&self, pull: &PullDetails) -> Option<Decision> {
        let ignore = &self.settings.ignore;
        if !pull.open {
            return Some(silent(DecisionRule::Closed, "the pull request is closed"));
        }
        if pull.head_sha != self.failure.head_sha {
            let reason = format!("{} was pushed since", pull.head_sha.short());
            return Some(silent(DecisionRule::HeadMoved, reason));
        }
        let alike =
            |one: &str, list: &[String]| list.iter().any(|other| other.eq_ignore_ascii_case(one));
        if let Some(label) = pull.labels.iter().find(|label| alike(label, &ignore.labels)) {
            return Some(ignored(format!("pull requests with the label {label:?} are left alone")));
        }
        if alike(&pull.author, &ignore.authors) {
            return Some(ignored(format!("pull requests of {} are left alone", pull.author)));
        }
        if pull.draft && ignore.drafts {
            return Some(ignored("drafts are left alone"));
        }
        let is_ignored = |path: &String| ignore.paths.iter().any(|by| by.matches(path));
        if self.changed_files.is_some_and(|files| !files.is_empty() && files.iter().all(is_ignored))
        {
            return Some(ignored("the change touches only paths that are left alone"));
        }
        pull.fork.then(|| {
            nothing(DecisionRule::Fork, "the head is in a fork, whose code is never run here")
        })
    }

    fn without_log(&self) -> Option<Decision> {
        match self.log {
            LogState::Expired => Some(nothing(
                DecisionRule::LogExpired,
                "its log has expired: run the job again to get a new one",
            )),
            LogState::None => self.base_broken(None),
            LogState::Read(_) => None,
        }
    }

    /// Decides about failures that the change did not cause: re-run once.
    fn comes_and_goes(&self) -> Option<Decision> {
        let (origin, because) = (self.judged.origin, &self.judged.because);
        if ![FailureOrigin::Infra, FailureOrigin::Flaky].contains(&origin)
            || self.command_key.is_some()
        {
            return None;
        }
        if self.usage.rerun {
            let reason = format!("it failed again after it was run again; {because}");
            // Infrastructure that stays broken is for a person; a test that does is looked at.
            return (origin == FailureOrigin::Infra)
                .then(|| escalate(DecisionRule::RanAgain, reason));
        }
        if !self.settings.rerun {
            let reason = format!("{because}; running again is switched off here");
            return Some(nothing(DecisionRule::NoRerun, reason));
        }
        let CheckSource::Job { run, job, .. } = self.failure.source else {
            let reason = format!("{because}; only jobs of GitHub Actions can be run again");
            return Some(nothing(DecisionRule::NoRerun, reason));
        };
        let action = NextStep::Rerun(RerunRequest { job, run });
        Some(Decision { action, ..nothing(DecisionRule::RunAgain, because) })
    }

    fn base_broken(&self, diagnosis: Option<&Diagnosis>) -> Option<Decision> {
        // A pull request out of the default branch is no reason to change that one.
        if !self.failure.on_default_branch {
            return None;
        }
        let branch = &self.failure.branch;
        let what = diagnosis.map_or("", |diagnosis| &diagnosis.reason);
        let reason = format!("{branch} is broken: {what}");
        Some(escalate(DecisionRule::BaseBroken, reason.trim_end_matches([':', ' '])))
    }

    /// Decides about failures that no change on this branch can fix.
    fn not_this_changes(&self, diagnosis: &Diagnosis) -> Option<Decision> {
        if let Some(decision) = self.base_broken(Some(diagnosis)) {
            return Some(decision);
        }
        if self.judged.origin == FailureOrigin::PreExisting {
            return Some(nothing(DecisionRule::PreExisting, &self.judged.because));
        }
        if diagnosis.verdict == Verdict::Escalate {
            return Some(escalate(DecisionRule::NeedsPerson, &diagnosis.reason));
        }
        self.own_commit.then(|| {
            escalate(
                DecisionRule::OwnCommit,
                "a commit of Greenline's own fails: it does not try again",
            )
        })
    }

    /// Decides if a limit forbids a repair or an investigation now.
    fn may_not_repair(&self) -> Option<Decision> {
        let (usage, limits) = (self.usage, &self.settings.limits);
        let off = |reason: &str| Some(nothing(DecisionRule::RepairsOff, reason));
        match self.repairs {
            Repairs::NoModelKey => return off("no key for a model is set: repairs are off"),
            Repairs::SwitchedOff => return off("the operator has switched repairs off"),
            Repairs::On if !self.settings.repair.enabled => {
                return off("repairs are switched off in .greenline.toml");
            }
            Repairs::On => {}
        }
        if let Some(why) = usage.repair_off {
            let reason = match why {
                RepairOff::Reverted => "a repair was taken back here: nothing more is tried",
                RepairOff::Stopped => "somebody said stop here: nothing more is tried",
            };
            return Some(nothing(DecisionRule::PullSwitchedOff, reason));
        }
        let attempts = limits.attempts.min(MOST_ATTEMPTS);
        if usage.attempts >= attempts {
            let reason = format!("it was tried {attempts} times, which is all");
            return Some(escalate(DecisionRule::Attempts, reason));
        }
        if self.commands.validation.is_empty() {
            let reason = format!("the commands that show it are {}", self.commands.from);
            return Some(nothing(DecisionRule::NoCommands, reason));
        }
        self.over_limit()
    }

    fn over_limit(&self) -> Option<Decision> {
        let (usage, limits) = (self.usage, &self.settings.limits);
        let open = usage.open.iter().filter(|task| task.head_sha == self.failure.head_sha).count();
        if open >= limits.open_tasks_per_pull as usize {
            let reason = "another task works on this pull request: this one is looked at after it";
            return Some(nothing(DecisionRule::OpenTasks, reason));
        }
        if usage.tasks_today >= limits.tasks_per_day {
            let reason = format!("today's {} tasks are used up", limits.tasks_per_day);
            return Some(nothing(DecisionRule::TasksToday, reason));
        }
        let left = limits.dollars_per_day - usage.dollars_today;
        if left < limits.dollars_per_task {
            let reason = format!("of today's ${:.2} too little is left", limits.dollars_per_day);
            return Some(nothing(DecisionRule::DollarsToday, reason));
        }
        None
    }

    fn task(&self, diagnosis: &Diagnosis) -> Decision {
        let draft = Box::new(self.draft(diagnosis));
        let why_not = self.why_not_repair(diagnosis);
        let (action, rule, reason) = match why_not {
            None => {
                let reason = format!("{}; {}", self.judged.because, diagnosis.reason);
                (NextStep::Fix(draft), DecisionRule::Repair, reason)
            }
            Some(why_not) => (NextStep::Investigate(draft), DecisionRule::Look, why_not),
        };
        Decision { action, rule, reason, reporting: Reporting::Explain }
    }

    /// Returns the reason why an investigation must come before a repair, if there is one.
    fn why_not_repair(&self, diagnosis: &Diagnosis) -> Option<String> {
        let category: Category = diagnosis.category;
        if self.judged.origin == FailureOrigin::Flaky {
            return Some(format!("it stays flaky: {}", self.judged.because));
        }
        if diagnosis.verdict != Verdict::Fixable {
            return Some(diagnosis.reason.clone());
        }
        if diagnosis.confidence < SURE_ENOUGH || distinctive_signature(diagnosis).is_none() {
            return Some(format!("the cause is not sure: {}", diagnosis.reason));
        }
        let wanted = self.settings.repair.categories.contains(&category);
        (!wanted).then(|| format!("failures of kind {category} are looked at, not repaired"))
    }

    fn draft(&self, diagnosis: &Diagnosis) -> TaskDraft {
        let settings = self.settings;
        TaskDraft {
            failure: self.failure.clone(),
            pull: self.pull.cloned(),
            clone_url: self.clone_url.to_owned(),
            diagnosis: diagnosis.clone(),
            judged: self.judged.clone(),
            commands: self.commands.clone(),
            hosts: settings.hosts.clone(),
            command_key: self.command_key.map(str::to_owned),
            attempt: self.usage.attempts + 1,
            attempts: settings.limits.attempts.min(MOST_ATTEMPTS),
            max_cost_usd: settings.limits.dollars_per_task,
            timeout_minutes: settings.commands.timeout_minutes,
            max_files: settings.repair.max_files,
            protected_paths: settings.repair.protected_paths.clone(),
            lock_files: settings.repair.lock_files,
        }
    }
}

fn ignored(reason: impl Into<String>) -> Decision {
    silent(DecisionRule::Ignored, reason)
}
