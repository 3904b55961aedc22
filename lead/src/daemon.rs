//! The daemon: listens first, runs its loops, stops in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use greenline_queue::Queue;
use greenline_runtime::clock::Clock;
use greenline_runtime::liveness::Pulse;
use greenline_runtime::metrics::MetricsExporter;
use greenline_runtime::shutdown::Shutdown;
use tokio::net::TcpListener;
use tokio::sync::watch as watch_channel;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::handlers::{self, Handlers};
use crate::http::access::ApiTokens;
use crate::http::snapshot::Snapshots;
use crate::http::{HttpState, Reach, router, serve};
use crate::leadership::{LeaderGuard, LeaderLease, LeaderStatus, election};
use crate::loops::loop_health::LoopHealth;
use crate::loops::{outbox, tick};
use crate::metrics;
use crate::publish::{IntentKeys, Notifier, Publisher, PublisherOptions};
use crate::state::LeadState;
use crate::watch::{self, EventStore, WatchOptions, WebhookReceiver};

/// Longest time a lead takes to stop: its container grants 20 s.
const STOP_WITHIN: Duration = Duration::from_secs(12);

pub struct LeadOptions {
    /// Its name: fresh for each process, or two would take themselves for one leader.
    pub id: String,
    /// The queue.
    pub queue: Queue,
    /// Address of the HTTP server; port 0 takes a free one.
    pub listen: SocketAddr,
    /// ApiTokens that grant access.
    pub tokens: ApiTokens,
    /// Time for which leadership holds without renewal.
    pub lease: Duration,
    pub clock: Clock,
    /// Beats while all loops turn. Its watchdog should allow more than 30 s.
    pub pulse: Pulse,
    /// CheckSource of the numbers at `/metrics`.
    pub exporter: MetricsExporter,
    /// GitHub settings, if GitHub is watched.
    pub watch: Option<WatchOptions>,
    /// The webhook that notifies people, if one is set.
    pub notifier: Option<Notifier>,
    /// What signs the actions that are written down before they are done. All leads of a
    /// deployment need the same.
    pub intent_keys: IntentKeys,
    /// Whom it answers, and how it tells them apart.
    pub reach: Reach,
}

/// The reason why a lead could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum LeadError {
    /// Something else listens there.
    #[error(
        "{address} is taken by another program (perhaps another lead): stop that one, or set \
         GREENLINE_LISTEN (lead.listen in greenline.toml) to another address"
    )]
    Taken { address: SocketAddr },
    /// The system does not let it listen there.
    #[error(
        "failed to listen on {address}: {source}; set GREENLINE_LISTEN (lead.listen in \
         greenline.toml) to an address of this machine and a port above 1023"
    )]
    CannotListen { address: SocketAddr, source: io::Error },
    /// A loop panicked, which is a bug: start a new process.
    #[error("a part of the lead broke: {0}")]
    Broke(#[source] JoinError),
    /// A loop ended though nobody asked it to, which is a bug: start a new process.
    #[error("a part of the lead ended by itself")]
    Ended,
}

/// A lead that listens, and answers as soon as it [runs](Lead::run).
pub struct Lead {
    shared: Arc<LeadState>,
    listener: TcpListener,
    address: SocketAddr,
    tokens: ApiTokens,
    exporter: MetricsExporter,
    watch: Option<WatchOptions>,
    notifier: Option<Notifier>,
    intent_keys: IntentKeys,
    reach: Reach,
}

impl Lead {
    /// Takes its address, before anything else is begun.
    ///
    /// # Errors
    ///
    /// When it can't listen there.
    pub async fn bind(options: LeadOptions) -> Result<Self, LeadError> {
        let LeadOptions {
            id,
            queue,
            listen,
            tokens,
            lease,
            clock,
            pulse,
            exporter,
            watch,
            notifier,
            intent_keys,
            reach,
        } = options;
        let cannot = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => LeadError::Taken { address: listen },
            _ => LeadError::CannotListen { address: listen, source },
        };
        let listener = TcpListener::bind(listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let shared = LeadState {
            id,
            queue,
            lease,
            started_at: clock.steady(),
            leadership: LeaderLease::new(clock.clone(), lease),
            loop_health: LoopHealth::new(clock.clone(), pulse),
            clock,
        };
        Ok(Self {
            shared: Arc::new(shared),
            listener,
            address,
            tokens,
            exporter,
            watch,
            notifier,
            intent_keys,
            reach,
        })
    }

    /// Returns the address of the HTTP server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a receiver of changes in leadership.
    #[must_use]
    pub fn leader_status(&self) -> watch_channel::Receiver<LeaderStatus> {
        self.shared.leadership.leader_status()
    }

    /// Runs until it is told to stop. Draining ends what was begun, resigns, and takes a few
    /// seconds at most; interrupting cuts everything off and then resigns.
    ///
    /// # Errors
    ///
    /// When a part of it breaks. What it had begun is then left to the next leader.
    pub async fn run(self, stop: Shutdown) -> Result<(), LeadError> {
        metrics::describe_all();
        watch::describe_all();
        info!(
            lead.id = self.shared.id,
            "Lead {} answers at http://{}", self.shared.id, self.address
        );
        let shared = self.shared.clone();
        let parts = LeadParts::start(self);
        let ended = tokio::select! {
            ended = parts.run(&stop) => ended,
            () = stop.interrupt.cancelled() => Ok(()),
        };
        if shared.leadership.time_left().is_some() {
            // Cut off in the middle: nothing of it acts any more.
            election::resign(&shared).await;
        }
        ended
    }
}

/// The running parts. Dropping them ends them all at once.
struct LeadParts {
    shared: Arc<LeadState>,
    /// Whatever acts or may act because this lead leads, and the tick.
    loops: JoinSet<()>,
    stop_loops: CancellationToken,
    election: JoinSet<()>,
    stop_election: CancellationToken,
    http: JoinSet<()>,
}

/// Returns the permission to act outside, which holds while this process may believe that it leads.
fn leader_guard(shared: &Arc<LeadState>) -> LeaderGuard {
    let shared = shared.clone();
    LeaderGuard::new(move || shared.leadership.epoch().zip(shared.leadership.time_left()))
}

impl LeadParts {
    fn start(lead: Lead) -> Self {
        let Lead { shared, listener, tokens, exporter, watch, notifier, .. } = lead;
        let (intent_keys, reach) = (lead.intent_keys, lead.reach);
        let (stop_loops, stop_election) = (CancellationToken::new(), CancellationToken::new());
        let (mut loops, mut election, mut http) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        loops.spawn(tick::run(shared.clone(), stop_loops.clone()));
        let event_store = EventStore::new(shared.queue.store().clone());
        let outbox_events = watch.is_some().then(|| event_store.clone());
        loops.spawn(outbox::run(shared.clone(), outbox_events, stop_loops.clone()));
        election.spawn(election::run(shared.clone(), stop_election.clone()));
        let snapshots = Snapshots::new(shared.queue.clone(), shared.clock.clone());
        let secrets = watch.as_ref().and_then(|options| options.secrets.clone());
        let webhooks = WebhookReceiver::new(event_store, secrets);
        let http_state = HttpState {
            shared: shared.clone(),
            tokens,
            exporter,
            snapshots,
            webhooks,
            reach: reach.clone(),
        };
        if let Some(options) = watch {
            let forge = options.forge.clone();
            let publisher = Publisher::new(PublisherOptions {
                queue: shared.queue.clone(),
                keys: intent_keys,
                forge: forge.clone(),
                guard: leader_guard(&shared),
                notifier,
                clock: shared.clock.clone(),
            });
            let (queue, clock) = (shared.queue.clone(), shared.clock.clone());
            let handlers = Arc::new(Handlers::new(queue, forge, clock, publisher.clone()));
            let events = watch::run(&shared, options, &mut loops, &stop_loops);
            loops.spawn(handlers::update_flake_rate(handlers.clone(), stop_loops.clone()));
            loops.spawn(handlers::run(handlers, events, stop_loops.clone()));
            let stop = stop_loops.clone();
            loops.spawn(async move { publisher.run(stop).await });
        }
        http.spawn(serve(listener, router(http_state), reach, stop_loops.clone()));
        Self { shared, loops, stop_loops, election, stop_election, http }
    }

    async fn run(mut self, stop: &Shutdown) -> Result<(), LeadError> {
        tokio::select! {
            () = stop.drain.cancelled() => {}
            first_to_end = self.first_to_end() => return Err(first_to_end),
        }
        // A Redis that hangs may hold up any of them: then the rest is cut off.
        match tokio::time::timeout(STOP_WITHIN, self.end()).await {
            Ok(ended) => ended,
            Err(_) => Ok(()),
        }
    }

    /// Resolves when a part ends, which none should.
    async fn first_to_end(&mut self) -> LeadError {
        let ended = tokio::select! {
            ended = self.loops.join_next() => ended,
            ended = self.election.join_next() => ended,
            ended = self.http.join_next() => ended,
        };
        match ended {
            Some(Err(error)) => LeadError::Broke(error),
            Some(Ok(())) | None => LeadError::Ended,
        }
    }

    /// In order: nothing acts any more when the lead resigns.
    async fn end(&mut self) -> Result<(), LeadError> {
        self.stop_loops.cancel();
        all(&mut self.loops).await?;
        self.stop_election.cancel();
        all(&mut self.election).await?;
        election::resign(&self.shared).await;
        all(&mut self.http).await
    }
}

async fn all(parts: &mut JoinSet<()>) -> Result<(), LeadError> {
    while let Some(ended) = parts.join_next().await {
        ended.map_err(LeadError::Broke)?;
    }
    Ok(())
}
