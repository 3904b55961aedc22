//! Greenline's own client, against it: everything that the client asks is answered here.

use greenline_fake_github::github::{
    APP_PRIVATE_KEY, ApiFault, AppHandle, FaultRule, GitChange, JobEnd, NewPull, ProtectionRules,
    PullHandle, RepoRole, WriteKind, everything,
};
use greenline_forge::model::{
    CheckRunAnnotation, CheckRunDraft, Conclusion, MergeMethod, Reaction, StatusState,
};
use greenline_forge::{
    ApiBase, AppKey, FileEdit, Forge, ForgeConfig, ForgeError, GitHubCredentials, NewCommit,
    PauseMode, PullNumber, RepoName, Sha,
};

use crate::bed::Bed;

pub(crate) struct Client {
    pub(crate) forge: Forge,
    pub(crate) repo: RepoName,
    pub(crate) app: AppHandle,
}

fn forge(bed: &Bed, credentials: GitHubCredentials) -> Forge {
    let mut config = ForgeConfig::new(credentials, bed.clock.clock());
    config.pause = PauseMode::Move(bed.clock.clone());
    Forge::new(config.at(ApiBase::parse(&bed.github.enterprise_url()).unwrap())).unwrap()
}

impl Client {
    pub(crate) fn new(bed: &Bed) -> Self {
        let app = bed.github.app("greenline", everything());
        let _installation = app.install("acme", None);
        let key = AppKey::from_pem(APP_PRIVATE_KEY).unwrap();
        let credentials = GitHubCredentials::App { id: app.id().to_string(), key };
        Self { forge: forge(bed, credentials), repo: "acme/app".parse().unwrap(), app }
    }
}

fn sha(text: &str) -> Sha {
    text.parse().unwrap()
}

fn draft(annotations: usize) -> CheckRunDraft {
    let annotation = |line| CheckRunAnnotation {
        path: "src/a.txt".to_owned(),
        start_line: line,
        end_line: line,
        message: "here".to_owned(),
        ..CheckRunAnnotation::default()
    };
    CheckRunDraft {
        name: "greenline".to_owned(),
        external_id: "ours".to_owned(),
        details_url: None,
        conclusion: Some(Conclusion::Neutral),
        title: "t".to_owned(),
        summary: "s".to_owned(),
        annotations: (1..=annotations as u64).map(annotation).collect(),
    }
}

#[tokio::test]
async fn what_is_read_is_there() {
    let bed = Bed::new().await;
    let client = Client::new(&bed);
    let pull = bed.pull().await;
    let run = bed.repo.fail_job(&pull, "test", "boom\n");
    bed.repo.status(&pull.sha, "other/ci", "failure", None);
    read_all(&bed, &client, &pull).await;
    let (forge, repo) = (&client.forge, &client.repo);
    let job = bed.repo.jobs(run)[0].0;
    let log = forge.job_log(repo, greenline_forge::JobId(job), 1 << 20).await.unwrap();
    assert_eq!(log.whole().await.unwrap(), b"boom\n");
    assert!(bed.github.log_requests().iter().all(|it| it.authorization.is_none()));
    bed.repo.expire_logs(run);
    let expired = forge.job_log(repo, greenline_forge::JobId(job), 1 << 20).await;
    assert!(expired.is_err());
}

/// Everything that the client reads.
pub(crate) async fn read_all(bed: &Bed, client: &Client, pull: &PullHandle) {
    let (forge, repo) = (&client.forge, &client.repo);
    let (number, head) = (PullNumber(pull.number), sha(&pull.sha));
    bed.repo.collaborator("ada", RepoRole::Write);
    assert_eq!(forge.app_slug().await.unwrap(), "greenline");
    let installation = forge.installations().await.unwrap().items[0].id;
    assert_eq!(forge.repos_of_installation(installation).await.unwrap().items.len(), 1);
    assert_eq!(forge.repo(repo).await.unwrap().full_name, *repo);
    forge.permission_of(repo, "ada").await.unwrap();
    assert_eq!(forge.pull(repo, number).await.unwrap().head.sha, head);
    assert_eq!(
        forge.files_of_pull(repo, number, 100).await.unwrap().items[0].filename,
        "src/a.txt"
    );
    let runs = forge.runs_of(repo, &head).await.unwrap().items;
    forge.run(repo, runs[0].id).await.unwrap();
    let jobs = forge.jobs_of_run(repo, runs[0].id).await.unwrap().items;
    assert_eq!(forge.job(repo, jobs[0].id).await.unwrap().name, "test");
    let checks = forge.check_runs_of(repo, &head).await.unwrap().items;
    forge.check_run(repo, checks[0].id).await.unwrap();
    forge.annotations_of(repo, checks[0].id, 100).await.unwrap();
    assert_eq!(forge.check_runs_named(repo, &head, "test").await.unwrap().len(), 1);
    assert_eq!(forge.statuses_of(repo, &head).await.unwrap().items[0].state, StatusState::Failure);
    forge.commit(repo, "main").await.unwrap();
    assert_eq!(forge.commits_of(repo, "feature", 100).await.unwrap().items.len(), 2);
    assert_eq!(forge.compare(repo, "main", head.as_str()).await.unwrap().ahead_by, 1);
    assert_eq!(forge.pulls_of_commit(repo, &head).await.unwrap()[0].number, number);
    assert_eq!(forge.protection(repo, "main").await.unwrap().protected, Some(false));
    let file = forge.file_at(repo, "README.md", "main", 1 << 20).await.unwrap();
    assert_eq!(file.as_deref(), Some(&b"Practice.\n"[..]));
    assert_eq!(forge.file_at(repo, "absent", "main", 1 << 20).await.unwrap(), None);
    let sweep = forge.sweep_pulls(repo, None).await.unwrap();
    assert_eq!(sweep.problems, Vec::<String>::new());
    assert_eq!(sweep.pulls[0].head.checks.len(), 2);
    assert!(sweep.pulls[0].head.checks.iter().all(|check| check.is_red()));
}

#[tokio::test]
async fn what_is_written_is_there_once() {
    let bed = Bed::new().await;
    let client = Client::new(&bed);
    let pull = bed.pull().await;
    let run = bed.repo.fail_job(&pull, "test", "boom\n");
    let before = bed.github.mark();
    write_all(&bed, &client, &pull).await;
    let (forge, repo) = (&client.forge, &client.repo);
    forge.rerun_failed_jobs(repo, greenline_forge::RunId(run.id)).await.unwrap();
    let deeds = bed.github.writes_since(before);
    let kinds: Vec<WriteKind> = deeds.iter().map(|deed| deed.kind).collect();
    let expected = [
        WriteKind::Comment,
        WriteKind::CommentEdit,
        WriteKind::Reaction,
        WriteKind::CheckRun,
        WriteKind::CheckRunUpdate,
        WriteKind::Labels,
        WriteKind::Labels,
        WriteKind::ReviewRequest,
        WriteKind::Issue,
        WriteKind::Edit,
        WriteKind::Commit,
        WriteKind::Rerun,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(deeds[0].to, pull.number.to_string());
    assert_eq!(bed.repo.comments(pull.number), ["edited"]);
}

/// Everything that the client writes short of a merge; sixty annotations go in two requests.
pub(crate) async fn write_all(bed: &Bed, client: &Client, pull: &PullHandle) {
    let (forge, repo) = (&client.forge, &client.repo);
    let (number, head) = (PullNumber(pull.number), sha(&pull.sha));
    bed.repo.collaborator("ada", RepoRole::Write);
    let comment = forge.create_comment(repo, number, "<!-- mark --> one").await.unwrap();
    let found = forge.comment_marked(repo, number, "<!-- mark -->", |_| true).await.unwrap();
    assert_eq!(found.map(|it| it.id), Some(comment.id));
    forge.update_comment(repo, comment.id, "edited").await.unwrap();
    assert_eq!(forge.comment(repo, comment.id).await.unwrap().body, "edited");
    forge.react(repo, comment.id, Reaction::Eyes).await.unwrap();
    forge.create_check_run(repo, &head, &draft(60)).await.unwrap();
    forge.add_labels(repo, number, &["a b"]).await.unwrap();
    assert_eq!(forge.labels(repo, number).await.unwrap(), ["a b"]);
    forge.remove_label(repo, number, "a b").await.unwrap();
    forge.request_reviewers(repo, number, &["ada"]).await.unwrap();
    let issue = forge.create_issue(repo, "main is red", "Why.", &["greenline"]).await.unwrap();
    assert_eq!(forge.open_issues_labelled(repo, "greenline").await.unwrap().len(), 1);
    forge.update_issue(repo, issue.number, "Over.", true).await.unwrap();
    let edits = vec![FileEdit::Write { path: "src/a.txt".to_owned(), content: b"two\n".to_vec() }];
    let commit = NewCommit {
        branch: "feature".to_owned(),
        expected_head: head,
        headline: "Repair".to_owned(),
        body: "Why.".to_owned(),
        edits,
    };
    let made = forge.create_commit_on_branch(repo, &commit).await.unwrap();
    assert_eq!(bed.repo.pull_head(pull.number).as_deref(), Some(made.as_str()));
    let stale = forge.create_commit_on_branch(repo, &commit).await;
    assert!(matches!(stale, Err(ForgeError::HeadMoved { .. })), "{stale:?}");
}

#[tokio::test]
async fn a_pull_request_merges_now_or_by_itself() {
    let bed = Bed::new().await;
    merge_by_itself(&bed, &Client::new(&bed)).await;
}

/// A merge that is refused, and one that waits for its check.
pub(crate) async fn merge_by_itself(bed: &Bed, client: &Client) {
    let (forge, repo) = (&client.forge, &client.repo);
    let rules = ProtectionRules { required_checks: vec!["test".to_owned()], required_reviews: 0 };
    bed.repo.protect("main", rules).await.unwrap();
    bed.repo.allow_auto_merge();
    let pull = bed.pull().await;
    let (number, head) = (PullNumber(pull.number), sha(&pull.sha));
    let early = forge.merge(repo, number, &head, MergeMethod::Squash).await;
    assert!(matches!(early, Err(ForgeError::Conflict { .. })), "{early:?}");
    let shown = forge.pull(repo, number).await.unwrap();
    forge.enable_auto_merge(repo, &shown, &head, MergeMethod::Squash).await.unwrap();
    bed.repo.finish_run(&pull, &[("test", JobEnd::Success("ok\n".to_owned()))]);
    // The merge happens with the next call that anyone makes.
    forge.repo(repo).await.unwrap();
    assert!(forge.pull(repo, number).await.unwrap().merged);
}

#[tokio::test]
async fn a_sweep_reads_on_where_a_head_has_more_than_a_hundred_checks() {
    let bed = Bed::new().await;
    let client = Client::new(&bed);
    let pull = bed.pull().await;
    let names: Vec<String> = (0..130).map(|number| format!("job {number}")).collect();
    let jobs: Vec<(&str, JobEnd)> =
        names.iter().map(|name| (name.as_str(), JobEnd::Failure("no\n".to_owned()))).collect();
    bed.repo.finish_run(&pull, &jobs);
    let sweep = client.forge.sweep_pulls(&client.repo, None).await.unwrap();
    assert_eq!((sweep.pulls[0].head.checks.len(), sweep.pulls[0].head.complete), (130, true));
}

#[tokio::test]
async fn five_hundred_pull_requests_cost_a_few_points() {
    let bed = Bed::new().await;
    let client = Client::new(&bed);
    let change = |branch: &str| vec![GitChange::write("x", branch)];
    let first = bed.repo.open_pull(NewPull::new("b", "x", change("b"))).await.unwrap();
    for number in 0..20 {
        bed.repo.status(&first.sha, &format!("ci/{number}"), "failure", None);
    }
    // One commit in all of them: what a sweep costs depends on their number.
    for _ in 1..500 {
        bed.repo.open_pull(NewPull::new("b", "x", vec![])).await.unwrap();
    }
    let (mut next, mut cost, mut seen) = (None, 0, 0);
    loop {
        let page = client.forge.sweep_pulls(&client.repo, next.as_deref()).await.unwrap();
        seen += page.pulls.iter().map(|pull| pull.head.checks.len()).sum::<usize>();
        cost += page.cost;
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(seen, 10_000);
    assert!(cost <= 15, "{cost} points");
}

#[tokio::test]
async fn bad_days_are_lived_through() {
    let bed = Bed::new().await;
    let client = Client::new(&bed);
    let (forge, repo) = (&client.forge, &client.repo);
    let pull = bed.pull().await;
    let number = PullNumber(pull.number);
    for trouble in [
        ApiFault::Status(502),
        ApiFault::SecondaryLimit(1),
        ApiFault::Truncated(20),
        ApiFault::AnswerLost,
        // A proxy's page in place of an answer.
        ApiFault::Page,
    ] {
        bed.github.add_fault(FaultRule::once("GET pulls", trouble.clone()));
        let read = forge.pull(repo, number).await;
        assert!(read.is_ok(), "{trouble:?}: {read:?}");
    }
    bed.github.add_fault(FaultRule::once("POST comments", ApiFault::AnswerLost));
    let before = bed.github.mark();
    let lost = forge.create_comment(repo, number, "once").await;
    assert!(lost.is_err(), "whether it is there is for the caller to look up");
    assert_eq!(bed.github.writes_since(before).len(), 1);
    assert_eq!(bed.repo.comments(pull.number), ["once"]);
}

#[tokio::test]
async fn a_log_of_a_hundred_megabytes_is_read_up_to_a_bound() {
    let bed = Bed::new().await;
    let client = Client::new(&bed);
    let pull = bed.pull().await;
    let log =
        "2026-01-05T09:00:00.0000000Z all is well, and has been said before\n".repeat(1_500_000);
    let run = bed.repo.fail_job(&pull, "test", &log);
    let job = greenline_forge::JobId(bed.repo.jobs(run)[0].0);
    let mut stream = client.forge.job_log(&client.repo, job, 64 << 20).await.unwrap();
    let read = stream.each(|_| {}).await.unwrap();
    assert!(stream.is_cut() && read == 64 << 20, "{read}");
    assert!(log.len() > 100_000_000);
}

#[tokio::test]
async fn a_delivery_is_found_and_asked_for_again() {
    let bed = Bed::new().await;
    let client = Client::new(&bed);
    let listener = crate::bed::Listener::default();
    client.app.hook(&listener.listen().await, "secret");
    bed.pull().await;
    bed.github.settle().await;
    let all = client.forge.app_deliveries(100).await.unwrap().items;
    client.forge.redeliver_to_app(all[0].id).await.unwrap();
    bed.github.settle().await;
    assert_eq!(listener.heard().len(), all.len() + 1);
}
