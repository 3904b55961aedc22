//! Watches a queue: its numbers, what happens in it, and what has ended.
//!
//! ```sh
//! REDIS_URL=redis://localhost cargo run -p greenline-queue --example watch
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use greenline_queue::{Queue, QueueOptions};
use greenline_store::{Store, StoreConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://localhost".to_owned());
    let store = Store::connect(StoreConfig::at(url)).await?;
    let queue = Queue::open(store, QueueOptions::default()).await?;

    let stats = queue.stats().await?;
    println!("{} pending, {} running, {} dead", stats.pending, stats.running, stats.dead);

    // Hints, as they come: good for a screen, not for bookkeeping.
    let mut events = queue.events("$");
    for _ in 0..10 {
        for event in events.next(Duration::from_secs(1)).await? {
            println!("{} {}", event.what, event.ids.join(" "));
        }
    }

    // The truth about what has ended: each task stays here until it is acknowledged. The lead
    // does that, so this example only looks.
    for task in queue.outbox(20).await? {
        println!("{}: {} after {} attempts", task.id, task.status, task.attempt);
    }
    Ok(())
}
