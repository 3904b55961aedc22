//! Making tasks for stories.

use greenline_queue::{EnqueueOutcome, Task, TaskId, TaskSpec, TaskStatus};
use greenline_testbed::TestBed;

pub(crate) fn id(text: &str) -> TaskId {
    text.parse().unwrap()
}

/// A task that runs `true`.
pub(crate) fn task(text: &str) -> Task {
    task_with(text, |_| {})
}

/// The same, changed.
pub(crate) fn task_with(text: &str, change: impl FnOnce(&mut TaskSpec)) -> Task {
    let mut spec = TaskSpec::command(id(text), ["true"]);
    change(&mut spec);
    spec.build().unwrap()
}

/// The same under a `concurrency_key`.
pub(crate) fn keyed(text: &str, key: &str) -> Task {
    task_with(text, |spec| spec.concurrency_key = Some(key.parse().unwrap()))
}

/// The same with parents.
pub(crate) fn child(text: &str, parents: &[&str]) -> Task {
    task_with(text, |spec| spec.depends_on = parents.iter().map(|parent| id(parent)).collect())
}

/// Enqueues a task; the status it was filed with.
pub(crate) async fn file(bed: &TestBed, task: Task) -> TaskStatus {
    match bed.queue.enqueue(task).await.unwrap() {
        EnqueueOutcome::Created { status } => status,
        other => panic!("not filed: {other}"),
    }
}

/// Enqueues plain tasks of these ids.
pub(crate) async fn file_all(bed: &TestBed, ids: &[&str]) {
    for text in ids {
        file(bed, task(text)).await;
    }
}
