//! Enqueueing: many tasks per call, and single tasks by ten concurrent callers.

use std::time::Instant;

use anyhow::Context;
use greenline_queue::{Task, TaskSpec};

use crate::clock::now_us;
use crate::server::BenchServer;

/// The size of a task's JSON.
const PAYLOAD: usize = 1024;

/// The number of callers that enqueue single tasks.
const CALLERS: usize = 10;

/// Builds a task of 1 KiB that runs nothing; its prompt begins with the time.
pub(crate) fn task(name: &str) -> anyhow::Result<Task> {
    let mut spec = TaskSpec::command(name.parse()?, ["true"]);
    spec.prompt = Some(format!("{} ", now_us()));
    let bare = spec.clone().build()?.payload().len();
    let prompt = spec.prompt.get_or_insert_default();
    prompt.push_str(&"x".repeat(PAYLOAD.saturating_sub(bare)));
    Ok(spec.build()?)
}

/// Enqueues a backlog in bulk, and returns tasks per second.
pub(crate) async fn bulk(server: &BenchServer, count: usize) -> anyhow::Result<f64> {
    let queue = server.queue().await?;
    let tasks = (0..count).map(|at| task(&format!("bulk-{at}"))).collect::<Result<_, _>>()?;
    let begun = Instant::now();
    let outcomes = queue.enqueue_many(tasks).await?;
    let took = begun.elapsed().as_secs_f64();
    anyhow::ensure!(outcomes.iter().all(|one| one.is_accepted()), "a task was refused");
    Ok(count as f64 / took)
}

/// Enqueues single tasks by ten callers, and returns tasks per second.
pub(crate) async fn single(server: &BenchServer, count: usize) -> anyhow::Result<f64> {
    let queue = server.queue().await?;
    let mut rows = Vec::new();
    for caller in 0..CALLERS {
        let row = (0..count / CALLERS).map(|at| task(&format!("single-{caller}-{at}")));
        rows.push(row.collect::<Result<Vec<_>, _>>()?);
    }
    let begun = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for row in rows {
        let queue = queue.clone();
        callers.spawn(async move {
            for task in row {
                queue.enqueue(task).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.context("a caller ended early")??;
    }
    Ok((count / CALLERS * CALLERS) as f64 / begun.elapsed().as_secs_f64())
}
