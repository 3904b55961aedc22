//! One lead and some workers in one process, as `greenline up` and `greenline demo` run them.

use std::net::SocketAddr;

use anyhow::Context;
use greenline_lead::{Lead, Standing};
use greenline_queue::Queue;
use greenline_runtime::Role;
use greenline_runtime::settings::Settings;
use greenline_runtime::stopping::Stop;
use greenline_worker::WorkerDaemon;
use tokio::sync::watch::Receiver;
use tokio::task::{JoinSet, spawn_blocking};

use super::lead::Token;

/// All daemons, built and not yet running. The lead has its address.
pub(crate) struct House {
    lead: Lead,
    workers: Vec<WorkerDaemon>,
    sandbox: String,
}

impl House {
    /// Builds them from settings. Also returns the source of the operator's token.
    pub(crate) async fn build(
        queue: &Queue,
        settings: &Settings,
        workers: u8,
    ) -> anyhow::Result<(Self, Token)> {
        let (lead, token) = super::lead::bind(queue.clone(), settings, Role::Up).await?;
        let (queue, settings) = (queue.clone(), settings.clone());
        let build = move || crew(&queue, &settings, workers);
        let (workers, sandbox) = spawn_blocking(build).await??;
        Ok((Self { lead, workers, sandbox }, token))
    }

    /// Returns the lead's address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.lead.address()
    }

    /// Returns a watch on the lead's leadership.
    pub(crate) fn standing(&self) -> Receiver<Standing> {
        self.lead.standing()
    }

    /// Returns a description of the workers' sandbox.
    pub(crate) fn sandbox(&self) -> &str {
        &self.sandbox
    }

    /// Runs them until they are told to stop.
    pub(crate) fn start(self, stop: &Stop) -> Parts {
        let mut parts = JoinSet::new();
        for worker in self.workers {
            parts.spawn(worker.run(stop.clone()));
        }
        let (lead, stop) = (self.lead, stop.clone());
        parts.spawn(async move { lead.run(stop).await.context("the lead ended") });
        Parts(parts)
    }
}

fn crew(
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
    Ok((workers, super::sandbox::in_short(&safety)))
}

/// The running daemons.
pub(crate) struct Parts(JoinSet<anyhow::Result<()>>);

impl Parts {
    /// Waits for all of them. If one ends, all do; the first error is the cause.
    pub(crate) async fn ended(&mut self, stop: &Stop) -> anyhow::Result<()> {
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
pub(crate) async fn wait_until_it_leads(standing: &mut Receiver<Standing>) {
    let leads = |standing: &Standing| matches!(standing, Standing::Leading { .. });
    let _gone = standing.wait_for(leads).await;
}
