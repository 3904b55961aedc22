//! Logs: from another host, without credentials, up to a cap, whole or an error.

use std::sync::atomic::{AtomicUsize, Ordering};

use greenline_forge::{Forge, ForgeError, JobId, RunId};
use serde_json::json;

use crate::scripted_server::{
    ApiResponse, Asked, Double, clock, cut, json, repo, stuck, text, with,
};

const JOB: JobId = JobId(11);

/// A GitHub that points to another host for its logs.
async fn pointing_to(target: String) -> Double {
    Double::new(move |_, _| with(text(302, ""), &[("location", &target)])).await
}

async fn both(
    blobs: impl Fn(&Asked, usize) -> ApiResponse + Send + Sync + 'static,
) -> (Double, Double) {
    let blobs = Double::new(blobs).await;
    let github = pointing_to(format!("{}/log?sig=secret", blobs.address)).await;
    (github, blobs)
}

async fn read(github: &Double, cap: u64) -> Result<Vec<u8>, ForgeError> {
    github.forge().job_log(&repo(), JOB, cap).await?.whole().await
}

#[tokio::test]
async fn a_log_is_fetched_from_another_host_without_credentials() {
    let (github, blobs) = both(|_, _| text(200, "line 1\nline 2\n")).await;
    assert_eq!(read(&github, 1_000).await.unwrap(), b"line 1\nline 2\n");
    assert_eq!(github.asked()[0].header("authorization"), Some("Bearer ghp_token"));
    assert_eq!(blobs.lines(), ["GET /log?sig=secret"]);
    assert_eq!(blobs.asked()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_log_that_is_gone_is_not_its_error_page() {
    for status in [404, 410] {
        let gone = json!({ "message": "Server Error: log has expired" });
        let answer = gone.clone();
        let github = Double::new(move |_, _| json(status, &answer)).await;
        assert_eq!(read(&github, 1_000).await, Err(ForgeError::LogGone(JOB)));
        let (github, _blobs) = both(move |_, _| json(status, &gone)).await;
        assert_eq!(read(&github, 1_000).await, Err(ForgeError::LogGone(JOB)));
    }
}

#[tokio::test]
async fn a_page_of_something_in_between_is_no_log_and_no_success() {
    let page = || with(text(200, "<html>Unicorn</html>"), &[("content-type", "text/html")]);
    let github = Double::new(move |_, _| page()).await;
    let failing = |read: Result<_, ForgeError>| matches!(read, Err(ForgeError::Failing { .. }));
    assert!(failing(read(&github, 1_000).await));
    let (github, _blobs) = both(move |_, _| page()).await;
    assert!(failing(read(&github, 1_000).await));
    let github = Double::new(move |_, _| page()).await;
    assert!(failing(github.forge().rerun_failed_jobs(&repo(), RunId(9)).await.map(|()| vec![])));
    assert_eq!(github.asked().len(), 1, "it may have been done: only who asked can look");
}

#[tokio::test]
async fn a_log_is_read_up_to_its_cap() {
    let (github, _blobs) = both(|_, _| text(200, "0123456789")).await;
    for (cap, expected, is_cut) in [(4, "0123", true), (10, "0123456789", false), (0, "", true)] {
        let mut log = github.forge().job_log(&repo(), JOB, cap).await.unwrap();
        let mut read = Vec::new();
        log.each(|bytes| read.extend_from_slice(bytes)).await.unwrap();
        assert_eq!((read.as_slice(), log.is_cut()), (expected.as_bytes(), is_cut), "{cap}");
    }
}

#[tokio::test]
async fn a_log_that_breaks_off_is_taken_up_where_it_broke() {
    let (github, blobs) = both(|asked, _| match asked.header("range") {
        None => cut("0123", 10),
        Some("bytes=4-") => with(text(206, "456789"), &[("content-range", "bytes 4-9/10")]),
        Some(_) => text(416, ""),
    })
    .await;
    assert_eq!(read(&github, 1_000).await.unwrap(), b"0123456789");
    assert_eq!((github.asked().len(), blobs.asked().len()), (2, 2));
}

#[tokio::test]
async fn a_host_without_ranges_is_read_over() {
    let (github, _blobs) = both(|_, before| match before {
        0 => cut("0123", 10),
        _ => text(200, "0123456789"),
    })
    .await;
    assert_eq!(read(&github, 8).await.unwrap(), b"01234567");
}

#[tokio::test]
async fn a_log_that_never_ends_well_is_an_error() {
    let (github, blobs) = both(|_, _| cut("", 10)).await;
    let error = read(&github, 1_000).await.unwrap_err();
    assert!(matches!(error, ForgeError::Unreachable { .. }), "{error}");
    assert_eq!(blobs.asked().len(), 4);
}

#[tokio::test]
async fn a_log_that_stands_still_is_an_error_in_bounded_time() {
    let (github, _blobs) = both(|_, _| stuck("begun")).await;
    let mut config = github.config(&clock());
    config.retry_limits.silence = std::time::Duration::from_millis(20);
    config.retry_limits.attempts = 2;
    let forge = Forge::new(config).unwrap();
    let error = forge.job_log(&repo(), JOB, 1_000).await.unwrap().whole().await.unwrap_err();
    assert!(matches!(error, ForgeError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn an_address_that_ran_out_is_asked_for_anew() {
    let (github, blobs) = both(|_, before| match before {
        0 => text(403, "<Error>Signature expired</Error>"),
        _ => text(200, "log"),
    })
    .await;
    assert_eq!(read(&github, 1_000).await.unwrap(), b"log");
    assert_eq!((github.asked().len(), blobs.asked().len()), (2, 2));
}

#[tokio::test]
async fn a_log_is_fetched_over_https_or_from_this_machine_alone() {
    for target in [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/log",
        "ftp://a/b",
        "file:///etc/passwd",
    ] {
        let github = pointing_to(target.to_owned()).await;
        let error = read(&github, 1_000).await.unwrap_err();
        assert!(matches!(error, ForgeError::Redirected { .. }), "{target}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_within_another_host_keeps_to_the_same_rules() {
    let (github, blobs) = both(|asked, before| match before {
        0 => with(text(302, ""), &[("location", "/elsewhere")]),
        1 if asked.target == "/elsewhere" => text(200, "log"),
        _ => with(text(302, ""), &[("location", "http://192.0.2.1/")]),
    })
    .await;
    assert_eq!(read(&github, 1_000).await.unwrap(), b"log");
    assert!(blobs.asked().iter().all(|asked| asked.header("authorization").is_none()));
    let error = read(&github, 1_000).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to read the log of job 11 of acme/app: redirected to http://192.0.2.1/, which is not followed"
    );
}

#[tokio::test]
async fn a_server_that_answers_with_the_log_itself_is_fine() {
    let github = Double::new(|_, _| text(200, "log")).await;
    assert_eq!(read(&github, 1_000).await.unwrap(), b"log");
}

#[tokio::test]
async fn the_logs_of_a_run_come_as_one_zip() {
    let (github, _blobs) = both(|_, _| text(200, "PK")).await;
    let logs = github.forge().run_logs(&repo(), RunId(9), 2, 1_000).await.unwrap();
    assert_eq!(logs.whole().await.unwrap(), b"PK");
    assert_eq!(github.lines(), ["GET /repos/acme/app/actions/runs/9/attempts/2/logs"]);
}

#[tokio::test]
async fn a_log_of_many_megabytes_is_never_held_whole() {
    const LINE: &str = "2026-03-02T10:11:12.0000000Z one line of a long log, again and again\n";
    let (github, _blobs) = both(|_, _| text(200, LINE.repeat(400_000))).await;
    let mut log = github.forge().job_log(&repo(), JOB, 64 << 20).await.unwrap();
    let (largest, chunks) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let read = log
        .each(|bytes| {
            largest.fetch_max(bytes.len(), Ordering::Relaxed);
            chunks.fetch_add(1, Ordering::Relaxed);
        })
        .await
        .unwrap();
    assert_eq!(read, LINE.len() as u64 * 400_000);
    assert!(largest.into_inner() < 2 << 20 && chunks.into_inner() > 10);
}
