//! git, as a pull request could use it: the checkout of a repository that is made to hurt.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::stage::Stage;
use super::{Case, broke_if, verdict};
use crate::attempt::AttackVerdict;
use crate::deployment::TOKEN;

pub(super) const CASES: &[Case] = &[
    Case { name: "57", words: "an LFS filter of the user's configuration", run: lfs },
    Case { name: "58", words: "a filter driver of the user's configuration", run: filter },
    Case { name: "59", words: "submodules by ext:: and update=!", run: submodules },
    Case { name: "60", words: ".lfsconfig", run: lfs_configuration },
    Case { name: "61", words: ".env, .bashrc and .profile of the repository", run: shell_files },
    Case { name: "62", words: "hooks", run: hooks },
    Case { name: "63", words: "working-tree-encoding", run: encoding },
    Case { name: "64", words: "links to /etc and to a private file", run: links },
    Case { name: "65", words: "the checkout's token to another origin", run: token_elsewhere },
    Case { name: "B10k", words: "the checkout follows a redirect", run: redirect },
    Case {
        name: "B10l",
        words: "the checkout's token in an environment",
        run: token_in_environment,
    },
];

/// Commits a tree that a line of shell makes, and returns the commit.
fn commit(stage: &Stage, name: &str, make: &str) -> anyhow::Result<String> {
    let bare = stage.repo.git_folder();
    let work = stage.path("received").join(format!("repo-{name}"));
    let line = format!(
        "set -e; git init -q -b {name} {work}; cd {work}; {make}\n\
         git add -f --all; git -c user.name=t -c user.email=t@example.org commit -q -m x\n\
         git push -q -f {bare} HEAD:refs/heads/{name}; git rev-parse HEAD",
        work = work.display(),
        bare = bare.display(),
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &line])
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(
        output.status.success(),
        "the commit could not be made: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(said.lines().last().unwrap_or_default().to_owned())
}

fn clone_url(stage: &Stage) -> String {
    format!("{}/acme/app.git", stage.github.url())
}

/// What the worker says after a checkout of that commit and this command.
fn reproduce(
    stage: &Stage,
    id: &str,
    url: &str,
    head: &str,
    command: &str,
) -> anyhow::Result<Value> {
    stage.enqueue(&json!({
        "task_id": id, "type": "fix_test_failure",
        "inputs": {"repo": "acme/app", "head_sha": head, "clone_url": url, "fork": false, "signature": "x"},
        "validation": [command],
    }))?;
    stage.ended(id)
}

/// A trick: the control is a plain git in the open, with the user's configuration.
fn trick(
    stage: &Stage,
    name: &str,
    make: &str,
    control: &str,
    looks: &str,
) -> anyhow::Result<AttackVerdict> {
    let branch = format!("trick-{name}");
    let head = commit(stage, &branch, make)?;
    let bare = stage.repo.git_folder();
    let line = format!(
        "rm -rf c-{name}; BARE={}; {}\n cd c-{name} 2>/dev/null; {looks}",
        bare.display(),
        control.replace("CLONE", &format!("git clone -q -b {branch} \"$BARE\" c-{name}")),
    );
    // The clone in the open is made by this suite's own user, who owns the bare repository.
    let output = std::process::Command::new("sh")
        .args(["-c", &line])
        .env("HOME", stage.path("home"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_ALLOW_PROTOCOL", "file:ext:http")
        .current_dir(stage.path("received"))
        .output()?;
    let works = String::from_utf8_lossy(&output.stdout).contains("TRICKED");
    let id = format!("trick-{name}");
    let story = reproduce(stage, &id, &clone_url(stage), &head, &format!("{looks}; echo LOOKED"))?;
    let tail = story["result"]["commands"][0]["tail"].as_str().unwrap_or_default().to_owned();
    if !tail.contains("LOOKED") {
        return Ok(AttackVerdict::NotTried(format!(
            "the checkout did not run: {:.200}",
            story["error"].to_string() + &story["result"]["reason"].to_string()
        )));
    }
    Ok(verdict(works, broke_if(tail.contains("TRICKED"), "it works in the checkout too")))
}

const CONFIGURATION: &str = "git config --file \"$HOME/.gitconfig\"";

fn lfs(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let control = format!(
        "{CONFIGURATION} filter.lfs.smudge 'sed s/pointer/TRICKED/'; CLONE; {CONFIGURATION} --unset filter.lfs.smudge;"
    );
    let make = "echo '* filter=lfs' >.gitattributes; echo pointer >f";
    trick(stage, "57", make, &control, "cat f")
}

fn filter(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    // Left in place: the checkout must not obey it either.
    let control = format!("{CONFIGURATION} filter.evil.smudge 'sed s/plain/TRICKED/'; CLONE;");
    let make = "echo 'f filter=evil' >.gitattributes; echo plain >f";
    trick(stage, "58", make, &control, "cat f")
}

fn submodules(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let make = "mkdir sub; printf '[submodule \"sub\"]\\n path = sub\\n url = ext::sh -c \"echo%%20TRICKED>ran\"\\n update = !sh -c \"echo TRICKED >../ran\"\\n' >.gitmodules; \
                git update-index --add --cacheinfo 160000,$(printf '1%.0s' $(seq 40)),sub; echo x >f";
    let control = "CLONE; echo 'echo TRICKED >c-59/ran' >ext-59; cd c-59; git config submodule.sub.url \"ext::sh $PWD/../ext-59\"; cd ..; \
                   GIT_DIR=$PWD/c-59/.git git -C . -c protocol.ext.allow=always ls-remote \"ext::sh $PWD/ext-59\" 2>/dev/null;";
    trick(stage, "59", make, control, "cat ran sub/ran ../ran 2>/dev/null")
}

fn lfs_configuration(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let make = "printf '[lfs]\\n url = http://127.0.0.1:1/\\n[filter \"x\"]\\n smudge = sed s/plain/TRICKED/\\n' >.lfsconfig; echo 'f filter=x' >.gitattributes; echo plain >f";
    let control = "git config --file \"$HOME/.gitconfig\" filter.x.smudge 'sed s/plain/TRICKED/'; CLONE; git config --file \"$HOME/.gitconfig\" --unset filter.x.smudge;";
    trick(stage, "60", make, control, "cat f")
}

fn shell_files(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let make = "for f in .env .bashrc .profile .bash_profile; do echo 'echo TRICKED' >$f; done";
    trick(
        stage,
        "61",
        make,
        "CLONE;",
        "if [ -z \"$GREENLINE_TASK_ID\" ]; then . ./.env; fi; bash -c true; sh -c true",
    )
}

fn hooks(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let make = "mkdir -p .git-hooks; printf '#!/bin/sh\\necho TRICKED >ran\\n' >.git-hooks/post-checkout; chmod 755 .git-hooks/post-checkout";
    let control = "mkdir -p hooks-62; printf '#!/bin/sh\\necho TRICKED >ran\\n' >hooks-62/post-checkout; chmod 755 hooks-62/post-checkout; git config --file \"$HOME/.gitconfig\" core.hooksPath \"$PWD/hooks-62\"; CLONE;";
    trick(stage, "62", make, control, "cat ran 2>/dev/null")
}

fn encoding(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let make = "printf 'f text working-tree-encoding=UTF-16LE-BOM\\n' >.gitattributes; printf '\\377\\376T\\0R\\0I\\0C\\0K\\0E\\0D\\0\\n\\0' >f";
    // In the checkout it is only text in another encoding, and no program runs for it.
    trick(
        stage,
        "63",
        make,
        "CLONE;",
        "if [ -z \"$GREENLINE_TASK_ID\" ]; then tr -d '\\0' <f; fi; ls ran 2>/dev/null",
    )
}

fn links(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let secret = stage.path("home/.ssh/id_test");
    let make = format!("ln -s /etc/shadow shadow; ln -s {} id", secret.display());
    let looks = "grep -q . shadow && echo TRICKED; grep -q planted id && echo TRICKED";
    trick(stage, "64", &make, "CLONE;", looks)
}

/// A server that writes down what it is asked. Below `/away/` it sends to another name of itself,
/// and elsewhere it asks who is there.
struct Recorder {
    port: u16,
    seen: Arc<Mutex<String>>,
}

impl Recorder {
    fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let seen = Arc::new(Mutex::new(String::new()));
        let record = Arc::clone(&seen);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut text = vec![0; 8192];
                let _slow = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let length = stream.read(&mut text).unwrap_or(0);
                let request = String::from_utf8_lossy(&text[..length]).into_owned();
                let answer = answer(&request, port);
                if let Ok(mut seen) = record.lock() {
                    seen.push_str(&request);
                }
                let _gone = stream.write_all(answer.as_bytes());
            }
        });
        Ok(Self { port, seen })
    }

    /// What it was asked since the last call.
    fn take(&self) -> String {
        self.seen.lock().map(|mut seen| std::mem::take(&mut *seen)).unwrap_or_default()
    }
}

fn answer(request: &str, port: u16) -> String {
    let end = "Content-Length: 0\r\nConnection: close\r\n\r\n";
    if request.starts_with("GET /away/") {
        let place =
            format!("http://localhost:{port}/there/app.git/info/refs?service=git-upload-pack");
        return format!("HTTP/1.1 302 Found\r\nLocation: {place}\r\n{end}");
    }
    format!("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n{end}")
}

fn redirect(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let server = Recorder::start()?;
    let url = format!("http://127.0.0.1:{}/away/app.git", server.port);
    stage.shell(&format!("GIT_TERMINAL_PROMPT=0 timeout 10 git ls-remote {url}"))?;
    let works = server.take().contains("GET /there/");
    reproduce(stage, "redirect", &url, &"1".repeat(40), "true")?;
    let seen = server.take();
    let works = works && seen.contains("GET /away/");
    Ok(verdict(works, broke_if(seen.contains("GET /there/"), "the other place is asked")))
}

fn token_elsewhere(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let server = Recorder::start()?;
    let place = format!("localhost:{}/there/app.git", server.port);
    let line = format!("GIT_TERMINAL_PROMPT=0 timeout 10 git ls-remote http://x:{TOKEN}@{place}");
    stage.shell(&line)?;
    let works = server.take().contains("Authorization: Basic");
    // Redirected from the repository's own host to another name of this machine.
    let url = format!("http://127.0.0.1:{}/away/app.git", server.port);
    reproduce(stage, "elsewhere", &url, &"1".repeat(40), "true")?;
    let seen = server.take();
    let there = seen.split("GET /there/").skip(1).any(|request| request.contains("Authorization:"));
    Ok(verdict(works && seen.contains("GET /away/"), broke_if(there, "the token is shown there")))
}

fn token_in_environment(stage: &Stage) -> anyhow::Result<AttackVerdict> {
    let victim = fs::read_to_string(format!("/proc/{}/environ", stage.victim.id()))?;
    // A server that takes its time: meanwhile git waits, with whatever it was given.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().flatten() {
            held.push(stream);
        }
    });
    stage.enqueue(&json!({
        "task_id": "waits", "type": "fix_test_failure",
        "inputs": {"repo": "acme/app", "head_sha": "1".repeat(40), "fork": false, "signature": "x",
                   "clone_url": format!("http://127.0.0.1:{port}/acme/app.git")},
        "validation": ["true"],
    }))?;
    std::thread::sleep(Duration::from_secs(4));
    let git = stage
        .shell("pgrep -f '[g]it.*fetch|[g]it-remote' >/dev/null && echo runs")?
        .1
        .contains("runs");
    let pattern = format!("planted-[s]{}", &TOKEN["planted-s".len()..]);
    let (code, said) = stage.shell(&format!(
        // Other runs of this suite plant the same.
        "grep -alE '{pattern}' /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null |\n\
         while read -r file; do\n\
         grep -aq greenline-attack- $file && ! grep -aqF '{base}' $file && continue\n\
         echo $file; break; done",
        base = stage.path("").display(),
    ))?;
    let _asked_to_end = stage.greenline(&["queue", "cancel", "waits"])?;
    let works = victim.contains("PLANTED") && git;
    Ok(verdict(works, broke_if(code == 0 && !said.trim().is_empty(), said.trim())))
}
