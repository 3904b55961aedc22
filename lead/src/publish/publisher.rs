//! The one way to act outside: written down, done, ended.
//!
//! [`Publisher::publish`] writes an action down and does it at once if nothing older of its lane is
//! open. [`Publisher::sweep`] does what is still written down: after a takeover, a halt, a failure.
//! Both go through the same steps, and both look before they act.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use greenline_forge::{Forge, ForgeError};
use greenline_queue::{Begun, Epoch, Intent, Queue, QueueError};
use greenline_runtime::clock::Clock;
use greenline_store::cmd;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::action::{Action, Deed, Lane, Occasion};
use super::approval::Approvals;
use super::by_hand;
use super::deeds::Doing;
use super::identity::Identity;
use super::intent_key::{IntentKeys, Signed};
use super::lanes::{Lanes, Moment};
use super::mandate::Mandate;
use super::memory::Remembered;
use super::notify::Notifier;
use super::numbers;
use super::outcome::{Outcome, Refusal, Stay};
use super::page::Line;
use super::permit::Permits;
use super::set_aside::Aside;
use crate::trouble::Trouble;

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
    pub mandate: Mandate,
    /// The webhook that notifies people, if one is set.
    pub notifier: Option<Notifier>,
    pub clock: Clock,
}

/// The answer to a request to act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It has ended now.
    Now(Outcome),
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
pub struct Publisher(Arc<Inner>);

struct Inner {
    options: PublisherOptions,
    permits: Permits,
    aside: Aside,
    identity: OnceCell<Identity>,
    lanes: Lanes,
    /// The epoch under which all that was open has been seen.
    surveyed: Mutex<Option<Epoch>>,
    order: AtomicU64,
}

/// The content of an intent, as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    /// Puts actions of one process in order that begin in the same millisecond.
    order: u64,
    /// Read only once the signature is found right.
    action: Box<RawValue>,
    signature: String,
}

/// What an open intent turns out to be.
enum Found {
    /// One of ours.
    Open(Box<Open>),
    /// Signed, and not to be read: a newer program wrote it, which will do it.
    Later,
    /// Not signed, or not by us.
    Foreign(Intent, &'static str),
}

/// An open intent that can be read.
struct Open {
    id: String,
    epoch: Epoch,
    begun_at: i64,
    order: u64,
    action: Action,
}

impl Publisher {
    /// Nothing is asked or done yet.
    #[must_use]
    pub fn new(options: PublisherOptions) -> Self {
        let permits = Permits::new(options.queue.store().clone());
        let lanes = Lanes::new(options.clock.clone());
        Self(Arc::new(Inner {
            options,
            permits,
            aside: Aside::new(),
            identity: OnceCell::new(),
            lanes,
            surveyed: Mutex::default(),
            order: AtomicU64::new(0),
        }))
    }

    /// Writes an action down, and does it if nothing is in its way.
    ///
    /// # Errors
    ///
    /// When it could not be written down. Asking again is safe.
    pub async fn publish(&self, action: &Action) -> Result<Published, PublishError> {
        let it = &self.0;
        let epoch = it.options.mandate.epoch().ok_or(PublishError::NotLeading)?;
        let (id, lane) = (action.id(), action.lane());
        let turn = it.lanes.enter(&lane).await;
        match it.begin(epoch, &id, action).await {
            Ok(Begun::Done) => return Ok(Published::Before),
            Ok(Begun::New | Begun::Open { .. }) => {}
            Err(error) => {
                // It may be written down all the same: what comes after it has to queue.
                it.lanes.keep(&lane);
                return Err(error.into());
            }
        }
        let surveyed = *it.surveyed.lock().await == Some(epoch);
        if lane == Lane::Calls || !surveyed || it.lanes.has_backlog(&lane) {
            it.lanes.keep(&lane);
            return Ok(Published::Later);
        }
        let step = it.settle(epoch, &id, action).await;
        drop(turn);
        Ok(match step {
            Ok(outcome) => Published::Now(outcome),
            Err(stay) => {
                it.hold(&lane, &id, &stay);
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
        let on_github = self.0.sweep(Which::OnGitHub).await?;
        Ok(on_github + self.0.sweep(Which::Calls).await?)
    }

    /// Sweeps while this process leads, until it is to stop. Calls have a loop of their own: a
    /// webhook that hangs holds nothing up.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.0.keep_sweeping(Which::OnGitHub, &stop), async {
            self.0.keep_sweeping(Which::Calls, &stop).await;
        });
    }

    /// Returns true if a notification webhook is set.
    #[must_use]
    pub fn can_call(&self) -> bool {
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
enum Which {
    OnGitHub,
    Calls,
}

/// The progress of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cleared {
    All,
    Held,
    Failed,
}

impl Inner {
    async fn keep_sweeping(&self, which: Which, stop: &CancellationToken) {
        let mut trouble = Trouble::new("go on with outside actions");
        while !stop.is_cancelled() {
            let wait = match self.sweep(which).await {
                Ok(_) | Err(PublishError::NotLeading) => {
                    trouble.over();
                    SWEEP_EVERY
                }
                Err(PublishError::Queue(error)) => trouble.met(&error),
            };
            stop.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }

    async fn sweep(&self, which: Which) -> Result<usize, PublishError> {
        let epoch = self.options.mandate.epoch().ok_or(PublishError::NotLeading)?;
        let read_at = self.lanes.now();
        let intents = self.options.queue.open_intents().await?;
        let now_ms = Approvals::now_ms(&self.options.queue).await.map_err(QueueError::from)?;
        let (open, unread) = self.believed(epoch, intents, now_ms).await?;
        let lanes = in_lanes(open);
        for (lane, _) in &lanes {
            self.lanes.found(lane);
        }
        *self.surveyed.lock().await = Some(epoch);
        // What can't be read is counted once.
        let mut left = if which == Which::OnGitHub { unread } else { 0 };
        let mut failures = 0;
        for (lane, open) in lanes {
            if (lane == Lane::Calls) != (which == Which::Calls) {
                continue;
            }
            if failures >= FAILURES_IN_A_ROW || !self.lanes.is_due(&lane) {
                left += 1;
                continue;
            }
            let stays = self.clear(epoch, &lane, &open, (read_at, now_ms)).await?;
            failures = if stays == Cleared::Failed { failures + 1 } else { 0 };
            left += usize::from(stays != Cleared::All);
        }
        self.lanes.tidy();
        Ok(left)
    }

    async fn identity(&self) -> Result<&Identity, ForgeError> {
        self.identity.get_or_try_init(|| Identity::learn(&self.options.forge)).await
    }

    async fn begin(&self, epoch: Epoch, id: &str, action: &Action) -> Result<Begun, QueueError> {
        let order = self.order.fetch_add(1, Ordering::Relaxed);
        let action = serde_json::value::to_raw_value(action).expect("an action is JSON");
        let signature = self.options.keys.sign(self.signed(id, order, &action));
        let about = serde_json::to_string(&Written { order, action, signature })
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
    ) -> Result<(Vec<Open>, usize), QueueError> {
        let (mut open, mut unread) = (Vec::new(), 0);
        for intent in intents {
            match self.read(intent) {
                Found::Open(one) => open.push(*one),
                Found::Later => unread += 1,
                Found::Foreign(intent, why) => {
                    let aside = self.aside.put(&self.options.queue, epoch, &intent, (why, now_ms));
                    aside.await?;
                    numbers::set_aside();
                    let id: String = intent.action.escape_debug().take(200).collect();
                    warn!(intent.action = id, "Set the intent {id} aside, as {why}");
                }
            }
        }
        Ok((open, unread))
    }

    fn read(&self, intent: Intent) -> Found {
        let Ok(Written { order, action, signature }) = serde_json::from_str(&intent.about) else {
            return Found::Foreign(intent, "it is no intent that a lead writes");
        };
        if !self.options.keys.believe(self.signed(&intent.action, order, &action), &signature) {
            return Found::Foreign(intent, "its signature is not by this lead's intent key");
        }
        let Intent { action: id, epoch, begun_at, .. } = intent;
        match serde_json::from_str::<Action>(action.get()) {
            Ok(action) => Found::Open(Box::new(Open { id, epoch, begun_at, order, action })),
            Err(error) => {
                debug!(intent.action = id, "The intent {id} can't be read: {error}");
                Found::Later
            }
        }
    }

    /// Goes through what is open in a lane, oldest first, up to the first that fails.
    async fn clear(
        &self,
        epoch: Epoch,
        lane: &Lane,
        open: &[Open],
        (read_at, now_ms): (Moment, i64),
    ) -> Result<Cleared, QueueError> {
        let _turn = self.lanes.enter(lane).await;
        let mut cleared = Cleared::All;
        for (at, one) in open.iter().enumerate() {
            // Read before it was our turn: it may have ended meanwhile.
            if self.begin(epoch, &one.id, &one.action).await? == Begun::Done {
                continue;
            }
            let newer = open[at + 1..].iter().any(|it| one.action.is_superseded_by(&it.action));
            let step = if newer {
                self.end(epoch, &one.id, &one.action, Outcome::Superseded).await
            } else {
                self.settle(epoch, &one.id, &one.action).await
            };
            match step {
                Ok(_) => {}
                Err(Stay::NotYet(why)) if now_ms - one.begun_at <= GIVE_UP_AFTER_MS => {
                    debug!(intent.action = one.id, "{} waits: {why}", one.id);
                    cleared = Cleared::Held;
                }
                Err(Stay::NotYet(why)) => self.give_up(epoch, one, why).await?,
                Err(Stay::Trouble(error)) if now_ms - one.begun_at > GIVE_UP_AFTER_MS => {
                    self.give_up(epoch, one, error.to_string()).await?;
                }
                Err(stay) => {
                    let failed = self.hold(lane, &one.id, &stay);
                    return Ok(if failed { Cleared::Failed } else { Cleared::Held });
                }
            }
        }
        if cleared == Cleared::All {
            self.lanes.cleared(lane, read_at);
        }
        Ok(cleared)
    }

    async fn give_up(&self, epoch: Epoch, one: &Open, why: String) -> Result<(), QueueError> {
        warn!(intent.action = one.id, "Gave {} up after a day: {why}", one.id);
        match self.end(epoch, &one.id, &one.action, Outcome::GivenUp { why }).await {
            Ok(_) => Ok(()),
            Err(Stay::Store(error)) => Err(error),
            Err(_) => Err(QueueError::Deposed),
        }
    }

    /// Does one action that is written down, and ends it.
    async fn settle(&self, epoch: Epoch, id: &str, action: &Action) -> Result<Outcome, Stay> {
        let doing = async {
            let doing = Doing {
                forge: &self.options.forge,
                queue: &self.options.queue,
                permits: &self.permits,
                identity: self.identity().await?,
                notifier: self.options.notifier.as_ref(),
                action,
                id,
            };
            doing.perform().await
        };
        let done = self.options.mandate.while_it_lasts(epoch, doing).await;
        match done.unwrap_or(Err(Stay::Deposed)) {
            Ok(outcome) => {
                self.follow(epoch, action, &outcome).await?;
                self.end(epoch, id, action, outcome).await
            }
            Err(stay) => {
                numbers::came_to(action.word(), stay.word());
                Err(stay)
            }
        }
    }

    async fn end(
        &self,
        epoch: Epoch,
        id: &str,
        action: &Action,
        outcome: Outcome,
    ) -> Result<Outcome, Stay> {
        let json = serde_json::to_string(&outcome).expect("an outcome is JSON");
        self.options.queue.end_intent(epoch, id, &json).await?;
        self.forget_text(id).await;
        numbers::came_to(action.word(), outcome.word());
        match &outcome {
            Outcome::Refused { why, .. } => info!(intent.action = id, "{id} is refused: {why}"),
            other => debug!(intent.action = id, "{id} is {}", other.word()),
        }
        Ok(outcome)
    }

    /// Ended intents are kept for a week, so that a late repeat finds them done. What they held, a
    /// page or a patch, would fill Redis; if forgetting it fails, it goes with the intent.
    async fn forget_text(&self, id: &str) {
        let store = self.options.queue.store();
        let key = format!("{}agent:lead:intent:{id}", store.namespace().prefix());
        let forgotten: Result<i64, _> = store.command(cmd("HDEL").arg(key).arg("about")).await;
        if let Err(error) = forgotten {
            debug!(intent.action = id, %error, "Kept what {id} was about");
        }
    }

    /// Requests the actions that follow from an outcome. They are stored before the action is
    /// ended, so that none is forgotten.
    async fn follow(&self, epoch: Epoch, action: &Action, outcome: &Outcome) -> Result<(), Stay> {
        let (Deed::Commit { patch, .. }, Outcome::Refused { reason, .. }) = (&action.deed, outcome)
        else {
            return Ok(());
        };
        let known = Remembered::read(&self.options.queue, &patch.repo, patch.pull).await?;
        let mut page = known.page.unwrap_or_default();
        let occasion = match reason {
            Refusal::HeadMoved => {
                page.next = vec![
                    Line::says("A repair was ready for")
                        .and_quotes(patch.head.short())
                        .and_says("and was discarded, as the branch has moved on since."),
                ];
                "moved"
            }
            Refusal::ByHand => {
                by_hand::show(&mut page, &self.options.forge, patch).await?;
                "by-hand"
            }
            _ => return Ok(()),
        };
        page.answers.retain(|word| word != "approve" && word != "reject");
        let occasion = Occasion::new(&format!("{occasion}-{}", patch.short_hash()));
        let comment = Action { occasion, deed: Deed::Comment { page }, ..action.clone() };
        self.begin(epoch, &comment.id(), &comment).await?;
        self.lanes.keep(&action.lane());
        Ok(())
    }

    /// Keeps a lane for later; whether something failed.
    fn hold(&self, lane: &Lane, id: &str, stay: &Stay) -> bool {
        self.lanes.keep(lane);
        match stay {
            Stay::Halted | Stay::NotYet(_) | Stay::Deposed => {
                debug!(intent.action = id, "{id} waits: {}", stay.word());
                false
            }
            Stay::Throttled(wait) => {
                self.lanes.failed(lane, *wait);
                false
            }
            Stay::Store(_) => {
                self.lanes.failed(lane, Duration::ZERO);
                false
            }
            Stay::Trouble(error) => {
                warn!(intent.action = id, "{error}; trying again later");
                self.lanes.failed(lane, self.until(error));
                true
            }
        }
    }

    /// Returns how long GitHub asks to wait.
    fn until(&self, error: &ForgeError) -> Duration {
        let at = error.retry_at().map_or(0, |moment| moment.0);
        Duration::from_millis(at.saturating_sub(self.options.clock.wall_ms()))
    }
}

/// Open intents by lane, each lane oldest first.
fn in_lanes(mut open: Vec<Open>) -> Vec<(Lane, Vec<Open>)> {
    open.sort_by_key(|one| (one.epoch, one.begun_at, one.order));
    let mut lanes: Vec<(Lane, Vec<Open>)> = Vec::new();
    for one in open {
        let lane = one.action.lane();
        match lanes.iter_mut().find(|(known, _)| *known == lane) {
            Some((_, open)) => open.push(one),
            None => lanes.push((lane, vec![one])),
        }
    }
    lanes
}
