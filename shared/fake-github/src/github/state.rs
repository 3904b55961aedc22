//! Everything the fake GitHub knows, in one struct behind one lock.
//!
//! Git is the truth about commits and trees; the heads of branches are kept here as well, so that
//! an answer never waits for a process. Whoever moves a ref in git tells this state afterwards.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;

use greenline_runtime::clock::Clock;
use serde_json::Value;

use super::access::{FakeApp, FakeInstallation, FakeToken};
use super::faults::{FaultRule, WebhookFault};
use super::journal::RecordedCall;
use super::limits::RateLimits;
use super::render::Render;
use super::webhooks::{FakeHook, RecordedDelivery};

pub(crate) struct GitHubState {
    pub(crate) clock: Clock,
    last_id: u64,
    pub(crate) users: BTreeMap<String, FakeUser>,
    pub(crate) repos: BTreeMap<u64, FakeRepo>,
    /// Names as they are and as they were, in lower case.
    pub(crate) names: HashMap<String, u64>,
    pub(crate) apps: BTreeMap<u64, FakeApp>,
    pub(crate) installations: BTreeMap<u64, FakeInstallation>,
    pub(crate) tokens: HashMap<String, FakeToken>,
    pub(crate) limits: RateLimits,
    pub(crate) journal: Vec<RecordedCall>,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) hooks: BTreeMap<u64, FakeHook>,
    pub(crate) webhook_faults: VecDeque<WebhookFault>,
    pub(crate) deliveries: BTreeMap<u64, RecordedDelivery>,
    /// Deliveries that wait to be sent, in order.
    pub(crate) outgoing: VecDeque<u64>,
    /// Deliveries that wait until another one has gone.
    pub(crate) held: Vec<u64>,
    /// Pull requests that can be merged now and were told to be, and by whom.
    pub(crate) merges_due: Vec<(u64, u64, String)>,
    /// True while a webhook is being sent.
    pub(crate) sending: bool,
    /// Rung when there is one to send.
    pub(crate) wake_sender: std::sync::Arc<tokio::sync::Notify>,
    /// Base address of API and pages.
    pub(crate) url: String,
    pub(crate) log_requests: Vec<super::logs::LogRequest>,
    pub(crate) log_tickets: HashMap<String, super::logs::Ticket>,
}

impl GitHubState {
    pub(crate) fn new(clock: Clock, url: String) -> Self {
        Self {
            clock,
            last_id: 1_000,
            users: BTreeMap::new(),
            repos: BTreeMap::new(),
            names: HashMap::new(),
            apps: BTreeMap::new(),
            installations: BTreeMap::new(),
            tokens: HashMap::new(),
            limits: RateLimits::default(),
            journal: Vec::new(),
            faults: Vec::new(),
            hooks: BTreeMap::new(),
            webhook_faults: VecDeque::new(),
            deliveries: BTreeMap::new(),
            outgoing: VecDeque::new(),
            held: Vec::new(),
            merges_due: Vec::new(),
            sending: false,
            wake_sender: std::sync::Arc::default(),
            url,
            log_requests: Vec::new(),
            log_tickets: HashMap::new(),
        }
    }

    /// Renders with the plain address of the API.
    pub(crate) fn render(&self) -> Render<'_> {
        Render { state: self, api: &self.url, web: &self.url }
    }

    /// A number that nothing else here has.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.wall_ms()
    }

    /// The account of that name; made when it is first named, as an organisation if it owns
    /// something and as a bot if it is called one.
    pub(crate) fn account(&mut self, login: &str, kind: AccountKind) -> &FakeUser {
        if !self.users.contains_key(login) {
            let id = self.next_id();
            let kind = if login.ends_with("[bot]") { AccountKind::Bot } else { kind };
            let created_ms = self.now_ms();
            let user = FakeUser { id, login: login.to_owned(), kind, created_ms };
            self.users.insert(login.to_owned(), user);
        }
        &self.users[login]
    }

    pub(crate) fn repo_named(&self, full_name: &str) -> Option<&FakeRepo> {
        self.repos.get(self.names.get(&full_name.to_lowercase())?)
    }

    /// The pull requests, of any repository, whose head is this branch of this repository.
    pub(crate) fn pulls_from(&self, repo: u64, branch: &str) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        for base in self.repos.values() {
            for pull in base.pulls.values() {
                if pull.head_repo == Some(repo) && pull.head_branch == branch {
                    found.push((base.id, pull.number));
                }
            }
        }
        found
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountKind {
    User,
    Organization,
    Bot,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeUser {
    pub(crate) id: u64,
    pub(crate) login: String,
    pub(crate) kind: AccountKind,
    pub(crate) created_ms: u64,
}

pub(crate) struct FakeRepo {
    pub(crate) id: u64,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) private: bool,
    pub(crate) fork_of: Option<u64>,
    pub(crate) default_branch: String,
    pub(crate) git: PathBuf,
    pub(crate) created_ms: u64,
    pub(crate) last_number: u64,
    pub(crate) branches: BTreeMap<String, FakeBranch>,
    pub(crate) commits: HashMap<String, FakeCommit>,
    pub(crate) issues: BTreeMap<u64, FakeIssue>,
    pub(crate) pulls: BTreeMap<u64, FakePull>,
    pub(crate) comments: BTreeMap<u64, FakeComment>,
    pub(crate) reactions: Vec<FakeReaction>,
    pub(crate) suites: BTreeMap<u64, FakeSuite>,
    pub(crate) check_runs: BTreeMap<u64, FakeCheckRun>,
    pub(crate) runs: BTreeMap<u64, FakeWorkflowRun>,
    pub(crate) jobs: BTreeMap<u64, FakeJob>,
    pub(crate) workflows: BTreeMap<String, u64>,
    pub(crate) statuses: Vec<FakeStatus>,
    pub(crate) collaborators: BTreeMap<String, super::RepoRole>,
    pub(crate) labels: BTreeMap<String, u64>,
    pub(crate) auto_merge_allowed: bool,
    /// The scripted ends of the next attempts of a job, by name.
    pub(crate) next_attempts: HashMap<String, VecDeque<super::JobEnd>>,
}

impl FakeRepo {
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The commit that a branch's or tag's name or a hash stands for.
    pub(crate) fn resolve(&self, reference: &str) -> Option<String> {
        let name = reference.strip_prefix("refs/").unwrap_or(reference);
        let branch = name.strip_prefix("heads/").unwrap_or(name);
        if let Some(branch) = self.branches.get(branch) {
            return Some(branch.sha.clone());
        }
        if reference.len() >= 7 {
            return self.commits.keys().find(|sha| sha.starts_with(reference)).cloned();
        }
        None
    }

    /// The open pull requests of this repository whose head is that commit. GitHub names only
    /// those from the repository itself on checks and runs.
    pub(crate) fn own_pulls_at(&self, sha: &str) -> Vec<&FakePull> {
        let own = |pull: &&FakePull| pull.head_repo == Some(self.id) && pull.head_sha == sha;
        self.pulls.values().filter(own).filter(|pull| self.issues[&pull.number].open).collect()
    }

    pub(crate) fn label(&mut self, name: &str, id: u64) -> u64 {
        *self.labels.entry(name.to_owned()).or_insert(id)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct FakeBranch {
    pub(crate) sha: String,
    pub(crate) protection: Option<super::ProtectionRules>,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeCommit {
    pub(crate) sha: String,
    pub(crate) tree: String,
    pub(crate) parents: Vec<String>,
    pub(crate) message: String,
    pub(crate) author: CommitSignature,
    pub(crate) committer: CommitSignature,
}

#[derive(Debug, Clone)]
pub(crate) struct CommitSignature {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) when_ms: u64,
}

/// An issue, or the issue side of a pull request.
#[derive(Debug, Clone)]
pub(crate) struct FakeIssue {
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) author: String,
    pub(crate) open: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) assignees: Vec<String>,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
    pub(crate) closed_ms: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct FakePull {
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) draft: bool,
    /// Gone when the fork was deleted.
    pub(crate) head_repo: Option<u64>,
    pub(crate) head_owner: String,
    pub(crate) head_branch: String,
    pub(crate) head_sha: String,
    pub(crate) base_branch: String,
    pub(crate) base_sha: String,
    pub(crate) merged_ms: Option<u64>,
    pub(crate) merged_by: Option<String>,
    pub(crate) merge_sha: Option<String>,
    pub(crate) mergeable: Option<bool>,
    pub(crate) auto_merge: Option<AutoMerge>,
    pub(crate) reviewers: Vec<String>,
    pub(crate) files: Vec<FakeFileChange>,
    pub(crate) commits: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct AutoMerge {
    pub(crate) by: String,
    pub(crate) method: String,
    pub(crate) enabled_ms: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeFileChange {
    pub(crate) path: String,
    pub(crate) before: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) blob: String,
    pub(crate) additions: u64,
    pub(crate) deletions: u64,
    pub(crate) patch: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeComment {
    pub(crate) id: u64,
    pub(crate) issue: u64,
    pub(crate) author: String,
    pub(crate) body: String,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
    pub(crate) app: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReactionSubject {
    Issue(u64),
    Comment(u64),
}

#[derive(Debug, Clone)]
pub(crate) struct FakeReaction {
    pub(crate) id: u64,
    pub(crate) on: ReactionSubject,
    pub(crate) author: String,
    pub(crate) content: String,
    pub(crate) created_ms: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeSuite {
    pub(crate) id: u64,
    pub(crate) app: u64,
    pub(crate) head_sha: String,
    pub(crate) head_branch: Option<String>,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeCheckRun {
    pub(crate) id: u64,
    pub(crate) suite: u64,
    pub(crate) name: String,
    pub(crate) head_sha: String,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) started_ms: Option<u64>,
    pub(crate) completed_ms: Option<u64>,
    pub(crate) details_url: Option<String>,
    pub(crate) external_id: String,
    pub(crate) title: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) annotations: Vec<Value>,
    pub(crate) actions: Vec<Value>,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeWorkflowRun {
    pub(crate) id: u64,
    pub(crate) workflow: String,
    pub(crate) workflow_id: u64,
    pub(crate) run_number: u64,
    pub(crate) attempt: u64,
    pub(crate) event: String,
    pub(crate) head_sha: String,
    pub(crate) head_branch: Option<String>,
    pub(crate) head_repo: u64,
    pub(crate) suite: u64,
    pub(crate) actor: String,
    pub(crate) title: String,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) created_ms: u64,
    pub(crate) started_ms: u64,
    pub(crate) updated_ms: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeJob {
    /// The same number as its check run's.
    pub(crate) id: u64,
    pub(crate) run: u64,
    pub(crate) attempt: u64,
    pub(crate) name: String,
    pub(crate) steps: Vec<FakeStep>,
    pub(crate) log: JobLog,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeStep {
    pub(crate) name: String,
    pub(crate) conclusion: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum JobLog {
    /// Nothing was written yet.
    None,
    Text(axum::body::Bytes),
    /// It was kept for as long as the settings say, and is gone.
    Expired,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeStatus {
    pub(crate) id: u64,
    pub(crate) sha: String,
    pub(crate) state: String,
    pub(crate) context: String,
    pub(crate) description: Option<String>,
    pub(crate) target_url: Option<String>,
    pub(crate) creator: String,
    pub(crate) created_ms: u64,
}
