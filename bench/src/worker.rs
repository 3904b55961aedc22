//! The worker process of a benchmark: the real claim loop, with a handler that does nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use greenline_queue::{Queue, QueueOptions, Scripts, TaskType};
use greenline_runtime::shutdown::Shutdown;
use greenline_store::{Store, StoreConfig};
use greenline_worker::{
    Assignment, AttemptFuture, Handler, TaskOutcome, WorkerDaemon, WorkerOptions,
};

/// The load of a benchmark's worker.
#[derive(Debug, Clone, Copy)]
pub struct WorkerLoad {
    /// The duration of each task.
    pub task: Duration,
    /// Prints the delay of each pick-up on standard output.
    pub report_lateness: bool,
}

/// Runs tasks that only take time.
struct NoopHandler(WorkerLoad);

impl Handler for NoopHandler {
    fn run(&self, assignment: Assignment) -> AttemptFuture<'_> {
        let load = self.0;
        Box::pin(async move {
            if load.report_lateness {
                print_lateness(&assignment);
            }
            if !load.task.is_zero() {
                tokio::time::sleep(load.task).await;
            }
            TaskOutcome::Done("{}".to_owned())
        })
    }
}

/// Prints the µs since the time at the start of the task's prompt.
#[expect(clippy::print_stdout, reason = "this process's output is read by the benchmark")]
fn print_lateness(assignment: &Assignment) {
    let prompt = assignment.task.spec().prompt.as_deref().unwrap_or_default();
    let sent: Option<u128> = prompt.split(' ').next().and_then(|text| text.parse().ok());
    if let Some(sent) = sent {
        println!("{}", crate::clock::now_us().saturating_sub(sent));
    }
}

/// Works until the process is told to stop, with scripts that may lack a part.
///
/// # Errors
///
/// When Redis can't be reached or used.
pub async fn work(
    url: &str,
    slots: usize,
    load: WorkerLoad,
    scripts: Scripts,
) -> anyhow::Result<()> {
    let store = Store::connect(StoreConfig::at(url)).await?;
    let queue = Queue::open_with(store, QueueOptions::default(), scripts).await?;
    let options = WorkerOptions {
        id: format!("bench-{}-{}", std::process::id(), crate::clock::now_us()).parse()?,
        labels: BTreeSet::new(),
        slots,
        prefetch: 0,
        heartbeat: Duration::from_secs(5),
        grace: Duration::from_secs(30),
        host: "bench".to_owned(),
    };
    let stop = Shutdown::new();
    let signals = stop.on_signals(|_| {})?;
    let worker =
        WorkerDaemon::new(queue, options).handle(TaskType::run_command(), NoopHandler(load));
    tokio::select! {
        done = worker.run(stop) => done,
        never = signals => match never {},
    }
}
