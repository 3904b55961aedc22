//! Gives work to a queue: one task, many, and a chain of two.
//!
//! ```sh
//! REDIS_URL=redis://localhost cargo run -p greenline-queue --example produce
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use greenline_queue::{EnqueueOutcome, Priority, Queue, QueueOptions, TaskSpec};
use greenline_store::{Store, StoreConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://localhost".to_owned());
    let store = Store::connect(StoreConfig::at(url)).await?;
    let queue = Queue::open(store, QueueOptions::default()).await?;

    // One task. Its id makes it one task, however often this runs.
    let mut hello = TaskSpec::command("example-hello".parse()?, ["echo hello"]);
    hello.priority = Priority::High;
    println!("example-hello: {}", queue.enqueue(hello.build()?).await?);

    // Many, in few round trips.
    let many = (0..1_000).map(|n| {
        let id = format!("example-many-{n}").parse()?;
        Ok(TaskSpec::command(id, ["true"]).build()?)
    });
    let tasks = many.collect::<Result<Vec<_>, Box<dyn std::error::Error>>>()?;
    let outcomes = queue.enqueue_many(tasks).await?;
    let new = outcomes.iter().filter(|one| matches!(one, EnqueueOutcome::Created { .. })).count();
    println!("1,000 tasks, of which {new} are new");

    // A task that runs when another has succeeded.
    let build = TaskSpec::command("example-build".parse()?, ["echo building"]);
    let mut test = TaskSpec::command("example-test".parse()?, ["echo testing"]);
    test.depends_on = vec!["example-build".parse()?];
    for outcome in queue.enqueue_many(vec![build.build()?, test.build()?]).await? {
        println!("{outcome}");
    }
    Ok(())
}
