//! The decision itself: rules in order, the first that speaks counts.
//!
//! First what is not our business, then what needs no repair, then what forbids one; what is left is
//! repaired or looked at. A rule that is unsure says nothing.

use greenline_diagnosis::{Category, Diagnosis, Verdict};

use super::decision::{Action, Decision, Rerun, Rule, Say, TaskDraft};
use super::situation::{Log, PullRequest, RepairOff, Repairs, Situation};
use crate::failure::Source;
use crate::history::{Origin, telling_signature};
use crate::repo_settings::MOST_ATTEMPTS;

/// Below this, a repair is not tried before somebody has looked.
const SURE_ENOUGH: f64 = 0.6;

/// Decides what to do about a failure. Pure: the same situation has the same decision.
#[must_use]
pub fn decide(at: &Situation<'_>) -> Decision {
    at.calling_once(at.decided())
}

impl Situation<'_> {
    /// Calls a person of one cause once: what was told is not told at every push.
    fn calling_once(&self, decision: Decision) -> Decision {
        if decision.action != Action::Escalate || !self.past.told {
            return decision;
        }
        let say = if self.pull.is_some() { Say::Explain } else { Say::Silent };
        let reason = format!("{}; people were told", decision.reason);
        Decision { action: Action::Nothing, reason, say, ..decision }
    }

    fn decided(&self) -> Decision {
        let diagnosis = match self.left_alone().or_else(|| self.without_log()) {
            Some(decision) => return decision,
            None => match self.log {
                Log::Read(diagnosis) => diagnosis,
                Log::Expired | Log::None => return nothing(Rule::NoLog, "there is no log to read"),
            },
        };
        self.comes_and_goes()
            .or_else(|| self.not_this_changes(diagnosis))
            .or_else(|| self.may_not_repair())
            .unwrap_or_else(|| self.task(diagnosis))
    }
}

fn nothing(rule: Rule, reason: impl Into<String>) -> Decision {
    Decision { action: Action::Nothing, rule, reason: reason.into(), say: Say::Explain }
}

fn silent(rule: Rule, reason: impl Into<String>) -> Decision {
    Decision { say: Say::Silent, ..nothing(rule, reason) }
}

fn escalate(rule: Rule, reason: impl Into<String>) -> Decision {
    Decision { action: Action::Escalate, ..nothing(rule, reason) }
}

impl Situation<'_> {
    /// Decides about failures that are ignored or only explained.
    fn left_alone(&self) -> Option<Decision> {
        let failure = self.failure;
        if failure.check.is_ours() {
            return Some(silent(Rule::OwnCheck, "the check is Greenline's own"));
        }
        let ignore = &self.settings.ignore;
        if let Some(by) = ignore.checks.iter().find(|by| by.fits(failure.check.as_str())) {
            return Some(ignored(format!("checks that fit {:?} are left alone", by.as_str())));
        }
        if let Some(by) = ignore.branches.iter().find(|by| by.fits(&failure.branch)) {
            return Some(ignored(format!("branches that fit {:?} are left alone", by.as_str())));
        }
        match self.pull {
            Some(pull) => self.pull_left_alone(pull),
            None if failure.on_default_branch => None,
            None => Some(silent(Rule::NoPullRequest, "the branch has no pull request")),
        }
    }

    fn pull_left_alone(&self, pull: &PullRequest) -> Option<Decision> {
        let ignore = &self.settings.ignore;
        if !pull.open {
            return Some(silent(Rule::Closed, "the pull request is closed"));
        }
        if pull.head_sha != self.failure.head_sha {
            let reason = format!("{} was pushed since", pull.head_sha.short());
            return Some(silent(Rule::HeadMoved, reason));
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
        let is_ignored = |path: &String| ignore.paths.iter().any(|by| by.fits(path));
        if self.changed_files.is_some_and(|files| !files.is_empty() && files.iter().all(is_ignored))
        {
            return Some(ignored("the change touches only paths that are left alone"));
        }
        pull.fork
            .then(|| nothing(Rule::Fork, "the head is in a fork, whose code is never run here"))
    }

    fn without_log(&self) -> Option<Decision> {
        match self.log {
            Log::Expired => Some(nothing(
                Rule::LogExpired,
                "its log has expired: run the job again to get a new one",
            )),
            Log::None => self.base_broken(None),
            Log::Read(_) => None,
        }
    }

    /// Decides about failures that the change did not cause: re-run once.
    fn comes_and_goes(&self) -> Option<Decision> {
        let (origin, because) = (self.judged.origin, &self.judged.because);
        if ![Origin::Infra, Origin::Flaky].contains(&origin) || self.asked.is_some() {
            return None;
        }
        if self.past.rerun {
            let reason = format!("it failed again after it was run again; {because}");
            // Infrastructure that stays broken is for a person; a test that does is looked at.
            return (origin == Origin::Infra).then(|| escalate(Rule::RanAgain, reason));
        }
        if !self.settings.rerun {
            let reason = format!("{because}; running again is switched off here");
            return Some(nothing(Rule::NoRerun, reason));
        }
        let Source::Job { run, job, .. } = self.failure.source else {
            let reason = format!("{because}; only jobs of GitHub Actions can be run again");
            return Some(nothing(Rule::NoRerun, reason));
        };
        let action = Action::Rerun(Rerun { job, run });
        Some(Decision { action, ..nothing(Rule::RunAgain, because) })
    }

    fn base_broken(&self, diagnosis: Option<&Diagnosis>) -> Option<Decision> {
        // A pull request out of the default branch is no reason to change that one.
        if !self.failure.on_default_branch {
            return None;
        }
        let branch = &self.failure.branch;
        let what = diagnosis.map_or("", |diagnosis| &diagnosis.reason);
        let reason = format!("{branch} is broken: {what}");
        Some(escalate(Rule::BaseBroken, reason.trim_end_matches([':', ' '])))
    }

    /// Decides about failures that no change on this branch can fix.
    fn not_this_changes(&self, diagnosis: &Diagnosis) -> Option<Decision> {
        if let Some(decision) = self.base_broken(Some(diagnosis)) {
            return Some(decision);
        }
        if self.judged.origin == Origin::PreExisting {
            return Some(nothing(Rule::PreExisting, &self.judged.because));
        }
        if diagnosis.verdict == Verdict::Escalate {
            return Some(escalate(Rule::NeedsPerson, &diagnosis.reason));
        }
        self.own_commit.then(|| {
            escalate(Rule::OwnCommit, "a commit of Greenline's own fails: it does not try again")
        })
    }

    /// Decides if a limit forbids a repair or an investigation now.
    fn may_not_repair(&self) -> Option<Decision> {
        let (past, limits) = (self.past, &self.settings.limits);
        let off = |reason: &str| Some(nothing(Rule::RepairsOff, reason));
        match self.repairs {
            Repairs::NoModelKey => return off("no key for a model is set: repairs are off"),
            Repairs::SwitchedOff => return off("the operator has switched repairs off"),
            Repairs::On if !self.settings.repair.enabled => {
                return off("repairs are switched off in .greenline.toml");
            }
            Repairs::On => {}
        }
        if let Some(why) = past.repair_off {
            let reason = match why {
                RepairOff::Reverted => "a repair was taken back here: nothing more is tried",
                RepairOff::Stopped => "somebody said stop here: nothing more is tried",
            };
            return Some(nothing(Rule::PullSwitchedOff, reason));
        }
        let attempts = limits.attempts.min(MOST_ATTEMPTS);
        if past.attempts >= attempts {
            let reason = format!("it was tried {attempts} times, which is all");
            return Some(escalate(Rule::Attempts, reason));
        }
        if self.commands.validation.is_empty() {
            let reason = format!("the commands that show it are {}", self.commands.from);
            return Some(nothing(Rule::NoCommands, reason));
        }
        self.used_up()
    }

    fn used_up(&self) -> Option<Decision> {
        let (past, limits) = (self.past, &self.settings.limits);
        let open = past.open.iter().filter(|task| task.head_sha == self.failure.head_sha).count();
        if open >= limits.open_tasks_per_pull as usize {
            let reason = "another task works on this pull request: this one is looked at after it";
            return Some(nothing(Rule::OpenTasks, reason));
        }
        if past.tasks_today >= limits.tasks_per_day {
            let reason = format!("today's {} tasks are used up", limits.tasks_per_day);
            return Some(nothing(Rule::TasksToday, reason));
        }
        let left = limits.dollars_per_day - past.dollars_today;
        if left < limits.dollars_per_task {
            let reason = format!("of today's ${:.2} too little is left", limits.dollars_per_day);
            return Some(nothing(Rule::DollarsToday, reason));
        }
        None
    }

    fn task(&self, diagnosis: &Diagnosis) -> Decision {
        let draft = Box::new(self.draft(diagnosis));
        let why_not = self.why_not_repair(diagnosis);
        let (action, rule, reason) = match why_not {
            None => {
                let reason = format!("{}; {}", self.judged.because, diagnosis.reason);
                (Action::Fix(draft), Rule::Repair, reason)
            }
            Some(why_not) => (Action::Investigate(draft), Rule::Look, why_not),
        };
        Decision { action, rule, reason, say: Say::Explain }
    }

    /// Returns the reason why an investigation must come before a repair, if there is one.
    fn why_not_repair(&self, diagnosis: &Diagnosis) -> Option<String> {
        let category: Category = diagnosis.category;
        if self.judged.origin == Origin::Flaky {
            return Some(format!("it stays flaky: {}", self.judged.because));
        }
        if diagnosis.verdict != Verdict::Fixable {
            return Some(diagnosis.reason.clone());
        }
        if diagnosis.confidence < SURE_ENOUGH || telling_signature(diagnosis).is_none() {
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
            asked: self.asked.map(str::to_owned),
            attempt: self.past.attempts + 1,
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
    silent(Rule::Ignored, reason)
}
