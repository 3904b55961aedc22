//! Rights: the users that `deploy/make-secrets` makes can do what is theirs to
//! do, and no more.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use greenline_queue::{
    ApprovalDecision, ApprovalOutcome, Epoch, HeartbeatReply, Leadership, NewLogPiece, Queue,
    QueueChannel, QueueError, Settlement, StartReply, TaskSigningKey, TaskStatus,
};
use greenline_store::{Credentials, StoreConfig, StoreError};
use greenline_testbed::{ManualWorker, TestBed};

use crate::tasks::{child, file, file_all, id, keyed, task, task_with};

on_a_fresh_bed! {
    a_worker_may_do_all_that_a_worker_does
    a_worker_takes_in_a_task_that_needs_a_yes
    a_worker_may_neither_approve_nor_lead
    a_worker_that_was_taken_over_runs_nothing_that_waits_for_a_yes
    a_worker_is_heard_on_the_queues_channels_only_and_marks_no_database
    a_worker_may_come_before_anyone_else
    an_operator_ends_a_script_that_does_not_end
    a_lead_may_do_all_that_a_lead_does
    keys_that_a_deployment_is_made_with_fit_each_other
    a_deployments_redis_that_starts_again_has_kept_its_tasks
    nobody_reaches_another_namespace
    a_wrong_password_is_told
}

/// What `deploy/make-secrets` has made, and the users in this bed's Redis.
struct Users {
    secrets: PathBuf,
}

impl Users {
    async fn of(bed: &TestBed, arguments: &[&str]) -> Self {
        let secrets = bed.folder().join("secrets");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/make-secrets");
        let made = Command::new("bash").arg(script).args(arguments).arg(&secrets).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let rules = std::fs::read_to_string(secrets.join("redis_acl")).unwrap();
        for line in rules.lines().filter(|line| !line.starts_with("user default")) {
            let words: Vec<&str> =
                ["ACL", "SETUSER"].into_iter().chain(line.split(' ').skip(1)).collect();
            bed.redis_words::<String>(&words).await;
        }
        Self { secrets }
    }

    fn config(&self, bed: &TestBed, user: &str) -> StoreConfig {
        let file = self.secrets.join(format!("redis_{user}_password"));
        let password = std::fs::read_to_string(file).unwrap();
        let credentials = Credentials { username: Some(user.to_owned()), password: Some(password) };
        StoreConfig { credentials, ..StoreConfig::at(bed.redis.url()) }
    }

    async fn queue(&self, bed: &TestBed, user: &str) -> Queue {
        bed.queue_by(self.config(bed, user)).await
    }
}

fn is_denied<T>(answer: Result<T, QueueError>) -> bool {
    matches!(answer, Err(QueueError::Store(StoreError::Denied(_))))
}

async fn a_worker_may_do_all_that_a_worker_does(bed: TestBed) {
    let queue = Users::of(&bed, &[]).await.queue(&bed, "worker").await;
    file_all(&bed, &["done", "failed", "released", "dead"]).await;
    file(&bed, child("child", &["done"])).await;
    file(&bed, keyed("key-1", "pr")).await;
    file(&bed, keyed("key-2", "pr")).await;
    let profile = bed.worker("w").await.profile().clone();
    let mut messages = Box::pin(queue.listen(QueueChannel::Completed).await.unwrap());
    let mut manual_worker = ManualWorker::of(queue.clone(), queue.worker(profile.clone()));
    let claims = manual_worker.try_claim(1, 3).await.unwrap().tasks;
    assert_eq!(claims.len(), 4);
    let held: Vec<_> = claims.iter().map(|one| (one.id.clone(), one.fence.clone())).collect();
    assert_eq!(queue.start(&held[1..]).await.unwrap(), [StartReply::Go; 3]);
    assert_eq!(
        manual_worker.beat(&claims.iter().collect::<Vec<_>>()).await,
        vec![HeartbeatReply::Held; 4]
    );
    let piece = NewLogPiece { attempt: 1, stream: "out", text: "hello".to_owned() };
    queue.write_log(&claims[0].id, &[piece]).await.unwrap();
    assert_eq!(queue.read_log(&claims[0].id, "0").await.unwrap().len(), 1);
    assert_eq!(manual_worker.complete(&claims[0]).await, Settlement::Accepted);
    assert_eq!(futures_util::StreamExt::next(&mut messages).await.unwrap(), "done");
    assert_eq!(manual_worker.fail(&claims[1]).await, Settlement::WillRetry);
    assert_eq!(manual_worker.release(&claims[2]).await, Settlement::Accepted);
    // Time, the walk and waiting are everyone's.
    for _ in 0..10 {
        bed.clock.advance(Duration::from_secs(2));
        queue.tick_now().await.unwrap();
    }
    assert_eq!(bed.status("dead").await, TaskStatus::Pending);
    queue.worker(profile).waiter().wait().await.unwrap();
    let claims = manual_worker.claim(8).await;
    assert_eq!(claims.len(), 5);
    for claim in &claims {
        assert_eq!(manual_worker.complete(claim).await, Settlement::Accepted);
    }
    assert_eq!(queue.stats().await.unwrap().pending, 1);
    queue.unregister(&manual_worker.id()).await.unwrap();
}

async fn a_worker_takes_in_a_task_that_needs_a_yes(bed: TestBed) {
    let users = Users::of(&bed, &[]).await;
    let (worker, lead) = (users.queue(&bed, "worker").await, users.queue(&bed, "lead").await);
    let json = |text: &str| {
        let asked = task_with(text, |spec| spec.requires_approval = true);
        asked.payload().to_owned()
    };
    for text in ["a", "b"] {
        bed.redis_words::<u64>(&["LPUSH", "agent:tasks:pending", &json(text)]).await;
    }
    let profile = bed.worker("w").await.profile().clone();
    let mut manual_worker = ManualWorker::of(worker.clone(), worker.worker(profile));
    while manual_worker.try_claim(2, 0).await.unwrap().more {}
    assert_eq!(bed.status("a").await, TaskStatus::AwaitingApproval);
    // Written by the first who may: here by the lead's tick.
    assert!(bed.keys("agent:approval:*").await.is_empty());
    for _ in 0..3 {
        lead.tick_now().await.unwrap();
    }
    let hash = lead.approval("a").await.unwrap().unwrap().content_hash;
    let yes = ApprovalDecision { approval: "a", content_hash: &hash, who: "ada", why: "" };
    assert_eq!(lead.approve(&yes).await.unwrap(), ApprovalOutcome::Done);
    let claim = manual_worker.claim_one().await;
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);
    // The other's time runs out while only workers tick.
    bed.clock.advance(Duration::from_hours(8 * 24));
    assert_eq!(worker.tick_now().await.unwrap().expired, 1);
    assert_eq!(bed.status("b").await, TaskStatus::Cancelled);
    let late = ApprovalDecision { approval: "b", ..yes };
    assert_ne!(lead.approve(&late).await.unwrap(), ApprovalOutcome::Done);
}

async fn a_worker_may_neither_approve_nor_lead(bed: TestBed) {
    let queue = Users::of(&bed, &[]).await.queue(&bed, "worker").await;
    file(&bed, task_with("a", |spec| spec.requires_approval = true)).await;
    let hash = queue.approval("a").await.unwrap().unwrap().content_hash;
    let yes = ApprovalDecision { approval: "a", content_hash: &hash, who: "eve", why: "" };
    assert!(is_denied(queue.approve(&yes).await));
    assert_eq!(bed.status("a").await, TaskStatus::AwaitingApproval, "nothing has moved");
    assert!(is_denied(queue.lead("eve", Duration::from_secs(5)).await));
    let Leadership::Ours(epoch) = bed.queue.lead("one", Duration::from_secs(60)).await.unwrap()
    else {
        panic!("nobody else leads")
    };
    assert!(is_denied(queue.begin_intent(epoch, "a", "{}").await));
    let (publish, term) = (id("publish-a"), Duration::from_secs(9));
    let asked = queue.request_approval(&publish, &id("a"), "h", "a patch", "eve", term).await;
    assert!(is_denied(asked));
    assert_eq!(bed.queue.leader().await.unwrap(), Some(("one".to_owned(), epoch)));
    for command in [
        "FLUSHALL",
        "KEYS *",
        "CONFIG SET maxmemory 1",
        "CONFIG GET masterauth",
        "SCRIPT KILL",
        "SET other 1",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let mut call = greenline_store::cmd(words[0]);
        call.arg(&words[1..]);
        let answer = queue.store().command::<greenline_store::Value>(&call).await;
        assert!(matches!(answer, Err(StoreError::Denied(_))), "{command}: {answer:?}");
    }
}

async fn a_worker_is_heard_on_the_queues_channels_only_and_marks_no_database(bed: TestBed) {
    for namespace in ["", "acme"] {
        let arguments: Vec<&str> =
            if namespace.is_empty() { vec![] } else { vec!["--namespace", namespace] };
        let users = Users::of(&bed, &arguments).await;
        let mut config = users.config(&bed, "worker");
        if !namespace.is_empty() {
            config = config.in_namespace(namespace.parse().unwrap());
        }
        let prefix = config.namespace.prefix().to_owned();
        let worker = greenline_store::Store::connect(config).await.unwrap();
        let answer = async |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let mut call = greenline_store::cmd(words[0]);
            call.arg(&words[1..]);
            worker.command::<greenline_store::Value>(&call).await
        };
        for channel in ["new", "completed", "failed"] {
            let line = format!("PUBLISH {prefix}agent:tasks:{channel} a");
            assert!(answer(&line).await.is_ok(), "{line}");
        }
        for command in [
            "PUBLISH agent:lead:anything x",
            "PUBLISH agent:tasks:other x",
            "SUBSCRIBE agent:lead:anything",
            "SET agent:schema 9",
            "DEL agent:schema",
            "HSET agent:lead:halt by eve",
            "DEL agent:lead:halt",
            "SET agent:lead:epoch 99",
            "HSET agent:lead:intent:x state open",
            "HSET agent:approval:x state approved",
        ] {
            let command = command.replace("agent:", &format!("{prefix}agent:"));
            let denied = answer(&command).await;
            assert!(matches!(denied, Err(StoreError::Denied(_))), "{command}: {denied:?}");
        }
        let script = format!("return redis.call('PUBLISH','{prefix}agent:lead:x','y')");
        let mut call = greenline_store::cmd("EVAL");
        call.arg(script).arg(0);
        let denied = worker.command::<greenline_store::Value>(&call).await;
        assert!(matches!(denied, Err(StoreError::Denied(_))), "{denied:?}");
    }
}

async fn a_worker_may_come_before_anyone_else(bed: TestBed) {
    let users = Users::of(&bed, &[]).await;
    bed.redis::<u64>("DEL agent:schema").await;
    let worker = users.queue(&bed, "worker").await;
    worker.tick_now().await.unwrap();
    assert!(bed.keys("agent:schema").await.is_empty());
    users.queue(&bed, "lead").await;
    assert_eq!(bed.redis::<String>("GET agent:schema").await, "1");
}

async fn an_operator_ends_a_script_that_does_not_end(bed: TestBed) {
    let users = Users::of(&bed, &[]).await;
    let (worker, operator) =
        (users.queue(&bed, "worker").await, users.queue(&bed, "operator").await);
    bed.redis::<String>("CONFIG SET busy-reply-threshold 50").await;
    let mut endless = greenline_store::cmd("EVAL");
    endless.arg("while true do end").arg(0);
    let running =
        tokio::spawn(
            async move { worker.store().command::<greenline_store::Value>(&endless).await },
        );
    let end = std::time::Instant::now() + Duration::from_secs(30);
    let mut kill = greenline_store::cmd("SCRIPT");
    kill.arg("KILL");
    // Not yet running, or not yet for long: then there is nothing to end.
    while operator.store().command::<String>(&kill).await.is_err() {
        assert!(std::time::Instant::now() < end, "nobody ended it");
        tokio::task::yield_now().await;
    }
    assert!(running.await.unwrap().is_err());
    let mut settings = greenline_store::cmd("CONFIG");
    settings.arg("GET").arg("appendfsync");
    operator.store().command::<Vec<String>>(&settings).await.unwrap();
}

async fn a_worker_that_was_taken_over_runs_nothing_that_waits_for_a_yes(bed: TestBed) {
    let users = Users::of(&bed, &[]).await;
    let (taken, lead) = (users.queue(&bed, "worker").await, users.queue(&bed, "lead").await);
    let as_worker = async |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let mut call = greenline_store::cmd(words[0]);
        call.arg(&words[1..]);
        taken.store().command::<greenline_store::Value>(&call).await
    };
    lead.enqueue(task_with("needsyes", |spec| spec.requires_approval = true)).await.unwrap();
    let mut profile = bed.worker("w").await.profile().clone();
    profile.labels = ["x".parse().unwrap()].into();
    let mut honest = ManualWorker::of(taken.clone(), taken.worker(profile));
    as_worker("HSET agent:tasks:routes run_command+x 1").await.unwrap();
    for list in
        ["pending", "pending:critical", "pending@run_command+x", "pending:high@run_command+x"]
    {
        as_worker("HSET agent:task:needsyes status pending").await.unwrap();
        as_worker(&format!("RPUSH agent:tasks:{list} needsyes")).await.unwrap();
        for _ in 0..3 {
            assert!(honest.claim(4).await.is_empty(), "{list}");
        }
        assert_eq!(bed.status("needsyes").await, TaskStatus::AwaitingApproval);
        let question = lead.approval("needsyes").await.unwrap().unwrap();
        assert_eq!(question.state, "open", "it waits as before");
    }
    for line in [
        "HSET agent:approval:needsyes state approved",
        "DEL agent:approval:needsyes",
        "COPY agent:task:needsyes agent:approval:needsyes REPLACE",
    ] {
        assert!(matches!(as_worker(line).await, Err(StoreError::Denied(_))), "{line}");
    }
    // With all that the queue's scripts go by taken out of the hash: quarantine.
    as_worker("HDEL agent:task:needsyes approval_hash approval_expires").await.unwrap();
    as_worker("HSET agent:task:needsyes status pending").await.unwrap();
    as_worker("RPUSH agent:tasks:pending needsyes").await.unwrap();
    assert!(honest.claim(4).await.is_empty());
    let record = bed.record("needsyes").await;
    assert_eq!((&*record.status, record.retry_count), ("failed", 0));
    assert!(record.error.unwrap().contains("needs a person's yes"));
    assert!(honest.claim(4).await.is_empty(), "and it does not come back");
}

async fn a_lead_may_do_all_that_a_lead_does(bed: TestBed) {
    let queue = Users::of(&bed, &[]).await.queue(&bed, "lead").await;
    let Leadership::Ours(epoch) = queue.lead("one", Duration::from_secs(60)).await.unwrap() else {
        panic!("nobody else leads")
    };
    queue.begin_intent(epoch, "a", "{}").await.unwrap();
    queue.end_intent(epoch, "a", "{}").await.unwrap();
    assert!(epoch > Epoch(0));
    queue.enqueue(task("a")).await.unwrap();
    queue.enqueue(task_with("b", |spec| spec.requires_approval = true)).await.unwrap();
    queue.pause(&"all".parse().unwrap(), "ada", "a look").await.unwrap();
    queue.resume(&"all".parse().unwrap()).await.unwrap();
    queue.limit(&"run_command".parse().unwrap(), Some(5)).await.unwrap();
    queue.cancel(&[id("a")], "enough").await.unwrap();
    queue.retry(&[id("a")], "ada", false).await.unwrap();
    queue.tick_now().await.unwrap();
    queue.stats().await.unwrap();
    assert_eq!(queue.outbox_len().await.unwrap(), 0);
    assert!(queue.resign("one").await.unwrap());
    assert!(queue.store().facts().await.unwrap().check().is_ok());
}

async fn keys_that_a_deployment_is_made_with_fit_each_other(bed: TestBed) {
    let read = |users: &Users| {
        let text = |name| std::fs::read_to_string(users.secrets.join(name)).unwrap();
        let private: TaskSigningKey = text("task_key").parse().unwrap();
        (private.public().to_string(), text("task_public_key"))
    };
    let users = Users::of(&bed, &[]).await;
    let (first, trusted) = read(&users);
    assert_eq!(trusted, first);
    assert_eq!(read(&Users::of(&bed, &[]).await), (first.clone(), trusted), "kept");
    let (second, trusted) = read(&Users::of(&bed, &["--rotate"]).await);
    assert_eq!(trusted, format!("{second},{first}"), "the one before it is trusted too");
    let (third, trusted) = read(&Users::of(&bed, &["--rotate"]).await);
    assert_eq!(trusted, format!("{third},{second}"));
}

/// A server with the users' file of a deployment; it ends with its handle.
struct Deployed(std::process::Child);

impl Deployed {
    fn start(users: &Users, folder: &Path) -> Self {
        let mut command = Command::new(greenline_store::server_program().unwrap());
        command.arg("--dir").arg(folder).args(["--unixsocket", "deployed.sock", "--port", "0"]);
        command.args(["--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
        command.arg("--aclfile").arg(users.secrets.join("redis_acl"));
        Self(command.stdout(std::process::Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Deployed {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

async fn a_deployments_redis_that_starts_again_has_kept_its_tasks(bed: TestBed) {
    let users = Users::of(&bed, &[]).await;
    let socket = bed.folder().join("deployed.sock");
    let config = StoreConfig {
        endpoint: greenline_store::Endpoint::Url(format!("unix://{}", socket.display())),
        ..users.config(&bed, "lead")
    };
    for start in 0..2 {
        let _server = Deployed::start(&users, bed.folder());
        let end = std::time::Instant::now() + Duration::from_secs(30);
        let queue = loop {
            if let Ok(store) = greenline_store::Store::connect(config.clone()).await
                && let Ok(queue) = Queue::open(store, bed.queue.options().clone()).await
            {
                break queue;
            }
            assert!(std::time::Instant::now() < end, "it does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        if start == 0 {
            queue.enqueue(task("a")).await.unwrap();
        }
        let kept = queue.record(&id("a")).await.unwrap().map(|record| record.status);
        assert_eq!(kept.as_deref(), Some("pending"), "start {start}");
        // Nobody is the default user.
        let stranger = greenline_store::Store::connect(StoreConfig {
            credentials: Credentials::default(),
            ..config.clone()
        });
        assert!(matches!(stranger.await, Err(StoreError::Denied(_))));
    }
}

async fn nobody_reaches_another_namespace(bed: TestBed) {
    let users = Users::of(&bed, &["--namespace", "acme"]).await;
    let inside = |user: &str| users.config(&bed, user).in_namespace("acme".parse().unwrap());
    let queue = bed.queue_by(inside("worker")).await;
    queue.tick_now().await.unwrap();
    assert!(queue.paused().await.unwrap().is_empty());
    let store = greenline_store::Store::lazy(users.config(&bed, "worker")).unwrap();
    let outside = Queue::open(store, bed.queue.options().clone()).await;
    assert!(is_denied(outside));
}

async fn a_wrong_password_is_told(bed: TestBed) {
    let users = Users::of(&bed, &[]).await;
    let mut config = users.config(&bed, "worker");
    config.credentials.password = Some("wrong".to_owned());
    let Err(error) = greenline_store::Store::connect(config).await else { panic!("it was let in") };
    assert!(matches!(error, StoreError::Denied(_)), "{error:?}");
    assert!(!error.to_string().contains("wrong\""), "{error}");
}
