//! Reasons why a task does not run yet: what it waits for, and what would help.

use greenline_queue::{
    Approval, Queue, QueueError, TaskDetails, TaskFilter, TaskId, TaskStatus, WorkerInfo,
};
use greenline_runtime::human;

use super::pause::sentence;
use crate::print::when;

/// The most running tasks to check for the holder of a concurrency key.
const MOST_RUNNING: usize = 2_000;

/// Returns sentences, the most informative first; none for an ended task.
pub(super) async fn gather(
    queue: &Queue,
    task: &TaskDetails,
    approval: Option<&Approval>,
) -> Result<Vec<String>, QueueError> {
    let Ok(status) = task.record.status.parse::<TaskStatus>() else { return Ok(vec![]) };
    Ok(match status {
        TaskStatus::Pending => of_pending(queue, task).await?,
        TaskStatus::Scheduled => vec![of_scheduled(task)],
        TaskStatus::Waiting => of_waiting(queue, &task.record.depends_on).await?,
        TaskStatus::Blocked => vec![of_blocked(queue, task).await?],
        TaskStatus::AwaitingApproval => vec![of_approval(task, approval)],
        TaskStatus::Running => of_running(task),
        TaskStatus::Success | TaskStatus::Failed | TaskStatus::Cancelled => vec![],
    })
}

async fn of_pending(queue: &Queue, task: &TaskDetails) -> Result<Vec<String>, QueueError> {
    let mut why = Vec::new();
    let route = task.record.route.as_deref();
    for (what, pause) in queue.paused().await? {
        let about_route = what.strip_prefix("route:").is_some_and(|paused| Some(paused) == route);
        let about_type = what.strip_prefix("type:") == Some(&task.record.kind);
        if what == "all" || about_route || about_type {
            why.push(format!(
                "{}; `greenline queue resume {what}` goes on",
                sentence(&what, &pause)
            ));
        }
    }
    let workers = queue.workers().await?;
    why.push(of_workers(&workers, &task.record.kind, route));
    if let Some(holder) = &task.lock {
        why.push(format!(
            "its lock is held by {holder}: a claim puts it off by 5 s until that is gone"
        ));
    }
    Ok(why)
}

/// Describes the part of the workers.
fn of_workers(workers: &[WorkerInfo], kind: &str, route: Option<&str>) -> String {
    if workers.is_empty() {
        return "no worker is alive: `greenline up` or `greenline worker` starts one".to_owned();
    }
    let wanted = route.unwrap_or(kind);
    let able: Vec<&WorkerInfo> = workers.iter().filter(|worker| worker.suits(wanted)).collect();
    if able.is_empty() {
        return no_worker_fits(workers, wanted);
    }
    let (slots, busy) = able
        .iter()
        .fold((0, 0), |(slots, busy), worker| (slots + worker.slots, busy + worker.running));
    let alone = if wanted.starts_with('!') {
        "; it may have killed its workers, so it runs alone on one"
    } else {
        ""
    };
    let count = human::count(able.len() as u64, "worker", "workers");
    format!("{count} could take it, {busy} of {slots} slots are busy{alone}")
}

fn no_worker_fits(workers: &[WorkerInfo], wanted: &str) -> String {
    let mut words = wanted.trim_start_matches('!').split('+');
    let kind = words.next().unwrap_or_default();
    if !workers.iter().any(|worker| worker.types.iter().any(|known| known == kind)) {
        return format!("no worker that is alive takes tasks of type {kind}");
    }
    let has =
        |label: &str| workers.iter().any(|worker| worker.labels.iter().any(|own| own == label));
    let labels: Vec<&str> = words.collect();
    match labels.iter().find(|label| !has(label)) {
        Some(label) => format!(
            "no worker with label {label} is alive: start one with GREENLINE_LABELS={}",
            labels.join(",")
        ),
        None => format!("no worker that is alive has all of its labels: {}", labels.join(", ")),
    }
}

fn of_scheduled(task: &TaskDetails) -> String {
    let at = task.scheduled_for.map_or("soon".to_owned(), |at| when::age(at, when::now_ms()));
    if let Some(holder) = &task.lock {
        return format!("its lock is held by {holder}; it is tried again {at}");
    }
    match (&task.record.error, task.record.attempt) {
        (Some(_), 1..) => format!("its last attempt failed; the next one is {at}"),
        _ if task.task.get("not_before").is_some_and(|time| !time.is_null()) => {
            format!("it is not to run before its time, {at}")
        }
        _ => format!("its type is limited per minute, or its lock was held; it is tried {at}"),
    }
}

async fn of_waiting(queue: &Queue, parents: &[String]) -> Result<Vec<String>, QueueError> {
    let mut why = Vec::new();
    for parent in parents {
        let Ok(id) = parent.parse::<TaskId>() else { continue };
        match queue.record(&id).await? {
            Some(record) if record.status == TaskStatus::Success.as_str() => {}
            Some(record) => why.push(format!("it waits for {parent}, which is {}", record.status)),
            None => why.push(format!("it waits for {parent}, which is gone")),
        }
    }
    Ok(why)
}

async fn of_blocked(queue: &Queue, task: &TaskDetails) -> Result<String, QueueError> {
    let key = task.record.blocked_by.as_deref().unwrap_or_default();
    if let Some(what) = key.strip_prefix('@') {
        return Ok(match queue.paused().await?.get(what) {
            Some(pause) => {
                format!("{}; `greenline queue resume {what}` goes on", sentence(what, pause))
            }
            None => format!("{what} was paused and is not any more: it goes on within seconds"),
        });
    }
    let filter = TaskFilter { statuses: [TaskStatus::Running].into(), ..TaskFilter::default() };
    let running = queue.list(&filter, MOST_RUNNING).await?;
    let holder =
        running.iter().find(|other| concurrency_key(&other.payload).as_deref() == Some(key));
    Ok(match holder {
        Some(holder) => format!("{} runs, and one task of {key} runs at a time", holder.id),
        None => format!("another task of {key} comes first, and one runs at a time"),
    })
}

fn concurrency_key(payload: &str) -> Option<String> {
    let task: serde_json::Value = serde_json::from_str(payload).ok()?;
    task.get("concurrency_key")?.as_str().map(str::to_owned)
}

fn of_approval(task: &TaskDetails, approval: Option<&Approval>) -> String {
    let id = &task.record.id;
    let until = approval.map_or(String::new(), |approval| {
        format!(", until {}", when::clock(approval.expires_at, when::now_ms()))
    });
    format!("a person has to say yes{until}: greenline approvals approve {id}")
}

fn of_running(task: &TaskDetails) -> Vec<String> {
    let mut why = Vec::new();
    if let Some(asked) = &task.record.cancel_requested {
        why.push(format!("{asked}: its worker stops it at its next heartbeat"));
    }
    if task.lease_until.is_some_and(|end| end < when::now_ms()) {
        why.push(
            "its worker has stopped renewing the lease: it goes to another within seconds"
                .to_owned(),
        );
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(labels: &[&str]) -> WorkerInfo {
        WorkerInfo {
            id: "w".to_owned(),
            host: String::new(),
            version: String::new(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            types: vec!["run_command".to_owned()],
            slots: 4,
            running: 1,
            seen_at: 0,
        }
    }

    #[test]
    fn a_label_that_nobody_has_is_named() {
        let workers = [worker(&["linux"])];
        let why = |route| of_workers(&workers, "run_command", route);
        assert_eq!(why(None), "1 worker could take it, 1 of 4 slots are busy");
        assert_eq!(why(Some("run_command+linux")), why(None));
        assert!(
            why(Some("run_command+gpu+linux")).starts_with("no worker with label gpu is alive")
        );
        assert!(why(Some("deploy_step")).contains("type deploy_step"));
        assert!(why(Some("!run_command")).contains("alone"));
        assert!(of_workers(&[], "run_command", None).contains("greenline worker"));
    }

    #[test]
    fn labels_that_nobody_has_together_are_named() {
        let workers = [worker(&["linux"]), worker(&["gpu"])];
        let why = of_workers(&workers, "run_command", Some("run_command+gpu+linux"));
        assert_eq!(why, "no worker that is alive has all of its labels: gpu, linux");
    }
}
