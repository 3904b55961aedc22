//! What the lead does outside: comments, check runs, re-runs, commits, merges, labels, calls.
//!
//! Each is an [`Action`]: written down as an intent, done, ended. Its id is made of what it is
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
mod approval;
mod by_hand;
mod consent;
mod deeds;
mod guarded;
mod halt;
mod identity;
mod intent_key;
mod lanes;
mod mandate;
mod memory;
mod notify;
mod numbers;
mod outcome;
mod page;
mod patch;
mod permit;
mod publisher;
mod set_aside;

pub use action::{Action, ApprovalId, Authorization, Deed, Occasion};
pub use approval::{Answering, Approvals, Asked, Merge, Seen};
pub use consent::{Consent, for_commit, for_merge};
pub use deeds::check_run::{Remark, Report, Result as CheckResult};
pub use deeds::issue::State as IssueState;
pub use halt::{Halt, halt, halted, resume};
pub use identity::Identity;
pub use intent_key::IntentKeys;
pub use mandate::Mandate;
pub use notify::{Call, Notifier, NotifyError};
pub use numbers::describe as describe_metrics;
pub(crate) use numbers::halted as show_halted;
pub use outcome::{Outcome, Refusal};
pub use page::{Block, Fold, Line, Page, Piece};
pub use patch::{Change, Edit, Mode, Patch, PatchError};
pub use publisher::{PublishError, Published, Publisher, PublisherOptions};
pub use set_aside::{SetAside, set_aside};
