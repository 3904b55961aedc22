//! Real git: bare repositories, commits by `fast-import`, merges by `merge-tree`, and smart HTTP
//! by `git http-backend`, all by the git that is installed.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::state::{CommitSignature, FakeCommit, FakeFileChange};

/// The reason why a git command failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// It could not be started.
    #[error("could not run git")]
    Start(#[from] std::io::Error),
    /// It refused.
    #[error("git {command}: {said}")]
    Refused {
        /// Its first argument.
        command: String,
        /// Its output.
        said: String,
    },
    /// It said something that was not expected.
    #[error("git said something unexpected: {0}")]
    Unreadable(String),
}

/// The change of one file in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitChange {
    /// The file is to hold this.
    Write {
        /// Its path.
        path: String,
        /// Its bytes.
        content: Vec<u8>,
        executable: bool,
    },
    /// The file is to go.
    Delete {
        /// Its path.
        path: String,
    },
}

impl GitChange {
    /// A file that holds this text; executable if it is a shell script.
    #[must_use]
    pub fn write(path: &str, text: &str) -> Self {
        let executable = text.starts_with("#!");
        Self::Write { path: path.to_owned(), content: text.into(), executable }
    }

    /// Returns true if it touches a workflow.
    pub(crate) fn is_of_workflow(&self) -> bool {
        let (Self::Write { path, .. } | Self::Delete { path }) = self;
        path.starts_with(".github/workflows/")
    }
}

/// A commit to make.
#[derive(Debug, Clone)]
pub(crate) struct CommitContent<'a> {
    /// A full name, as `refs/heads/main`.
    pub(crate) reference: &'a str,
    pub(crate) parent: Option<&'a str>,
    pub(crate) author: &'a str,
    pub(crate) email: &'a str,
    pub(crate) when_ms: u64,
    pub(crate) message: &'a str,
    pub(crate) changes: &'a [GitChange],
    /// Move the branch even if its head is not the parent.
    pub(crate) force: bool,
}

fn command(repo: &Path) -> Command {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("LC_ALL", "C").env("HOME", repo).env("GIT_DIR", repo);
    command.kill_on_drop(true);
    command
}

async fn run(repo: &Path, args: &[&str], input: &[u8]) -> Result<Vec<u8>, GitError> {
    run_with(repo, args, input, &[]).await
}

async fn run_with(
    repo: &Path,
    args: &[&str],
    input: &[u8],
    environment: &[(&str, String)],
) -> Result<Vec<u8>, GitError> {
    let mut command = command(repo);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take();
    let feed = async move {
        if let Some(stdin) = &mut stdin {
            // It may have ended without reading all; its exit code tells.
            let _not_read = stdin.write_all(input).await;
        }
        drop(stdin);
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let output = output?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let command = args.first().copied().unwrap_or_default().to_owned();
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(GitError::Refused { command, said })
}

async fn text(repo: &Path, args: &[&str]) -> Result<String, GitError> {
    let bytes = run(repo, args, b"").await?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Refuses what a protected branch or a pull request's ref does not take.
const UPDATE_HOOK: &str = r#"#!/bin/sh
case "$1" in refs/pull/*) echo "error: deny updating a hidden ref" >&2; exit 1 ;; esac
if git config --get-all fake.protected | grep -qxF -- "$1"; then
  echo "error: GH006: Protected branch update failed for $1." >&2
  exit 1
fi
"#;

/// An empty bare repository.
pub(crate) async fn create(repo: &Path, default_branch: &str) -> Result<(), GitError> {
    let folder = repo.to_string_lossy();
    let head = format!("--initial-branch={default_branch}");
    run(repo, &["init", "--quiet", "--bare", "--template=", &head, &folder], b"").await?;
    prepare(repo).await
}

/// A bare copy of another.
pub(crate) async fn copy(from: &Path, to: &Path) -> Result<(), GitError> {
    let folders = (from.to_string_lossy(), to.to_string_lossy());
    let args = ["clone", "--quiet", "--bare", "--template=", &folders.0, &folders.1];
    run(to, &args, b"").await?;
    prepare(to).await
}

async fn prepare(repo: &Path) -> Result<(), GitError> {
    let settings = "\n[http]\n\treceivepack = true\n[uploadpack]\n\tallowAnySHA1InWant = true\n\
        \tallowFilter = true\n[gc]\n\tauto = 0\n[receive]\n\tautogc = false\n";
    let config = repo.join("config");
    let mut all = tokio::fs::read(&config).await?;
    all.extend_from_slice(settings.as_bytes());
    tokio::fs::write(&config, all).await?;
    let hooks = repo.join("hooks");
    tokio::fs::create_dir_all(&hooks).await?;
    let hook = hooks.join("update");
    tokio::fs::write(&hook, UPDATE_HOOK).await?;
    make_executable(&hook).await
}

async fn make_executable(file: &Path) -> Result<(), GitError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o755);
    Ok(tokio::fs::set_permissions(file, mode).await?)
}

/// Lets nobody push to a branch, or everybody again.
pub(crate) async fn protect(repo: &Path, branch: &str, on: bool) -> Result<(), GitError> {
    let name = format!("refs/heads/{branch}");
    let pattern = format!("^{name}$");
    let clear = ["config", "--unset-all", "fake.protected", &pattern];
    // There may be nothing to clear.
    let _nothing = run(repo, &clear, b"").await;
    if on {
        run(repo, &["config", "--add", "fake.protected", &name], b"").await?;
    }
    Ok(())
}

/// Makes a commit and moves the branch to it, unless the branch is no longer at the parent.
pub(crate) async fn commit(repo: &Path, draft: &CommitContent<'_>) -> Result<String, GitError> {
    let mut stream = Vec::new();
    let seconds = draft.when_ms / 1000;
    let (author, email) = (draft.author, draft.email);
    let message = draft.message;
    stream.extend_from_slice(format!("commit {}\nmark :1\n", draft.reference).as_bytes());
    for role in ["author", "committer"] {
        stream.extend_from_slice(format!("{role} {author} <{email}> {seconds} +0000\n").as_bytes());
    }
    stream.extend_from_slice(format!("data {}\n{message}\n", message.len()).as_bytes());
    if let Some(parent) = draft.parent {
        stream.extend_from_slice(format!("from {parent}\n").as_bytes());
    }
    for change in draft.changes {
        write_change(&mut stream, change);
    }
    stream.extend_from_slice(b"\nget-mark :1\ndone\n");
    let force: &[&str] = if draft.force { &["--force"] } else { &[] };
    let args = [&["fast-import", "--quiet", "--done"], force].concat();
    let said = run(repo, &args, &stream).await?;
    let sha = String::from_utf8_lossy(&said).trim().to_owned();
    if sha.len() == 40 { Ok(sha) } else { Err(GitError::Unreadable(sha)) }
}

fn write_change(stream: &mut Vec<u8>, change: &GitChange) {
    match change {
        GitChange::Write { path, content, executable } => {
            let mode = if *executable { "100755" } else { "100644" };
            let head = format!("M {mode} inline {}\ndata {}\n", quoted(path), content.len());
            stream.extend_from_slice(head.as_bytes());
            stream.extend_from_slice(content);
            stream.push(b'\n');
        }
        GitChange::Delete { path } => {
            stream.extend_from_slice(format!("D {}\n", quoted(path)).as_bytes());
        }
    }
}

fn quoted(path: &str) -> String {
    let escaped = path.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// Reads a commit.
pub(crate) async fn read_commit(repo: &Path, sha: &str) -> Result<FakeCommit, GitError> {
    let raw = text(repo, &["cat-file", "commit", sha]).await?;
    let (head, message) = raw.split_once("\n\n").unwrap_or((&raw, ""));
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let unreadable = || GitError::Unreadable(raw.clone());
    Ok(FakeCommit {
        sha: sha.to_owned(),
        tree: field("tree ").ok_or_else(unreadable)?.to_owned(),
        parents: head
            .lines()
            .filter_map(|l| l.strip_prefix("parent "))
            .map(str::to_owned)
            .collect(),
        message: message.to_owned(),
        author: field("author ").and_then(signature).ok_or_else(unreadable)?,
        committer: field("committer ").and_then(signature).ok_or_else(unreadable)?,
    })
}

fn signature(line: &str) -> Option<CommitSignature> {
    let (name, rest) = line.split_once(" <")?;
    let (email, rest) = rest.split_once("> ")?;
    let seconds: u64 = rest.split(' ').next()?.parse().ok()?;
    Some(CommitSignature {
        name: name.to_owned(),
        email: email.to_owned(),
        when_ms: seconds * 1000,
    })
}

/// All branches and where they are.
pub(crate) async fn branches(repo: &Path) -> Result<Vec<(String, String)>, GitError> {
    let format = "--format=%(objectname) %(refname:lstrip=2)";
    let all = text(repo, &["for-each-ref", format, "refs/heads/"]).await?;
    let pair = |line: &str| {
        let (sha, name) = line.split_once(' ')?;
        Some((name.to_owned(), sha.to_owned()))
    };
    Ok(all.lines().filter_map(pair).collect())
}

/// The commits of `to` that `from` does not have, newest first.
pub(crate) async fn between(repo: &Path, from: &str, to: &str) -> Result<Vec<String>, GitError> {
    let not = format!("^{from}");
    let hidden = from.chars().all(|digit| digit == '0');
    let args: &[&str] = if hidden {
        &["rev-list", "--max-count=100", to]
    } else {
        &["rev-list", "--max-count=250", to, &not]
    };
    Ok(text(repo, args).await?.lines().map(str::to_owned).collect())
}

/// A commit and those before it, newest first.
pub(crate) async fn history(repo: &Path, sha: &str) -> Result<Vec<String>, GitError> {
    Ok(text(repo, &["rev-list", "--max-count=1000", sha])
        .await?
        .lines()
        .map(str::to_owned)
        .collect())
}

/// Returns true if `old` is an ancestor of `new`.
pub(crate) async fn is_ancestor(repo: &Path, old: &str, new: &str) -> bool {
    run(repo, &["merge-base", "--is-ancestor", old, new], b"").await.is_ok()
}

/// Returns the merge base of two commits.
pub(crate) async fn merge_base(repo: &Path, one: &str, other: &str) -> Result<String, GitError> {
    text(repo, &["merge-base", one, other]).await
}

/// Moves a ref if it is where it was thought to be.
pub(crate) async fn move_ref(
    repo: &Path,
    reference: &str,
    to: &str,
    from: &str,
) -> Result<(), GitError> {
    run(repo, &["update-ref", reference, to, from], b"").await.map(drop)
}

/// Sets a ref.
pub(crate) async fn set_ref(repo: &Path, reference: &str, to: &str) -> Result<(), GitError> {
    run(repo, &["update-ref", reference, to], b"").await.map(drop)
}

/// Copies one commit and what is behind it from another repository, under a ref.
pub(crate) async fn fetch(
    repo: &Path,
    from: &Path,
    sha: &str,
    reference: &str,
) -> Result<(), GitError> {
    let (from, spec) = (from.to_string_lossy(), format!("+{sha}:{reference}"));
    run(repo, &["fetch", "--quiet", "--no-tags", &from, &spec], b"").await.map(drop)
}

/// The merge method of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MergeKind {
    Merge,
    Squash,
}

/// The commit that joins `head` into `base`; nothing is moved. An error is a conflict.
pub(crate) async fn merge(
    repo: &Path,
    kind: MergeKind,
    (base, head): (&str, &str),
    message: &str,
    (author, when_ms): (&str, u64),
) -> Result<String, GitError> {
    let tree = text(repo, &["merge-tree", "--write-tree", base, head]).await?;
    let mut args = vec!["commit-tree", &tree, "-m", message, "-p", base];
    if kind == MergeKind::Merge {
        args.extend(["-p", head]);
    }
    let email = format!("{author}@users.noreply.fake");
    let date = format!("{} +0000", when_ms / 1000);
    let mut environment = Vec::new();
    for role in ["AUTHOR", "COMMITTER"] {
        environment.push((format!("GIT_{role}_NAME"), author.to_owned()));
        environment.push((format!("GIT_{role}_EMAIL"), email.clone()));
        environment.push((format!("GIT_{role}_DATE"), date.clone()));
    }
    let environment: Vec<(&str, String)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let sha = run_with(repo, &args, b"", &environment).await?;
    Ok(String::from_utf8_lossy(&sha).trim().to_owned())
}

/// The difference between two trees, one entry a file.
pub(crate) async fn changed_files(
    repo: &Path,
    from: &str,
    to: &str,
) -> Result<Vec<FakeFileChange>, GitError> {
    let all = diff(repo, from, to).await?;
    let raw = run(repo, &["diff", "--raw", "-z", "--no-abbrev", "-M", from, to], b"").await?;
    let mut files = parse_raw(&String::from_utf8_lossy(&raw));
    let pieces: Vec<&str> = all.split("diff --git ").skip(1).collect();
    for (file, piece) in files.iter_mut().zip(pieces) {
        let Some(at) = piece.find("\n@@") else { continue };
        let patch = piece[at + 1..].trim_end_matches('\n').to_owned();
        let count = |sign: char| patch.lines().filter(|line| line.starts_with(sign)).count() as u64;
        (file.additions, file.deletions) = (count('+'), count('-'));
        file.patch = Some(patch);
    }
    Ok(files)
}

/// The difference as text.
pub(crate) async fn diff(repo: &Path, from: &str, to: &str) -> Result<String, GitError> {
    let bytes = run(repo, &["diff", "--no-color", "--no-ext-diff", "-M", from, to], b"").await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parse_raw(raw: &str) -> Vec<FakeFileChange> {
    let mut files = Vec::new();
    let mut parts = raw.split('\0');
    while let Some(head) = parts.next().filter(|head| head.starts_with(':')) {
        let words: Vec<&str> = head.split(' ').collect();
        let (Some(blob), Some(letter)) = (words.get(3), words.get(4)) else { break };
        let moved = letter.starts_with(['R', 'C']);
        let before = if moved { parts.next().map(str::to_owned) } else { None };
        let Some(path) = parts.next() else { break };
        let status = match letter.chars().next() {
            Some('A') => "added",
            Some('D') => "removed",
            Some('R') => "renamed",
            Some('C') => "copied",
            _ => "modified",
        };
        let (path, blob) = (path.to_owned(), (*blob).to_owned());
        files.push(FakeFileChange {
            path,
            before,
            status,
            blob,
            additions: 0,
            deletions: 0,
            patch: None,
        });
    }
    files
}

/// The object at a path of a commit.
pub(crate) enum TreeEntry {
    File { sha: String, bytes: Vec<u8> },
    Folder(Vec<(String, String, String)>),
}

/// Reads a file or lists a folder, if it is there.
pub(crate) async fn entry(
    repo: &Path,
    sha: &str,
    path: &str,
) -> Result<Option<TreeEntry>, GitError> {
    let name = format!("{sha}:{path}");
    let Ok(object) = text(repo, &["rev-parse", "--verify", "--quiet", &name]).await else {
        return Ok(None);
    };
    if text(repo, &["cat-file", "-t", &object]).await? == "blob" {
        let bytes = run(repo, &["cat-file", "blob", &object], b"").await?;
        return Ok(Some(TreeEntry::File { sha: object, bytes }));
    }
    let all = run(repo, &["ls-tree", "-z", &object], b"").await?;
    let all = String::from_utf8_lossy(&all).into_owned();
    let line = |line: &str| {
        let (head, name) = line.split_once('\t')?;
        let mut words = head.split(' ').skip(1);
        let kind = if words.next()? == "tree" { "dir" } else { "file" };
        Some((kind.to_owned(), words.next()?.to_owned(), name.to_owned()))
    };
    Ok(Some(TreeEntry::Folder(all.split('\0').filter_map(line).collect())))
}

/// A request of a git client, as CGI wants it.
pub(crate) struct SmartRequest<'a> {
    pub(crate) method: &'a str,
    /// The path after the repository's name.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) encoding: &'a str,
    pub(crate) protocol: &'a str,
    pub(crate) user: &'a str,
    pub(crate) body: &'a [u8],
}

/// Asks `git http-backend`; gives back its headers and its body.
pub(crate) async fn http(repo: &Path, request: &SmartRequest<'_>) -> Result<Vec<u8>, GitError> {
    let folder = repo.to_string_lossy();
    let environment = [
        ("GIT_PROJECT_ROOT", folder.into_owned()),
        ("GIT_HTTP_EXPORT_ALL", "1".to_owned()),
        ("PATH_INFO", request.path.to_owned()),
        ("REQUEST_METHOD", request.method.to_owned()),
        ("QUERY_STRING", request.query.to_owned()),
        ("CONTENT_TYPE", request.content_type.to_owned()),
        ("CONTENT_LENGTH", request.body.len().to_string()),
        ("HTTP_CONTENT_ENCODING", request.encoding.to_owned()),
        ("GIT_PROTOCOL", request.protocol.to_owned()),
        ("REMOTE_USER", request.user.to_owned()),
    ];
    run_with(repo, &["http-backend"], request.body, &environment).await
}

/// The difference that a range stands for, as text.
pub(crate) async fn diff_range(repo: &Path, range: &str) -> Result<String, GitError> {
    let bytes = run(repo, &["diff", "--no-color", "--no-ext-diff", "-M", range], b"").await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
