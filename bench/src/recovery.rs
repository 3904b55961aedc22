//! The time until another worker finishes the tasks of a killed one, with default settings.

use std::time::{Duration, Instant};

use anyhow::Context;
use greenline_queue::PauseTarget;
use tokio::time::sleep;

use crate::drain::{WorkerCommand, stand_by, wait_until_finished};
use crate::produce::bulk;
use crate::server::BenchServer;

/// Runs 100 tasks of 1 s, ten at a time. Kills the worker 0.4 s into the first ten, and starts
/// another at once. Returns the seconds from the kill until all are done; ten at best.
pub(crate) async fn recover(server: &BenchServer, command: &WorkerCommand) -> anyhow::Result<f64> {
    server.empty().await?;
    bulk(server, 100).await?;
    let queue = server.queue().await?;
    let slow = WorkerCommand { slots: 10, task_ms: 1_000, ..command.clone() };
    let mut children = stand_by(server, &queue, &slow, 1).await?;
    queue.resume(&PauseTarget::All).await?;
    while queue.stats().await?.running == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    sleep(Duration::from_millis(400)).await;
    let mut victim = children.pop().context("a worker")?;
    victim.start_kill()?;
    let begun = Instant::now();
    victim.wait().await?;
    let mut next = slow.spawn(server.url())?;
    wait_until_finished(server, 100).await?;
    let took = begun.elapsed().as_secs_f64();
    next.start_kill()?;
    next.wait().await?;
    Ok(took)
}
