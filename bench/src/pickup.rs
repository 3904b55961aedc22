//! The pick-up time of an idle worker: 200 tasks a second for ten seconds.

use std::time::Duration;

use anyhow::Context;
use greenline_queue::PauseTarget;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::drain::{WorkerCommand, stand_by};
use crate::produce::task;
use crate::server::BenchServer;

/// Tasks per second.
const RATE: u64 = 200;

/// Tasks for warming up, which don't count.
const WARM_UP: usize = 40;

/// Half of the tasks, and 99 of 100, begin within these ms of being enqueued.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PickUpTimes {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Measures from just before the enqueue to the first line of the handler.
pub(crate) async fn pick_up(
    server: &BenchServer,
    command: &WorkerCommand,
    seconds: u64,
) -> anyhow::Result<PickUpTimes> {
    server.empty().await?;
    let queue = server.queue().await?;
    let reporting = WorkerCommand { report_lateness: true, ..command.clone() };
    let mut children = stand_by(server, &queue, &reporting, 1).await?;
    let mut child = children.pop().context("a worker")?;
    let output = child.stdout.take().context("the worker's output")?;
    queue.resume(&PauseTarget::All).await?;

    let count = WARM_UP + usize::try_from(RATE * seconds)?;
    let reader = tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        let mut lateness = Vec::with_capacity(count);
        while lateness.len() < count {
            let Some(line) = lines.next_line().await? else { break };
            lateness.push(line.parse::<f64>()? / 1e3);
        }
        anyhow::Ok(lateness)
    });
    let mut beats = interval(Duration::from_micros(1_000_000 / RATE));
    beats.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for at in 0..count {
        beats.tick().await;
        queue.enqueue(task(&format!("pickup-{at}"))?).await?;
    }
    let lateness =
        timeout(Duration::from_secs(30), reader).await.context("tasks were not run")???;
    child.start_kill()?;
    child.wait().await?;
    let mut counted = lateness.get(WARM_UP..).context("too few tasks were run")?.to_vec();
    counted.sort_by(f64::total_cmp);
    let at = |percent: usize| counted.get(counted.len() * percent / 100).copied();
    Ok(PickUpTimes { p50_ms: at(50).unwrap_or(f64::NAN), p99_ms: at(99).unwrap_or(f64::NAN) })
}
