//! The exact commit, and nothing that comes with it.

use greenline_queue::TaskStatus;
use greenline_worker::reproduce::ReproductionOutcome;

use crate::setup::{Stage, safeties, safety, task};
use greenline_testbed::GitServer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The reason and all output of an answer to a task whose validation fails with its findings.
async fn found(stage: &Stage, forge: &GitServer, head: &str, look: &str) -> String {
    let mut task = task(forge, head, |_| {});
    task.validation = vec![format!("{look}; exit 1")];
    let result = stage.result(task).await;
    result.commands.iter().map(|run| run.tail.as_str()).collect::<String>() + &result.reason
}

#[tokio::test]
async fn it_is_the_commit_that_was_asked_for() {
    let forge = GitServer::public().await;
    let asked = forge.commit(&[("file", "then\n")]);
    forge.commit(&[("file", "now\n")]);
    for safety in safeties() {
        let stage = Stage::new(safety, &forge, None).await;
        let found = found(&stage, &forge, &asked, "cat file; git rev-parse HEAD").await;
        assert!(found.starts_with(&format!("then\n{asked}\n")), "{found}");
    }
}

#[tokio::test]
async fn nothing_runs_or_is_fetched_beside_the_commit() {
    let forge = GitServer::public().await;
    let stage = Stage::new(safety(), &forge, None).await;
    let outside = tempfile::tempdir().unwrap();
    let mark = outside.path().join("ran").display().to_string();
    let modules =
        "[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c \"touch ran\"\n\tupdate = checkout\n";
    let head = forge.commit(&[
        (".gitmodules", modules),
        (".gitattributes", "*.bin filter=lfs diff=lfs\n"),
        (".lfsconfig", "[lfs]\n\turl = http://127.0.0.1:1/\n"),
        ("large.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
    ]);
    let look = "cat large.bin; ls -A x 2>/dev/null; ls .git/hooks 2>/dev/null | wc -l; \
                git config --local --list --name-only | grep -v ^core; env | grep -c -i -E 'token|^GIT_'";
    let found = found(&stage, &forge, &head, look).await;
    assert!(found.starts_with("version https://git-lfs"), "{found}");
    assert!(found.contains("size 1\n0\n0\n"), "no hooks, remotes or variables: {found}");

    // What a command plants for git to run later is never run: git does not come again.
    let plant = format!(
        "mkdir -p .git/hooks; printf '#!/bin/sh\\ntouch {mark}\\n' > .git/hooks/post-checkout; \
         chmod +x .git/hooks/post-checkout; git config core.fsmonitor 'touch {mark}'; \
         git config core.sshCommand 'touch {mark}'; git config core.pager 'touch {mark}'"
    );
    let mut planted = task(&forge, &head, |_| {});
    planted.setup = vec![plant];
    planted.validation = vec!["true".to_owned()];
    let result = stage.result(planted).await;
    assert_eq!(result.reason, "all commands passed here", "{result:?}");
    assert!(!std::path::Path::new(&mark).exists());
}

#[tokio::test]
async fn a_private_repository_takes_the_token_and_leaves_no_trace_of_it() {
    let forge = GitServer::private().await;
    let head = forge.commit(&[("file", "x\n")]);
    let without = Stage::new(safety(), &forge, None).await;
    let result = without.result(task(&forge, &head, |_| {})).await;
    assert_eq!(result.outcome, ReproductionOutcome::NotReproduced);
    assert!(result.reason.contains("set GREENLINE_CHECKOUT_TOKEN"), "{result:?}");

    for safety in safeties() {
        let stage = Stage::new(safety, &forge, Some("read-only")).await;
        let look = "cat file; grep -r -l -e read-only -e cmVhZC1vbmx5 . \"$HOME\" \"$TMPDIR\"; env | grep read-only";
        let found = found(&stage, &forge, &head, look).await;
        assert!(found.starts_with("x\nvalidation `"), "{found}");
    }
    let wrong = Stage::new(safety(), &forge, Some("another")).await;
    let result = wrong.result(task(&forge, &head, |_| {})).await;
    assert!(result.reason.starts_with("the checkout token can't read"), "{result:?}");
}

#[tokio::test]
async fn the_token_is_shown_at_home_only() {
    let (home, elsewhere) = (GitServer::public().await, GitServer::private().await);
    let head = elsewhere.commit(&[("file", "x\n")]);
    let stage = Stage::new(safety(), &home, Some("read-only")).await;
    let result = stage.result(task(&elsewhere, &head, |_| {})).await;
    assert_eq!(result.outcome, ReproductionOutcome::NotReproduced);
    assert!(result.reason.contains("can't be read without a token"), "{result:?}");
}

#[tokio::test]
async fn a_commit_that_is_gone_is_an_answer_and_a_server_that_is_away_is_not() {
    let forge = GitServer::public().await;
    let stage = Stage::new(safety(), &forge, None).await;
    let head = forge.commit(&[("file", "x\n")]);
    let gone = stage.result(task(&forge, &"0123456789".repeat(4), |_| {})).await;
    assert_eq!(gone.outcome, ReproductionOutcome::NotReproduced);
    assert!(gone.reason.contains("has no commit 0123456789"), "{gone:?}");

    let away = task(&forge, &head, |it| it["clone_url"] = "http://127.0.0.1:1/acme/app.git".into());
    let (status, error) = stage.error(away).await;
    assert_eq!(status, TaskStatus::Scheduled, "it is tried again");
    assert!(error.starts_with("failed to check out http://127.0.0.1:1/acme/app.git: "), "{error}");

    let nonsense = task(&forge, "main", |_| {});
    let (status, error) = stage.error(nonsense).await;
    assert_eq!(status, TaskStatus::Failed, "it is not");
    assert!(error.contains("\"main\" is no commit"), "{error}");
}

/// The heads of the requests on one connection, each answered as `result` says.
async fn serve(stream: TcpStream, result: impl Fn(&str) -> String) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while stream.read_line(&mut head).await.is_ok_and(|count| count > 0) {
        if head.ends_with("\r\n\r\n") {
            let result = result(&std::mem::take(&mut head));
            stream.write_all(result.as_bytes()).await.unwrap();
        }
    }
}

/// A server that answers every request so, and its address.
async fn server(result: impl Fn(&str) -> String + Clone + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, result.clone()));
        }
    });
    address
}

#[tokio::test]
async fn redirects_are_refused_and_not_followed() {
    let elsewhere = GitServer::public().await;
    let head = elsewhere.commit(&[("file", "x\n")]);
    let target = elsewhere.url();
    let redirecting = server(move |request| {
        let path = request.split(' ').nth(1).unwrap().trim_start_matches("/acme/app.git");
        format!("HTTP/1.1 302 Found\r\nLocation: {target}{path}\r\nContent-Length: 0\r\n\r\n")
    });
    let url = format!("http://{}/acme/app.git", redirecting.await);
    let stage = Stage::new(safety(), &elsewhere, None).await;
    let result = stage.result(task(&elsewhere, &head, |it| it["clone_url"] = url.into())).await;
    assert_eq!(result.outcome, ReproductionOutcome::NotReproduced, "{result:?}");
    assert!(result.reason.contains("redirects are not followed"), "{result:?}");
    assert_eq!(elsewhere.requests(), 0);
}

/// Whether some process but this one shows `word` in its environment or its arguments.
fn is_shown(word: &str) -> bool {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let others = all.filter(|dir| dir.file_name() != std::process::id().to_string().as_str());
    others.flat_map(|dir| ["environ", "cmdline"].map(|file| dir.path().join(file))).any(|file| {
        let bytes = std::fs::read(file).unwrap_or_default();
        bytes.windows(word.len()).any(|window| window == word.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_in_no_environment_while_git_runs() {
    let token = format!("token-{}", fastrand::u64(..));
    // While git waits for an answer, it and all its helpers are there to be looked at.
    let word = token.clone();
    let home = server(move |request| {
        // The number is what git repeats.
        let status = if is_shown(&word) { "500 shown" } else { "503 kept" };
        match request.to_lowercase().contains("authorization: basic") {
            true => format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"),
            false => "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\
                      Content-Length: 0\r\n\r\n"
                .to_owned(),
        }
    });
    let forge = GitServer::public().await;
    let home = home.await;
    for safety in safeties() {
        let stage = Stage::at_home(safety, &format!("http://{home}"), Some(&token)).await;
        let url = format!("http://{home}/acme/app.git");
        let head = "0123456789".repeat(4);
        let (_, error) = stage.error(task(&forge, &head, |it| it["clone_url"] = url.into())).await;
        // This came to the second request, which had the token.
        assert!(error.contains("503"), "{error}");
        assert!(!is_shown(&token));
    }
}
