//! The one way to act outside: written down, done, ended.
//!
//! [`Publisher::publish`] writes an action down and does it at once if nothing older of its lane is
//! open. [`Publisher::sweep`] does what is still written down: after a takeover, a halt, a failure.
//! Both go through the same steps, and both look before they act.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use greenline_forge::{Forge, ForgeError};
use greenline_queue::{Epoch, Intent, IntentState, Queue, QueueError};
use greenline_runtime::clock::Clock;
use greenline_store::cmd;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::LeaderGuard;
use super::action::{ActionKind, ActionLane, IdempotencyKey, OutsideAction};
use super::actions::ActionContext;
use super::approval::Approvals;
use super::by_hand;
use super::comment_body::MarkdownLine;
use super::comment_cache::CachedComment;
use super::identity::Identity;
use super::intent_key::{IntentKeys, Signed};
use super::metrics;
use super::notify::Notifier;
use super::ordering::{ActionLanes, BacklogVersion};
use super::outcome::{ActionOutcome, Deferred, RefusalReason};
use super::set_aside::Aside;
use super::write_limit::WriteLimit;
use crate::loops::retry_log::RetryLog;

/// Time after which a failing action is given up.
const GIVE_UP_AFTER_MS: i64 = 24 * 3_600 * 1_000;

/// Interval of the look for open actions.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// So many lanes in a row that fail mean that GitHub is away: the others are spared.
const FAILURES_IN_A_ROW: usize = 3;

pub struct PublisherOptions {
    /// Stores the actions.
    pub queue: Queue,
    /// What signs them there.
    pub keys: IntentKeys,
    pub forge: Forge,
    pub guard: LeaderGuard,
    /// The webhook that notifies people, if one is set.
    pub notifier: Option<Notifier>,
    pub clock: Clock,
}

/// The publisher's answer to a requested action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It has ended now.
    Now(ActionOutcome),
    /// It had ended before.
    Before,
    /// It is written down, and will be done.
    Later,
}

/// The reason why an action could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// This process does not lead: whoever does will come to it.
    #[error("this lead does not lead")]
    NotLeading,
    /// Redis failed: ask again.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Acts outside, for whoever leads. Cheap to clone.
#[derive(Clone)]
pub struct Publisher(Arc<PublisherInner>);

struct PublisherInner {
    options: PublisherOptions,
    permits: WriteLimit,
    aside: Aside,
    identity: OnceCell<Identity>,
    lanes: ActionLanes,
    /// The epoch under which all that was open has been seen.
    read_in_epoch: Mutex<Option<Epoch>>,
    order: AtomicU64,
}

/// The content of an intent, as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct StoredAction {
    /// Puts actions of one process in order that begin in the same millisecond.
    order: u64,
    /// Read only once the signature is found right.
    action: Box<RawValue>,
    signature: String,
}

/// What an open intent turns out to be.
enum IntentContent {
    /// One of ours.
    OpenAction(Box<OpenAction>),
    /// Signed, and not to be read: a newer program wrote it, which will do it.
    Later,
    /// Not signed, or not by us.
    Foreign(Intent, &'static str),
}

/// An open intent that can be read.
struct OpenAction {
    id: String,
    epoch: Epoch,
    begun_at: i64,
    order: u64,
    action: OutsideAction,
}

impl Publisher {
    /// Nothing is asked or done yet.
    #[must_use]
    pub fn new(options: PublisherOptions) -> Self {
        let permits = WriteLimit::new(options.queue.store().clone());
        let lanes = ActionLanes::new(options.clock.clone());
        Self(Arc::new(PublisherInner {
            options,
            permits,
            aside: Aside::new(),
            identity: OnceCell::new(),
            lanes,
            read_in_epoch: Mutex::default(),
            order: AtomicU64::new(0),
        }))
    }

    /// Writes an action down, and does it if nothing is in its way.
    ///
    /// # Errors
    ///
    /// When it could not be written down. Asking again is safe.
    pub async fn publish(&self, action: &OutsideAction) -> Result<Published, PublishError> {
        let it = &self.0;
        let epoch = it.options.guard.epoch().ok_or(PublishError::NotLeading)?;
        let (id, lane) = (action.id(), action.lane());
        let lock = it.lanes.enter(&lane).await;
        match it.begin(epoch, &id, action).await {
            Ok(IntentState::Done) => return Ok(Published::Before),
            Ok(IntentState::New | IntentState::Open { .. }) => {}
            Err(error) => {
                // It may be written down all the same: what comes after it has to queue.
                it.lanes.add_backlog(&lane);
                return Err(error.into());
            }
        }
        let read_in_epoch = *it.read_in_epoch.lock().await == Some(epoch);
        if lane == ActionLane::Notifications || !read_in_epoch || it.lanes.has_backlog(&lane) {
            it.lanes.add_backlog(&lane);
            return Ok(Published::Later);
        }
        let step = it.perform(epoch, &id, action).await;
        drop(lock);
        Ok(match step {
            Ok(outcome) => Published::Now(outcome),
            Err(deferred) => {
                it.defer(&lane, &id, &deferred);
                Published::Later
            }
        })
    }

    /// Does what is written down and whose time has come; in how many places something is open.
    ///
    /// # Errors
    ///
    /// When Redis fails, or this process does not lead.
    pub async fn sweep(&self) -> Result<usize, PublishError> {
        let on_github = self.0.sweep(SweepScope::OnGitHub).await?;
        Ok(on_github + self.0.sweep(SweepScope::Notifications).await?)
    }

    /// Sweeps while this process leads, until it is to stop. Notifications have a loop of their own: a
    /// webhook that hangs holds nothing up.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.0.sweep_loop(SweepScope::OnGitHub, &stop), async {
            self.0.sweep_loop(SweepScope::Notifications, &stop).await;
        });
    }

    /// Returns true if a notification webhook is set.
    #[must_use]
    pub fn can_notify(&self) -> bool {
        self.0.options.notifier.is_some()
    }

    /// Returns Greenline's own account; asks GitHub once.
    ///
    /// # Errors
    ///
    /// When GitHub does not answer.
    pub async fn identity(&self) -> Result<&Identity, ForgeError> {
        self.0.identity().await
    }
}

/// The scope of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SweepScope {
    OnGitHub,
    Notifications,
}

/// The progress of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LaneProgress {
    All,
    Held,
    Failed,
}

impl PublisherInner {
    async fn sweep_loop(&self, scope: SweepScope, stop: &CancellationToken) {
        let mut errors = RetryLog::new("go on with outside actions");
        while !stop.is_cancelled() {
            let wait = match self.sweep(scope).await {
                Ok(_) | Err(PublishError::NotLeading) => {
                    errors.succeeded();
                    SWEEP_EVERY
                }
                Err(PublishError::Queue(error)) => errors.failed(&error),
            };
            stop.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }

    async fn sweep(&self, scope: SweepScope) -> Result<usize, PublishError> {
        let epoch = self.options.guard.epoch().ok_or(PublishError::NotLeading)?;
        let read_at = self.lanes.version();
        let intents = self.options.queue.open_intents().await?;
        let now_ms = Approvals::now_ms(&self.options.queue).await.map_err(QueueError::from)?;
        let (open, unread) = self.believed(epoch, intents, now_ms).await?;
        let lanes = group_by_lane(open);
        for (lane, _) in &lanes {
            self.lanes.restore_backlog(lane);
        }
        *self.read_in_epoch.lock().await = Some(epoch);
        // What can't be read is counted once.
        let mut left = if scope == SweepScope::OnGitHub { unread } else { 0 };
        let mut failures = 0;
        for (lane, open) in lanes {
            if (lane == ActionLane::Notifications) != (scope == SweepScope::Notifications) {
                continue;
            }
            if failures >= FAILURES_IN_A_ROW || !self.lanes.is_due(&lane) {
                left += 1;
                continue;
            }
            let progress = self.clear_lane(epoch, &lane, &open, (read_at, now_ms)).await?;
            failures = if progress == LaneProgress::Failed { failures + 1 } else { 0 };
            left += usize::from(progress != LaneProgress::All);
        }
        self.lanes.remove_idle();
        Ok(left)
    }

    async fn identity(&self) -> Result<&Identity, ForgeError> {
        self.identity.get_or_try_init(|| Identity::fetch(&self.options.forge)).await
    }

    async fn begin(
        &self,
        epoch: Epoch,
        id: &str,
        action: &OutsideAction,
    ) -> Result<IntentState, QueueError> {
        let order = self.order.fetch_add(1, Ordering::Relaxed);
        let action = serde_json::value::to_raw_value(action).expect("an action is JSON");
        let signature = self.options.keys.sign(self.signed(id, order, &action));
        let about = serde_json::to_string(&StoredAction { order, action, signature })
            .expect("an intent is JSON");
        self.options.queue.begin_intent(epoch, id, &about).await
    }

    fn signed<'a>(&'a self, id: &'a str, order: u64, action: &'a RawValue) -> Signed<'a> {
        let namespace = self.options.queue.store().namespace().prefix();
        Signed { namespace, id, order, action: action.get() }
    }

    /// The open intents that a lead has written, and how many of them only a newer one can read.
    /// All others are set aside: writing to Redis commands nothing.
    async fn believed(
        &self,
        epoch: Epoch,
        intents: Vec<Intent>,
        now_ms: i64,
    ) -> Result<(Vec<OpenAction>, usize), QueueError> {
        let (mut open, mut unread) = (Vec::new(), 0);
        for intent in intents {
            match self.read(intent) {
                IntentContent::OpenAction(one) => open.push(*one),
                IntentContent::Later => unread += 1,
                IntentContent::Foreign(intent, why) => {
                    let aside = self.aside.put(&self.options.queue, epoch, &intent, (why, now_ms));
                    aside.await?;
                    metrics::set_aside();
                    let id: String = intent.action.escape_debug().take(200).collect();
                    warn!(intent.action = id, "Set the intent {id} aside, as {why}");
                }
            }
        }
        Ok((open, unread))
    }

    fn read(&self, intent: Intent) -> IntentContent {
        let Ok(StoredAction { order, action, signature }) = serde_json::from_str(&intent.about)
        else {
            return IntentContent::Foreign(intent, "it is no intent that a lead writes");
        };
        if !self.options.keys.believe(self.signed(&intent.action, order, &action), &signature) {
            return IntentContent::Foreign(
                intent,
                "its signature is not by this lead's intent key",
            );
        }
        let Intent { action: id, epoch, begun_at, .. } = intent;
        match serde_json::from_str::<OutsideAction>(action.get()) {
            Ok(action) => IntentContent::OpenAction(Box::new(OpenAction {
                id,
                epoch,
                begun_at,
                order,
                action,
            })),
            Err(error) => {
                debug!(intent.action = id, "The intent {id} can't be read: {error}");
                IntentContent::Later
            }
        }
    }

    /// Goes through what is open in a lane, oldest first, up to the first that fails.
    async fn clear_lane(
        &self,
        epoch: Epoch,
        lane: &ActionLane,
        open: &[OpenAction],
        (read_at, now_ms): (BacklogVersion, i64),
    ) -> Result<LaneProgress, QueueError> {
        let _lock = self.lanes.enter(lane).await;
        let mut cleared = LaneProgress::All;
        for (at, one) in open.iter().enumerate() {
            // Read before it was our turn: it may have ended meanwhile.
            if self.begin(epoch, &one.id, &one.action).await? == IntentState::Done {
                continue;
            }
            let newer = open[at + 1..].iter().any(|it| one.action.is_superseded_by(&it.action));
            let step = if newer {
                self.end(epoch, &one.id, &one.action, ActionOutcome::Superseded).await
            } else {
                self.perform(epoch, &one.id, &one.action).await
            };
            match step {
                Ok(_) => {}
                Err(Deferred::NotYet(why)) if now_ms - one.begun_at <= GIVE_UP_AFTER_MS => {
                    debug!(intent.action = one.id, "{} waits: {why}", one.id);
                    cleared = LaneProgress::Held;
                }
                Err(Deferred::NotYet(why)) => self.give_up(epoch, one, why).await?,
                Err(Deferred::Failed(error)) if now_ms - one.begun_at > GIVE_UP_AFTER_MS => {
                    self.give_up(epoch, one, error.to_string()).await?;
                }
                Err(deferred) => {
                    let failed = self.defer(lane, &one.id, &deferred);
                    return Ok(if failed { LaneProgress::Failed } else { LaneProgress::Held });
                }
            }
        }
        if cleared == LaneProgress::All {
            self.lanes.mark_cleared(lane, read_at);
        }
        Ok(cleared)
    }

    async fn give_up(&self, epoch: Epoch, one: &OpenAction, why: String) -> Result<(), QueueError> {
        warn!(intent.action = one.id, "Gave {} up after a day: {why}", one.id);
        match self.end(epoch, &one.id, &one.action, ActionOutcome::GivenUp { why }).await {
            Ok(_) => Ok(()),
            Err(Deferred::Store(error)) => Err(error),
            Err(_) => Err(QueueError::Deposed),
        }
    }

    /// Does one action that is written down, and ends it.
    async fn perform(
        &self,
        epoch: Epoch,
        id: &str,
        action: &OutsideAction,
    ) -> Result<ActionOutcome, Deferred> {
        let performing = async {
            let context = ActionContext {
                forge: &self.options.forge,
                queue: &self.options.queue,
                permits: &self.permits,
                identity: self.identity().await?,
                notifier: self.options.notifier.as_ref(),
                action,
                id,
            };
            context.run().await
        };
        let done = self.options.guard.run_while_leading(epoch, performing).await;
        match done.unwrap_or(Err(Deferred::Deposed)) {
            Ok(outcome) => {
                self.report_discarded_patch(epoch, action, &outcome).await?;
                self.end(epoch, id, action, outcome).await
            }
            Err(deferred) => {
                metrics::action_ended(action.label(), deferred.label());
                Err(deferred)
            }
        }
    }

    async fn end(
        &self,
        epoch: Epoch,
        id: &str,
        action: &OutsideAction,
        outcome: ActionOutcome,
    ) -> Result<ActionOutcome, Deferred> {
        let json = serde_json::to_string(&outcome).expect("an outcome is JSON");
        self.options.queue.end_intent(epoch, id, &json).await?;
        self.delete_about(id).await;
        metrics::action_ended(action.label(), outcome.label());
        match &outcome {
            ActionOutcome::Refused { why, .. } => {
                info!(intent.action = id, "{id} is refused: {why}");
            }
            other => debug!(intent.action = id, "{id} is {}", other.label()),
        }
        Ok(outcome)
    }

    /// Ended intents are kept for a week, so that a late repeat finds them done. What they held, a
    /// page or a patch, would fill Redis; if forgetting it fails, it goes with the intent.
    async fn delete_about(&self, id: &str) {
        let store = self.options.queue.store();
        let key = format!("{}agent:lead:intent:{id}", store.namespace().prefix());
        let forgotten: Result<i64, _> = store.command(cmd("HDEL").arg(key).arg("about")).await;
        if let Err(error) = forgotten {
            debug!(intent.action = id, %error, "Kept what {id} was about");
        }
    }

    /// Requests the actions that follow from an outcome. They are stored before the action is
    /// ended, so that none is forgotten.
    async fn report_discarded_patch(
        &self,
        epoch: Epoch,
        action: &OutsideAction,
        outcome: &ActionOutcome,
    ) -> Result<(), Deferred> {
        let (ActionKind::Commit { patch, .. }, ActionOutcome::Refused { reason, .. }) =
            (&action.kind, outcome)
        else {
            return Ok(());
        };
        let known = CachedComment::read(&self.options.queue, &patch.repo, patch.pull).await?;
        let mut body = known.body.unwrap_or_default();
        let key = match reason {
            RefusalReason::HeadMoved => {
                body.next = vec![
                    MarkdownLine::text("A repair was ready for")
                        .and_code(patch.head.short())
                        .and_text("and was discarded, as the branch has moved on since."),
                ];
                "moved"
            }
            RefusalReason::ByHand => {
                by_hand::show(&mut body, &self.options.forge, patch).await?;
                "by-hand"
            }
            _ => return Ok(()),
        };
        body.commands.retain(|word| word != "approve" && word != "reject");
        let key = IdempotencyKey::new(&format!("{key}-{}", patch.short_hash()));
        let comment = OutsideAction { key, kind: ActionKind::Comment { body }, ..action.clone() };
        self.begin(epoch, &comment.id(), &comment).await?;
        self.lanes.add_backlog(&action.lane());
        Ok(())
    }

    /// Keeps a lane for later; whether something failed.
    fn defer(&self, lane: &ActionLane, id: &str, deferred: &Deferred) -> bool {
        self.lanes.add_backlog(lane);
        match deferred {
            Deferred::Halted | Deferred::NotYet(_) | Deferred::Deposed => {
                debug!(intent.action = id, "{id} waits: {}", deferred.label());
                false
            }
            Deferred::Throttled(wait) => {
                self.lanes.mark_failed(lane, *wait);
                false
            }
            Deferred::Store(_) => {
                self.lanes.mark_failed(lane, Duration::ZERO);
                false
            }
            Deferred::Failed(error) => {
                warn!(intent.action = id, "{error}; trying again later");
                self.lanes.mark_failed(lane, self.retry_delay(error));
                true
            }
        }
    }

    /// Returns how long GitHub asks to wait.
    fn retry_delay(&self, error: &ForgeError) -> Duration {
        let at = error.retry_at().map_or(0, |moment| moment.0);
        Duration::from_millis(at.saturating_sub(self.options.clock.wall_ms()))
    }
}

/// OpenAction intents by lane, each lane oldest first.
fn group_by_lane(mut open: Vec<OpenAction>) -> Vec<(ActionLane, Vec<OpenAction>)> {
    open.sort_by_key(|one| (one.epoch, one.begun_at, one.order));
    let mut lanes: Vec<(ActionLane, Vec<OpenAction>)> = Vec::new();
    for one in open {
        let lane = one.action.lane();
        match lanes.iter_mut().find(|(known, _)| *known == lane) {
            Some((_, open)) => open.push(one),
            None => lanes.push((lane, vec![one])),
        }
    }
    lanes
}
