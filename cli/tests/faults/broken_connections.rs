//! Wires between workers and Redis that are cut, slow, or silent.
//!
//! Nobody dies here, and leases are long: whatever runs twice has been claimed twice.

use std::time::Duration;

use fastrand::Rng;
use greenline_testbed::{BedOptions, FaultyProxy, InjectedFault, Running};

use crate::cluster::TestCluster;

/// Two workers behind one wire.
async fn workers_behind(cluster: &TestCluster, proxy: &FaultyProxy) -> Vec<Running> {
    let url = proxy.url();
    let behind = [("REDIS_URL", url.as_str())];
    vec![cluster.worker_with(&behind).await, cluster.worker_with(&behind).await]
}

async fn assert_each_ran_once(cluster: &TestCluster, ids: &[String]) {
    cluster.have_ended(ids.len()).await;
    let runs = cluster.runs();
    assert!(ids.iter().all(|id| runs[id] == 1), "each has run once: {runs:?}");
}

/// Cuts a wire in the middle of an answer, whatever it is about: a claim, a settlement, a
/// heartbeat. Once more whenever something has come of it.
async fn cut_answers(cluster: &TestCluster, proxy: &FaultyProxy, tasks: usize) {
    let mut random = Rng::with_seed(5);
    for ended in 1..=tasks {
        tokio::time::sleep(Duration::from_millis(random.u64(..30))).await;
        proxy.fault(InjectedFault::CutsReplyAfter(random.usize(..100)));
        cluster.have_ended(ended).await;
    }
    proxy.fault(InjectedFault::None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_lost_are_given_again() {
    let cluster = TestCluster::steady(BedOptions::default()).await;
    let proxy = FaultyProxy::before(&cluster.bed.redis).await;
    let workers = workers_behind(&cluster, &proxy).await;
    let ids = cluster.enqueue_many("task", 100, "sleep 0.05").await;
    cut_answers(&cluster, &proxy, ids.len()).await;
    assert_each_ran_once(&cluster, &ids).await;
    cluster.close(workers, &[("success", &ids)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wires_may_be_slow_or_go_silent() {
    let cluster = TestCluster::steady(BedOptions::default()).await;
    let proxy = FaultyProxy::before(&cluster.bed.redis).await;
    let workers = workers_behind(&cluster, &proxy).await;
    proxy.fault(InjectedFault::Slow(Duration::from_millis(30)));
    let mut ids = cluster.enqueue_many("slow", 30, "sleep 0.05").await;
    cluster.have_ended(15).await;
    for silence in [InjectedFault::LosesReplies, InjectedFault::BlackHole, InjectedFault::Cut] {
        proxy.fault(silence);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    proxy.fault(InjectedFault::None);
    ids.extend(cluster.enqueue_many("fair", 10, "sleep 0.05").await);
    assert_each_ran_once(&cluster, &ids).await;
    cluster.close(workers, &[("success", &ids)]).await;
}
