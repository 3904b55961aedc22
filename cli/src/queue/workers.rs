//! `greenline queue workers`.

use greenline_queue::WorkerInfo;

use crate::error::ExitStatus;
use crate::print::table::{Align, Cell, Table};
use crate::print::when;
use crate::session::Session;

pub(super) async fn run(session: &Session) -> anyhow::Result<ExitStatus> {
    let workers = session.queue().await?.workers().await?;
    if session.out.json {
        for worker in &workers {
            session.out.object(worker)?;
        }
    } else if workers.is_empty() {
        session.out.note("No worker is alive: `greenline up` or `greenline worker` starts one.");
    } else {
        session.out.block(table(&workers, session.out.width()))?;
    }
    Ok(ExitStatus::Success)
}

fn table(workers: &[WorkerInfo], width: Option<usize>) -> Table {
    let columns = [
        ("worker", Align::Left),
        ("host", Align::Left),
        ("busy", Align::Right),
        ("slots", Align::Right),
        ("seen", Align::Right),
        ("labels", Align::Left),
    ];
    let mut table = Table::new(&columns, width);
    for worker in workers {
        table.row([
            Cell::from(&worker.id),
            Cell::from(&worker.host),
            Cell::from(worker.running),
            Cell::from(worker.slots),
            Cell::from(when::age(worker.seen_at, when::now_ms())),
            Cell::from(worker.labels.join(" ")),
        ]);
    }
    table
}
