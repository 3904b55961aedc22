//! Finds webhooks that did not arrive, and has them sent again: GitHub never does by itself.
//!
//! An app sees its deliveries; with a token, those of a repository's webhook are seen where it
//! may administer the repository. Where it may not, the sweep finds what was missed, later.

use std::collections::BTreeMap;

use greenline_forge::model::HookDelivery;
use greenline_forge::{DeliveryId, ForgeError, HookId, RepoName};
use greenline_store::{StoreError, cmd};
use tracing::{debug, info};

use super::{Watch, metrics};

/// Deliveries that are looked at, newest first.
const MOST: usize = 500;

/// Most redeliveries requested in one look: each is a writing call.
const AT_ONCE: usize = 30;

/// Most redelivery requests per webhook.
const TRIES: u64 = 3;

/// Older ones are left: sweeps have found what they said.
const OLDEST_MS: u64 = 3 * 3_600_000;

/// One look, where webhooks are expected at all. What goes wrong is tried again by the next one.
pub(super) async fn request_missed(watch: &Watch) {
    if !watch.takes_webhooks {
        return;
    }
    if watch.forge.is_app() {
        log_result("the app", request_for_app(watch).await);
        return;
    }
    for repo in watch.repos.watched() {
        log_result(repo.as_str(), request_for_repo(watch, &repo).await);
    }
}

fn log_result(whose: &str, done: Result<usize, ForgeError>) {
    match done {
        Ok(0) => {}
        Ok(count_request) => {
            info!(count_request, "Asked for webhooks of {whose} again that had not arrived");
        }
        Err(error) => debug!(%error, "The deliveries of {whose} can't be looked at"),
    }
}

async fn request_for_app(watch: &Watch) -> Result<usize, ForgeError> {
    let deliveries = watch.forge.app_deliveries(MOST).await?.items;
    let mut requested = 0;
    for id in ids_to_request(watch, deliveries).await {
        watch.forge.redeliver_to_app(id).await?;
        metrics::redelivered();
        requested += 1;
    }
    Ok(requested)
}

async fn request_for_repo(watch: &Watch, repo: &RepoName) -> Result<usize, ForgeError> {
    let hooks = watch.forge.hooks(repo).await?;
    let ours = hooks.iter().filter(|hook| hook.active && is_ours(&hook.config.url));
    let mut requested = 0;
    for hook in ours {
        requested += request_for_hook(watch, repo, hook.id).await?;
    }
    Ok(requested)
}

/// Returns true if the webhook's address is this lead's. Behind a proxy, only the end of the
/// address is known.
fn is_ours(url: &str) -> bool {
    url.split(['?', '#']).next().is_some_and(|path| path.ends_with("/webhooks/github"))
}

async fn request_for_hook(
    watch: &Watch,
    repo: &RepoName,
    hook: HookId,
) -> Result<usize, ForgeError> {
    let deliveries = watch.forge.hook_deliveries(repo, hook, MOST).await?.items;
    let mut requested = 0;
    for id in ids_to_request(watch, deliveries).await {
        watch.forge.redeliver(repo, hook, id).await?;
        metrics::redelivered();
        requested += 1;
    }
    Ok(requested)
}

/// Those of which no attempt has arrived, one attempt of each.
async fn ids_to_request(watch: &Watch, deliveries: Vec<HookDelivery>) -> Vec<DeliveryId> {
    let oldest = watch.shared.clock.wall_ms().saturating_sub(OLDEST_MS);
    let mut ids = Vec::new();
    for (guid, id) in missed(deliveries, oldest).into_iter().take(AT_ONCE) {
        // Counted before it is asked for: a crash in between costs one try.
        if count_request(watch, &guid).await.is_ok_and(|tries| tries <= TRIES) {
            ids.push(id);
        }
    }
    ids
}

fn missed(deliveries: Vec<HookDelivery>, oldest_ms: u64) -> BTreeMap<String, DeliveryId> {
    let mut missed = BTreeMap::new();
    let mut arrived = std::collections::BTreeSet::new();
    for delivery in deliveries {
        let recent = delivery.delivered_at.is_none_or(|at| at.0 >= oldest_ms);
        if delivery.arrived() {
            arrived.insert(delivery.guid);
        } else if recent && !delivery.guid.is_empty() {
            missed.entry(delivery.guid).or_insert(delivery.id);
        }
    }
    missed.retain(|guid, _| !arrived.contains(guid));
    missed
}

async fn count_request(watch: &Watch, guid: &str) -> Result<u64, StoreError> {
    const KEPT_MS: u64 = 86_400_000;
    let key = watch.event_store.key(&format!("redelivered:{guid}"));
    let store = watch.event_store.store();
    let tries: u64 = store.command(cmd("INCR").arg(&key)).await?;
    let _: u64 = store.command(cmd("PEXPIRE").arg(&key).arg(KEPT_MS)).await?;
    Ok(tries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(id: u64, guid: &str, status: u16, at: &str) -> HookDelivery {
        let text = format!(
            r#"{{"id":{id},"guid":"{guid}","status_code":{status},"delivered_at":"{at}"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn what_arrived_in_the_end_is_not_asked_for() {
        let at = "2026-01-01T10:00:00Z";
        let list = vec![
            delivery(6, "late", 202, at),
            delivery(5, "late", 503, at),
            delivery(4, "lost", 0, at),
            delivery(3, "lost", 503, at),
            delivery(2, "fine", 200, at),
            delivery(1, "old", 502, "2025-12-31T00:00:00Z"),
        ];
        let oldest = greenline_forge::Timestamp::parse(at).unwrap().0 - OLDEST_MS;
        assert_eq!(missed(list, oldest), [("lost".to_owned(), DeliveryId(4))].into());
    }

    #[test]
    fn our_hook_is_known_by_the_end_of_its_address() {
        assert!(is_ours("https://ci.acme.example/greenline/webhooks/github"));
        assert!(!is_ours("https://ci.acme.example/webhooks/github/other"));
    }
}
