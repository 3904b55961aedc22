//! Asks GitHub for what no webhook said; the leader alone does.
//!
//! Level-triggered: a sweep reads how things are, not what has changed, and the funnel knows what
//! is new. Where a repository's checks come by webhook, a sweep every ten minutes is enough. When
//! each was last swept is kept in Redis, so a restart neither hurries nor skips.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use greenline_forge::{ForgeError, PullNumber, RepoName, Sweep, SweptPull, Timestamp};
use greenline_store::StoreError;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::event_store::{OpenPull, PollCursor};
use super::{Watch, metrics, parse, redeliver};

/// Interval of the look for repositories that are due.
const PAUSE: Duration = Duration::from_millis(250);

/// Interval between sweeps of a repository whose checks come by webhook.
const SLOW: Duration = Duration::from_secs(600);

/// Time after a check came by webhook for which others are expected by webhook, too.
const RECENT_WEBHOOK_MS: u64 = 1_800_000;

/// Interval of the look for repositories and for lost webhooks.
const ROUND: Duration = Duration::from_secs(600);

/// With fewer points left, everything is swept slowly: the rest is for acting.
const FEW_POINTS: u64 = 500;

/// Pages of one sweep: 10,000 open pull requests.
const MOST_PAGES: usize = 200;

/// Pause after GitHub refused the credentials or did not answer.
const LONG_PAUSE: Duration = Duration::from_secs(30);

/// Polls while this lead leads, until it is to stop.
pub(super) async fn run(watch: Arc<Watch>, stop: CancellationToken) {
    let mut poll =
        Poller { watch, tried: BTreeMap::new(), round: None, points: None, logged_error: None };
    while !stop.is_cancelled() {
        let wait = match poll.watch.shared.leadership.epoch() {
            None => PAUSE,
            Some(_) => match stop.run_until_cancelled(poll.poll_all()).await {
                Some(wait) => wait,
                None => return,
            },
        };
        stop.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
}

struct Poller {
    watch: Arc<Watch>,
    /// When each was last tried, by the steady clock: one that fails is not tried at once again.
    tried: BTreeMap<RepoName, Duration>,
    /// When the last round over everything began.
    round: Option<Duration>,
    points: Option<u64>,
    /// The trouble that was said.
    logged_error: Option<String>,
}

/// The reason why a sweep did not end.
#[derive(Debug, thiserror::Error)]
pub(super) enum SweepError {
    #[error(transparent)]
    Forge(#[from] ForgeError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Poller {
    /// Does what is due; how long to wait then.
    async fn poll_all(&mut self) -> Duration {
        let now = self.watch.shared.clock.steady();
        let due = self.round.is_none_or(|last| now >= last + ROUND);
        if self.watch.repos.is_stale() || due {
            if let Err(error) =
                self.watch.repos.refresh(&self.watch.forge, &self.watch.event_store).await
            {
                self.watch.repos.refresh_soon();
                return self.pause_after(&error);
            }
            self.logged_error = None;
            if due {
                self.round = Some(now);
                redeliver::request_missed(&self.watch).await;
            }
        }
        for repo in self.watch.repos.watched() {
            if self.watch.shared.leadership.epoch().is_none() {
                return PAUSE;
            }
            match self.poll_repo(&repo).await {
                Ok(()) => {}
                Err(SweepError::Store(error)) => {
                    debug!(%error, "A sweep was left, as Redis can't be used");
                    return Duration::from_secs(1);
                }
                Err(SweepError::Forge(error)) => {
                    metrics::swept(error.kind(), 0);
                    self.watch.repos.mark_failing(&repo, &error);
                    if concerns_all(&error) {
                        return self.pause_after(&error);
                    }
                    if error.is_absent() {
                        // Renamed, perhaps.
                        self.watch.repos.refresh_soon();
                    }
                }
            }
        }
        PAUSE
    }

    /// Returns how long to leave GitHub alone.
    fn pause_after(&mut self, error: &ForgeError) -> Duration {
        let text = error.to_string();
        if self.logged_error.as_ref() != Some(&text) {
            warn!(error = text, "GitHub can't be asked now");
            self.logged_error = Some(text);
        }
        let now = self.watch.shared.clock.wall_ms();
        let until = error.retry_at().map(|at| Duration::from_millis(at.0.saturating_sub(now)));
        until.unwrap_or(LONG_PAUSE.min(self.watch.poll_interval)).max(PAUSE)
    }

    async fn poll_repo(&mut self, repo: &RepoName) -> Result<(), SweepError> {
        let cursor = self.watch.event_store.cursor(repo).await?;
        let steady = self.watch.shared.clock.steady();
        let tried_recently =
            self.tried.get(repo).is_some_and(|at| steady < *at + self.watch.poll_interval);
        let now_ms = self.watch.shared.clock.wall_ms();
        if tried_recently || !self.is_due(&cursor, now_ms) {
            return Ok(());
        }
        self.tried.insert(repo.clone(), steady);
        let swept = sweep_repo(&self.watch, repo, cursor).await?;
        self.points = swept.points_left.or(self.points);
        self.watch.event_store.set_polled(repo, now_ms).await?;
        self.watch.repos.mark_healthy(repo);
        metrics::swept("ok", swept.cost);
        debug!(repo = %repo, points = swept.cost, pulls = swept.pulls, new = swept.new, "SweepSummary {repo}");
        Ok(())
    }

    fn is_due(&self, cursor: &PollCursor, now_ms: u64) -> bool {
        let by_webhook = cursor.webhook_ms > 0 && now_ms < cursor.webhook_ms + RECENT_WEBHOOK_MS;
        let few = self.points.is_some_and(|points| points < FEW_POINTS);
        let fast = self.watch.poll_interval;
        let interval = if by_webhook || few { SLOW.max(fast) } else { fast };
        // A clock that was set back must not stop it for long.
        cursor.polled_ms > now_ms || now_ms - cursor.polled_ms >= ms(interval)
    }
}

fn ms(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// Returns true if the error concerns all repositories.
fn concerns_all(error: &ForgeError) -> bool {
    matches!(error, ForgeError::RateLimited { .. } | ForgeError::Unauthorized { .. })
}

/// The result of a sweep.
#[derive(Debug, Default)]
struct SweepSummary {
    cost: u64,
    points_left: Option<u64>,
    pulls: usize,
    new: usize,
}

async fn sweep_repo(
    watch: &Watch,
    repo: &RepoName,
    cursor: PollCursor,
) -> Result<SweepSummary, SweepError> {
    // What was open before the first page is read: what opens meanwhile is not missed by it.
    let known = watch.event_store.open_pulls(repo).await?;
    let mut swept = SweepSummary::default();
    let (mut open, mut whole, mut after) = (BTreeSet::new(), false, None);
    for _ in 0..MOST_PAGES {
        let page = watch.forge.sweep_pulls(repo, after.as_deref()).await?;
        // Before the pull requests are known as they are now: a crash in between repeats it.
        if cursor.polled_ms > 0 {
            read_comments(watch, repo, cursor, &known, &page).await?;
        }
        swept.new += watch.event_store.insert_all(&parse::updates_of_sweep(repo, &page)).await?;
        swept.add_page(repo, &page);
        open.extend(page.pulls.iter().map(|pull| pull.number));
        whole = page.next.is_none() && page.problems.is_empty();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if whole {
        find_closed(watch, repo, &known, &open).await?;
    }
    Ok(swept)
}

impl SweepSummary {
    fn add_page(&mut self, repo: &RepoName, page: &Sweep) {
        self.cost += page.cost;
        self.points_left = page.remaining.or(self.points_left);
        self.pulls += page.pulls.len();
        for problem in &page.problems {
            debug!(repo = %repo, problem, "Part of {repo} could not be seen");
        }
    }
}

/// Comments written since a pull request was last looked at, where it has changed at all.
async fn read_comments(
    watch: &Watch,
    repo: &RepoName,
    cursor: PollCursor,
    known: &[OpenPull],
    page: &Sweep,
) -> Result<(), SweepError> {
    for pull in &page.pulls {
        let before = known.iter().find(|known| known.head_moved.pull.number == pull.number);
        if !may_have_changed(pull, before, cursor) {
            continue;
        }
        let since = before.and_then(|known| known.updated_at).min(Some(comments_since(cursor)));
        let comments = watch.forge.comments(repo, pull.number).await?.items;
        let fresh = comments.iter().filter(|comment| comment.created_at >= since);
        let updates: Vec<_> =
            fresh.filter_map(|it| parse::mention(repo, pull.number, it)).collect();
        watch.event_store.insert_all(&updates).await?;
    }
    Ok(())
}

/// Returns true if a pull request may have changed since the last sweep. A webhook may have updated
/// its stored state since then while another webhook was lost.
fn may_have_changed(pull: &SweptPull, before: Option<&OpenPull>, cursor: PollCursor) -> bool {
    let known = before.and_then(|before| before.updated_at);
    known < pull.updated_at || pull.updated_at >= Some(comments_since(cursor))
}

/// Returns the time before which the last sweep saw everything. GitHub's times are whole seconds: a
/// change right before a sweep may be followed by another in the same second, after it.
fn comments_since(cursor: PollCursor) -> Timestamp {
    const SECONDS_MS: u64 = 2_000;
    Timestamp(cursor.polled_ms.saturating_sub(SECONDS_MS))
}

/// Those that were open and are not on any page. A page may leave one out, so each is asked for.
async fn find_closed(
    watch: &Watch,
    repo: &RepoName,
    known: &[OpenPull],
    open: &BTreeSet<PullNumber>,
) -> Result<(), SweepError> {
    let gone = known.iter().filter(|known| !open.contains(&known.head_moved.pull.number));
    for known in gone {
        let pull = watch.forge.pull(repo, known.head_moved.pull.number).await?;
        if !pull.is_open() {
            watch.event_store.insert_all(&[parse::update_of_pull(repo, &pull)]).await?;
        }
    }
    Ok(())
}
