//! One lead and some workers in one process, as `greenline up` and `greenline demo` run them.

use std::net::SocketAddr;

use anyhow::Context;
use greenline_lead::{Lead, LeaderStatus};
use greenline_queue::Queue;
use greenline_runtime::ProcessRole;
use greenline_runtime::settings::Settings;
use greenline_runtime::shutdown::Shutdown;
use greenline_worker::WorkerDaemon;
use tokio::sync::watch::Receiver;
use tokio::task::{JoinSet, spawn_blocking};

use super::lead::TokenOrigin;

/// All daemons, built and not yet running. The lead has its address.
pub(crate) struct AllInOne {
    lead: Lead,
    workers: Vec<WorkerDaemon>,
    sandbox: String,
}

impl AllInOne {
    /// Builds them from settings. Also returns the source of the operator's token.
    pub(crate) async fn build(
        queue: &Queue,
        settings: &Settings,
        workers: u8,
    ) -> anyhow::Result<(Self, TokenOrigin)> {
        let (lead, token) = super::lead::bind(queue.clone(), settings, ProcessRole::Up).await?;
        let (queue, settings) = (queue.clone(), settings.clone());
        let build = move || build_workers(&queue, &settings, workers);
        let (workers, sandbox) = spawn_blocking(build).await??;
        Ok((Self { lead, workers, sandbox }, token))
    }

    /// Returns the lead's address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.lead.address()
    }

    /// Returns a watch on the lead's leadership.
    pub(crate) fn leader_status(&self) -> Receiver<LeaderStatus> {
        self.lead.leader_status()
    }

    /// Returns a description of the workers' sandbox.
    pub(crate) fn sandbox(&self) -> &str {
        &self.sandbox
    }

    /// Runs them until they are told to stop.
    pub(crate) fn start(self, stop: &Shutdown) -> RunningDaemons {
        let mut daemons = JoinSet::new();
        for worker in self.workers {
            daemons.spawn(worker.run(stop.clone()));
        }
        let (lead, stop) = (self.lead, stop.clone());
        daemons.spawn(async move { lead.run(stop).await.context("the lead ended") });
        RunningDaemons(daemons)
    }
}

fn build_workers(
    queue: &Queue,
    settings: &Settings,
    count: u8,
) -> anyhow::Result<(Vec<WorkerDaemon>, String)> {
    let safety = super::sandbox::safety(&settings.worker);
    let id = super::fresh_id();
    let one = |number| {
        let id = format!("{id}-{number}");
        super::worker::build(queue.clone(), settings, &id, safety.clone(), None)
    };
    let workers = (1..=count).map(one).collect::<anyhow::Result<_>>()?;
    Ok((workers, super::sandbox::summary(&safety)))
}

/// The running daemons.
pub(crate) struct RunningDaemons(JoinSet<anyhow::Result<()>>);

impl RunningDaemons {
    /// Waits for all of them. If one ends, all do; the first error is the cause.
    pub(crate) async fn ended(&mut self, stop: &Shutdown) -> anyhow::Result<()> {
        let mut first = Ok(());
        while let Some(ended) = self.0.join_next().await {
            let ended = ended.context("a part of it broke").and_then(|ended| ended);
            if first.is_ok() && ended.is_err() {
                first = ended;
            }
            stop.drain.cancel();
        }
        first
    }
}

/// Returns once the lead leads, or is gone.
pub(crate) async fn wait_for_leadership(leader_status: &mut Receiver<LeaderStatus>) {
    let leads =
        |leader_status: &LeaderStatus| matches!(leader_status, LeaderStatus::Leading { .. });
    let _gone = leader_status.wait_for(leads).await;
}
