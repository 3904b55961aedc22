//! What becomes of what was seen on GitHub: it is said in the log.

use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::watch::{Handed, Sighting};

/// Notices until it is to stop.
pub(crate) async fn run(mut handed: Receiver<Handed>, stop: CancellationToken) {
    while let Some(Some(one)) = stop.run_until_cancelled(handed.recv()).await {
        notice(&one.sighting);
        one.done();
    }
    // Its sender ends with the same token; nothing ends before it is told to.
    stop.cancelled().await;
}

fn notice(sighting: &Sighting) {
    match sighting {
        Sighting::Failed(failed) => info!(
            repo = %failed.repo,
            check = %failed.check,
            head_sha = %failed.head_sha,
            pull = failed.pull.as_ref().map(|pull| pull.number.0),
            default_branch = failed.on_default_branch,
            "{} failed on {} at {}",
            failed.check,
            failed.repo,
            failed.head_sha.short()
        ),
        other => debug!(?other, "Seen on GitHub"),
    }
}
