//! A worker in few lines: claims tasks, renews its claims, settles them.
//!
//! For a real one take `greenline-worker`, which also stops in two steps, starts
//! what it prefetched, and stands a Redis that goes away.
//!
//! ```sh
//! REDIS_URL=redis://localhost cargo run -p greenline-queue --example work
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeSet;
use std::time::Duration;

use greenline_queue::{ClaimRequest, HeartbeatReply, Queue, QueueOptions, TaskType, WorkerProfile};
use greenline_store::{Store, StoreConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://localhost".to_owned());
    let store = Store::connect(StoreConfig::at(url)).await?;
    let queue = Queue::open(store, QueueOptions::default()).await?;
    let mut worker = queue.worker(WorkerProfile {
        // A fresh id for each process.
        id: format!("example-{}", std::process::id()).parse()?,
        types: BTreeSet::from([TaskType::run_command()]),
        labels: BTreeSet::new(),
        slots: 8,
        host: "example".to_owned(),
        version: "1".to_owned(),
    });
    let me = worker.profile().clone();
    let mut waiter = worker.waiter();
    let short = BTreeSet::new();
    loop {
        queue.heartbeat(&me, &[], &[]).await?;
        let appetite = ClaimRequest { start: me.slots, prefetch: 0, short: &short, running: 0 };
        let claimed = worker.claim(appetite).await?;
        for claim in &claimed.tasks {
            let task = claim.task()?;
            println!("{} (attempt {}): {}", claim.id, claim.attempt, task.payload());

            // Long work renews its claim, at least three times per lease.
            let held = [(claim.id.clone(), claim.fence.clone())];
            if queue.heartbeat(&me, &[], &held).await? != [HeartbeatReply::Held] {
                continue; // Lost, or called off.
            }
            let settled = queue.complete(&me.id, claim, r#"{"said":"hello"}"#.to_owned()).await?;
            println!("{}: {settled:?}", claim.id);
        }
        queue.tick().await?;
        if claimed.tasks.is_empty() && !claimed.more {
            // Whoever wants to stop a worker stops this wait.
            let Ok(woken) = tokio::time::timeout(Duration::from_secs(10), waiter.wait()).await
            else {
                break;
            };
            woken?;
        }
    }
    queue.unregister(&me.id).await?;
    Ok(())
}
