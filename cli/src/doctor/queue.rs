//! Checks the queue: its schema, its keys, and tasks that can't run.

use greenline_lead::publish::{halted, set_aside};
use greenline_queue::{Queue, QueueError, QueueStats, SCHEMA, TaskFilter, WorkerInfo};
use greenline_runtime::human;
use greenline_runtime::settings::Settings;
use greenline_store::{Store, StoreError, cmd};

use super::finding::DoctorFinding;
use super::keys::KeyScan;
use crate::connection;
use crate::halt::sentence;

/// The most manual locks to name.
const NAMED: usize = 5;

/// The most listed tasks to look up.
const MOST_LISTED: usize = 5_000;

/// Checks the queue. Opens it only if one exists, because opening writes.
pub(super) async fn check(store: &Store, settings: &Settings) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    let key_scan = match KeyScan::over(store).await {
        Ok(key_scan) => Some(key_scan),
        Err(error) => {
            findings.push(failed("keys", &error.into()));
            None
        }
    };
    findings.extend(key_scan.iter().flat_map(KeyScan::findings));
    match schema(store).await {
        Ok(Some(finding)) => findings.push(finding),
        Ok(None) => {
            findings
                .push(DoctorFinding::info("queue", "nothing was ever enqueued in this database"));
            return findings;
        }
        Err(error) => {
            findings.push(failed("queue", &error.into()));
            return findings;
        }
    }
    let queue = Queue::open(store.clone(), connection::queue_options(&settings.queue)).await;
    let looked = match &queue {
        Ok(queue) => of_queue(queue, key_scan.as_ref()).await,
        Err(error) => Err(error.clone()),
    };
    match looked {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(failed("queue", &error)),
    }
    findings
}

fn failed(about: &'static str, error: &QueueError) -> DoctorFinding {
    DoctorFinding::fail(about, error.to_string())
}

/// Checks the version of the stored data, if there is any.
async fn schema(store: &Store) -> Result<Option<DoctorFinding>, StoreError> {
    let key = format!("{}agent:schema", store.namespace().prefix());
    let found: Option<String> = store.command(cmd("GET").arg(key)).await?;
    Ok(found.map(|found| match found.parse::<u32>() {
        Ok(schema) if schema == SCHEMA => DoctorFinding::ok("queue", format!("schema {schema}")),
        Ok(schema) if schema < SCHEMA => {
            DoctorFinding::ok("queue", format!("schema {schema}, which this program reads"))
        }
        _ => DoctorFinding::fail(
            "queue",
            format!("schema {found}, and this program knows up to {SCHEMA}"),
        )
        .hint("use the newer Greenline that wrote it, or another namespace"),
    }))
}

async fn of_queue(
    queue: &Queue,
    key_scan: Option<&KeyScan>,
) -> Result<Vec<DoctorFinding>, QueueError> {
    let stats = queue.stats().await?;
    let mut findings = vec![workers(&stats), leader(queue).await?];
    findings.extend(unfit(&stats));
    for (what, pause) in queue.paused().await? {
        let name = if what == "all" { "everything" } else { &what };
        let finding = DoctorFinding::warn(
            "queue",
            format!("{name} is paused by {}: {}", pause.by, pause.why),
        );
        findings.push(finding.hint(format!("greenline queue resume {what}")));
    }
    if let Some(halt) = halted(queue.store()).await? {
        findings.push(DoctorFinding::warn("lead", sentence(&halt)).hint("greenline resume"));
    }
    findings.extend(foreign_intents(queue.store()).await?);
    if stats.quarantine > 0 {
        findings.push(quarantine(queue, stats.quarantine).await?);
    }
    if let Some(key_scan) = key_scan {
        findings.extend(locks(queue, key_scan, &stats.workers).await?);
    }
    findings.extend(gone(queue).await?);
    Ok(findings)
}

fn workers(stats: &QueueStats) -> DoctorFinding {
    let waiting = stats.pending;
    if stats.workers.is_empty() {
        let tasks = human::count(waiting, "task waits", "tasks wait");
        return DoctorFinding::warn("workers", format!("none is alive, {tasks}"))
            .hint("start one: greenline up, greenline worker");
    }
    let count = human::count(stats.workers.len() as u64, "worker is", "workers are");
    let slots: u64 = stats.workers.iter().map(|worker| worker.slots).sum();
    DoctorFinding::ok("workers", format!("{count} alive, {} of {slots} slots busy", stats.running))
}

async fn leader(queue: &Queue) -> Result<DoctorFinding, QueueError> {
    Ok(match queue.leader().await? {
        Some((holder, epoch)) => {
            DoctorFinding::ok("lead", format!("{holder} leads, epoch {}", epoch.0))
        }
        None => DoctorFinding::warn("lead", "nobody leads: what has ended is not taken note of")
            .hint("start one: greenline up, greenline lead"),
    })
}

/// Finds routes that no living worker serves.
fn unfit(stats: &QueueStats) -> Vec<DoctorFinding> {
    let unserved = stats.routes.iter().filter(|route| route.workers == 0);
    unserved
        .map(|route| {
            let tasks = human::count(route.pending, "task wants", "tasks want");
            let labels: Vec<&str> = route.route.split('+').skip(1).collect();
            let hint = match labels.as_slice() {
                [] => "start a worker that takes tasks of this type".to_owned(),
                labels => format!("start a worker with GREENLINE_LABELS={}", labels.join(",")),
            };
            let message = format!("{tasks} {}, and no worker that is alive fits", route.route);
            DoctorFinding::warn("queue", message).hint(hint)
        })
        .collect()
}

/// Actions that stood in Redis and that no lead of this deployment has signed.
async fn foreign_intents(store: &Store) -> Result<Option<DoctorFinding>, QueueError> {
    let (count, newest) = set_aside(store).await?;
    let Some(newest) = newest else { return Ok(None) };
    let intents = human::count(count, "action was", "actions were");
    let message = format!(
        "{intents} set aside and not done, the latest: {}, as {}",
        newest.action, newest.why
    );
    let list = format!("{}agent:lead:set_aside", store.namespace().prefix());
    Ok(Some(DoctorFinding::warn("lead", message).hint(format!(
        "if leads have different keys, give them the same GREENLINE_INTENT_KEY; if nobody changed \
         it, another program writes to this Redis: redis-cli LRANGE {list} 0 -1 shows what. Then \
         redis-cli DEL {list}"
    ))))
}

async fn quarantine(queue: &Queue, count: u64) -> Result<DoctorFinding, QueueError> {
    let entries = queue.quarantined().await?;
    let latest =
        entries.first().map_or(String::new(), |entry| format!(", the latest: {}", entry.reason));
    let entries = human::count(count, "entry", "entries");
    Ok(DoctorFinding::warn("queue", format!("{entries} in quarantine{latest}"))
        .hint("greenline queue quarantine shows them; correct whoever pushed them"))
}

/// Finds locks that no worker holds: someone holds a task back.
async fn locks(
    queue: &Queue,
    key_scan: &KeyScan,
    workers: &[WorkerInfo],
) -> Result<Vec<DoctorFinding>, QueueError> {
    let mut findings = Vec::new();
    for some in key_scan.locks.chunks(500) {
        let holders: Vec<Option<String>> = queue.store().command(cmd("MGET").arg(some)).await?;
        for (key, holder) in some.iter().zip(holders) {
            let Some(holder) = holder else { continue };
            let is_workers = workers.iter().any(|worker| worker.id == holder);
            if !is_workers && findings.len() < NAMED {
                findings.push(
                    DoctorFinding::warn(
                        "queue",
                        format!("{key} is held by {holder}, which is no live worker"),
                    )
                    .hint(format!("it goes by itself if it has a term; else redis-cli DEL {key}")),
                );
            }
        }
    }
    Ok(findings)
}

/// Finds tasks that a list names and that don't exist: someone deleted them by hand.
async fn gone(queue: &Queue) -> Result<Option<DoctorFinding>, QueueError> {
    let listed = queue.list(&TaskFilter::default(), MOST_LISTED).await?;
    let gone: Vec<&str> = listed
        .iter()
        .filter(|record| record.status.is_empty())
        .map(|record| record.id.as_str())
        .collect();
    Ok((!gone.is_empty()).then(|| {
        let some = gone[..gone.len().min(NAMED)].join(", ");
        let tasks = human::count(gone.len() as u64, "task is", "tasks are");
        DoctorFinding::warn("queue", format!("{tasks} listed and has no hash: {some}"))
            .hint("nothing to do: the next claim drops it with a note in quarantine")
    }))
}
