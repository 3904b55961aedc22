//! The worker process of a benchmark: the real claim loop, with a handler that does nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use greenline_queue::{Queue, QueueOptions, Scripts, TaskType};
use greenline_runtime::stopping::Stop;
use greenline_store::{Store, StoreConfig};
use greenline_worker::{Assignment, Attempt, Handler, Verdict, WorkerDaemon, WorkerOptions};

/// The load of a benchmark's worker.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// The duration of each task.
    pub task: Duration,
    /// Prints the delay of each pick-up on standard output.
    pub tell: bool,
}

/// Runs tasks that only take time.
struct Nothing(Load);

impl Handler for Nothing {
    fn run(&self, assignment: Assignment) -> Attempt<'_> {
        let load = self.0;
        Box::pin(async move {
            if load.tell {
                tell_lateness(&assignment);
            }
            if !load.task.is_zero() {
                tokio::time::sleep(load.task).await;
            }
            Verdict::Done("{}".to_owned())
        })
    }
}

/// Prints the µs since the time at the start of the task's prompt.
#[expect(clippy::print_stdout, reason = "this process's output is read by the benchmark")]
fn tell_lateness(assignment: &Assignment) {
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
pub async fn work(url: &str, slots: usize, load: Load, scripts: Scripts) -> anyhow::Result<()> {
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
    let stop = Stop::new();
    let signals = stop.on_signals(|_| {})?;
    let worker = WorkerDaemon::new(queue, options).handle(TaskType::run_command(), Nothing(load));
    tokio::select! {
        done = worker.run(stop) => done,
        never = signals => match never {},
    }
}
