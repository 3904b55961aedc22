//! Wires between workers and Redis that are cut, slow, or silent.
//!
//! Nobody dies here, and leases are long: whatever runs twice has been claimed twice.

use std::time::Duration;

use fastrand::Rng;
use greenline_testbed::{Ground, Proxy, Running, Weather};

use crate::house::House;

/// Two workers behind one wire.
async fn workers_behind(house: &House, proxy: &Proxy) -> Vec<Running> {
    let url = proxy.url();
    let behind = [("REDIS_URL", url.as_str())];
    vec![house.worker_with(&behind).await, house.worker_with(&behind).await]
}

async fn assert_each_ran_once(house: &House, ids: &[String]) {
    house.have_ended(ids.len()).await;
    let runs = house.runs();
    assert!(ids.iter().all(|id| runs[id] == 1), "each has run once: {runs:?}");
}

/// Cuts a wire in the middle of an answer, whatever it is about: a claim, a settlement, a
/// heartbeat. Once more whenever something has come of it.
async fn cut_answers(house: &House, proxy: &Proxy, tasks: usize) {
    let mut random = Rng::with_seed(5);
    for ended in 1..=tasks {
        tokio::time::sleep(Duration::from_millis(random.u64(..30))).await;
        proxy.weather(Weather::CutsReplyAfter(random.usize(..100)));
        house.have_ended(ended).await;
    }
    proxy.weather(Weather::Fair);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_lost_are_given_again() {
    let house = House::steady(Ground::default()).await;
    let proxy = Proxy::before(&house.bed.redis).await;
    let workers = workers_behind(&house, &proxy).await;
    let ids = house.enqueue_many("task", 100, "sleep 0.05").await;
    cut_answers(&house, &proxy, ids.len()).await;
    assert_each_ran_once(&house, &ids).await;
    house.close(workers, &[("success", &ids)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wires_may_be_slow_or_go_silent() {
    let house = House::steady(Ground::default()).await;
    let proxy = Proxy::before(&house.bed.redis).await;
    let workers = workers_behind(&house, &proxy).await;
    proxy.weather(Weather::Slow(Duration::from_millis(30)));
    let mut ids = house.enqueue_many("slow", 30, "sleep 0.05").await;
    house.have_ended(15).await;
    for silence in [Weather::LosesReplies, Weather::BlackHole, Weather::Cut] {
        proxy.weather(silence);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    proxy.weather(Weather::Fair);
    ids.extend(house.enqueue_many("fair", 10, "sleep 0.05").await);
    assert_each_ran_once(&house, &ids).await;
    house.close(workers, &[("success", &ids)]).await;
}
