//! What the lead does outside: comments, check runs, re-runs, commits, merges, labels, calls.
//!
//! Each is an [`OutsideAction`]: written down as an intent, done, ended. Its id is made of what it is
//! about, so the same action is one intent however often it is asked for.
//!
//! - An intent carries a signature whose key is not in Redis. What a lead has not signed is set
//!   aside: writing to Redis commands no action.
//! - A commit or a merge reads from the base branch, when it runs, whether a person has to say yes,
//!   and does not happen without one that names exactly this. What configures CI is not committed,
//!   even with a yes.
//! - Before it acts, each kind of action looks whether its effect is there already: whoever takes
//!   over after a crash repeats nothing and forgets nothing. The one exception is the webhook of
//!   an escalation, which can't be looked up: it carries its id, and may arrive twice.
//! - Actions of one pull request are done in the order in which they were asked for; those of
//!   others don't wait for them.
//! - `greenline halt` holds everything back, and GitHub's limits on writing are kept, by one
//!   count in Redis that a new leader goes on with. What is held back stays written down.
//! - Nothing is done by a lead that does not lead: a call that is under way when the lease ends is
//!   dropped a tenth of a lease before another lead may begin.
//! - What GitHub refuses for good is ended as refused, with the reason; what fails in passing is
//!   tried again for a day.
//!
//! What is worth doing is not decided here, nor is how a repair was proven. Auto-merge of GitHub is
//! left out on purpose: it would merge whatever is pushed later, too.

mod action;
mod actions;
mod approval;
mod approval_policy;
mod by_hand;
mod comment_body;
mod comment_cache;
mod guarded;
mod halt;
mod identity;
mod intent_key;
mod metrics;
mod notify;
mod ordering;
mod outcome;
mod patch;
mod publisher;
mod set_aside;
mod write_limit;

pub use crate::leadership::LeaderGuard;
pub use action::{ActionKind, ApprovalId, Authorization, IdempotencyKey, OutsideAction};
pub use actions::check_run::{CheckAnnotation, CheckReport, CheckResult};
pub use actions::issue::IssueState;
pub use approval::{ApprovalAnswer, ApprovalState, Approvals, Merge, ShownContent};
pub use approval_policy::{ApprovalRequirement, for_commit, for_merge};
pub use comment_body::{CollapsedSection, CommentBody, MarkdownLine, MarkdownSpan, SectionBlock};
pub use halt::{Halt, halt, halted, resume};
pub use identity::Identity;
pub use intent_key::IntentKeys;
pub use metrics::describe as describe_metrics;
pub(crate) use metrics::halted as show_halted;
pub use notify::{Notification, Notifier, NotifyError};
pub use outcome::{ActionOutcome, RefusalReason};
pub use patch::{FileMode, Patch, PatchChange, PatchEdit, PatchError};
pub use publisher::{PublishError, Published, Publisher, PublisherOptions};
pub use set_aside::{SetAside, set_aside};
