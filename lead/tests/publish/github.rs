//! A small GitHub that keeps state, for the one repository `acme/app` with pull request 812.
//!
//! It does what is asked over real connections, and breaks them when it is told to. The practice
//! world does much more; this one can say when it has heard the last of a client that was killed.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use greenline_forge::{ApiBase, Forge, ForgeConfig, GitHubCredentials, PauseMode};
use greenline_runtime::clock::ManualClock;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub(crate) const HEAD: &str = "3f2a91c00000000000000000000000000000000f";

/// Settings that let Greenline commit and merge by itself.
pub(crate) const ASKS_NOBODY: &str = "[autonomy]\nlevel = 2\nmerge = true\n";

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection breaks, and nothing has happened.
    BrokenBefore,
    /// It has happened, and the connection breaks.
    BrokenAfter,
    /// 502, and nothing has happened.
    BadBefore,
    /// It has happened, and the answer is 502.
    BadAfter,
}

/// What it keeps.
pub(crate) struct World {
    pub(crate) comments: Vec<Value>,
    pub(crate) reactions: Vec<String>,
    pub(crate) check_runs: Vec<Value>,
    pub(crate) run_attempt: u64,
    pub(crate) run_status: &'static str,
    /// Newest first.
    pub(crate) commits: Vec<Value>,
    pub(crate) labels: Vec<String>,
    pub(crate) reviewers: Vec<String>,
    pub(crate) merged: bool,
    pub(crate) mergeable_state: &'static str,
    pub(crate) from_fork: bool,
    pub(crate) protected: bool,
    pub(crate) default_branch: &'static str,
    pub(crate) pull_state: &'static str,
    pub(crate) permission: &'static str,
    /// The settings on the base branch.
    pub(crate) greenline_toml: Option<&'static str>,
    pub(crate) writes: Vec<String>,
    pub(crate) calls: Vec<Value>,
    /// After how many more calls something goes wrong, and what.
    pub(crate) fault: Option<(usize, Fault)>,
    next_id: u64,
}

impl World {
    fn new() -> Self {
        Self {
            comments: Vec::new(),
            reactions: Vec::new(),
            check_runs: Vec::new(),
            run_attempt: 1,
            run_status: "completed",
            commits: vec![json!({ "sha": HEAD, "commit": { "message": "x" }, "parents": [] })],
            labels: Vec::new(),
            reviewers: Vec::new(),
            merged: false,
            mergeable_state: "clean",
            from_fork: false,
            protected: false,
            default_branch: "main",
            pull_state: "open",
            permission: "write",
            greenline_toml: Some(ASKS_NOBODY),
            writes: Vec::new(),
            calls: Vec::new(),
            fault: None,
            next_id: 100,
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(crate) fn head(&self) -> String {
        self.commits[0]["sha"].as_str().unwrap().to_owned()
    }

    /// Somebody writes a comment.
    pub(crate) fn comment(&mut self, login: &str, body: &str) -> u64 {
        let (id, at) = (self.id(), "2026-01-01T00:00:00Z");
        let user = json!({ "id": 7, "login": login, "type": "User" });
        let comment =
            json!({ "id": id, "body": body, "user": user, "created_at": at, "updated_at": at });
        self.comments.push(comment);
        id
    }
}

/// How many connections there were, and how many there are.
#[derive(Default)]
struct Connections {
    taken: usize,
    open: usize,
}

/// Notifications that are not answered until they are let go.
#[derive(Default)]
struct Hold {
    /// The end of their path.
    path: watch::Sender<Option<&'static str>>,
    held: watch::Sender<usize>,
}

/// The server; gone with its handle.
pub(crate) struct GitHub {
    world: Arc<Mutex<World>>,
    connections: watch::Sender<Connections>,
    hold: Arc<Hold>,
    port: u16,
    listening: AbortHandle,
}

impl GitHub {
    pub(crate) async fn start() -> Self {
        let world = Arc::new(Mutex::new(World::new()));
        let hold: Arc<Hold> = Arc::default();
        let router = Router::new().fallback(answer).with_state((world.clone(), hold.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = watch::Sender::new(Connections::default());
        let count = connections.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(router.clone());
                let count = count.clone();
                count.send_modify(|count| {
                    count.taken += 1;
                    count.open += 1;
                });
                tokio::spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    let _broken = http.serve_connection(TokioIo::new(stream), service).await;
                    count.send_modify(|count| count.open -= 1);
                });
            }
        });
        Self { world, connections, hold, port, listening: listening.abort_handle() }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Answers no call of a path that ends so, until [`GitHub::lets_go`].
    pub(crate) fn holds(&self, path: &'static str) {
        self.hold.path.send_replace(Some(path));
    }

    pub(crate) fn lets_go(&self) {
        self.hold.path.send_replace(None);
    }

    /// Waits until a call is held.
    pub(crate) async fn holds_one(&self) {
        let mut held = self.hold.held.subscribe();
        let one = held.wait_for(|held| *held > 0);
        tokio::time::timeout(Duration::from_secs(30), one).await.unwrap().unwrap();
    }

    /// A client that does not sleep.
    pub(crate) fn forge(&self) -> Forge {
        let manual = ManualClock::at(1_700_000_000_000);
        let token = GitHubCredentials::Token("token-of-this-test".to_owned().into());
        let mut config = ForgeConfig::new(token, manual.clock()).at(ApiBase::parse(&format!(
            "http://127.0.0.1:{}",
            self.port
        ))
        .unwrap());
        config.pause = PauseMode::Move(manual);
        Forge::new(config).unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Waits until all clients are gone and what they sent has been heard.
    pub(crate) async fn is_left_alone(&self) {
        let mut connections = self.connections.subscribe();
        let before = connections.borrow().taken;
        // Connections are taken in order: once this one is, all before it are.
        drop(TcpStream::connect(("127.0.0.1", self.port)).await.unwrap());
        let none = connections.wait_for(|count| count.taken > before && count.open == 0);
        tokio::time::timeout(Duration::from_secs(30), none).await.unwrap().unwrap();
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn answer(
    State((world, hold)): State<(Arc<Mutex<World>>, Arc<Hold>)>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let mut path = hold.path.subscribe();
    let is_held = |end: &Option<&str>| end.is_some_and(|end| uri.path().ends_with(end));
    if is_held(&path.borrow()) {
        hold.held.send_modify(|held| *held += 1);
        let _gone = path.wait_for(|end| !is_held(end)).await;
    }
    let mut world = world.lock().unwrap();
    let fault = match world.fault {
        Some((0, fault)) => {
            world.fault = None;
            Some(fault)
        }
        Some((left, fault)) => {
            world.fault = Some((left - 1, fault));
            None
        }
        None => None,
    };
    match fault {
        Some(Fault::BrokenBefore) => return broken(),
        Some(Fault::BadBefore) => return StatusCode::BAD_GATEWAY.into_response(),
        _ => {}
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, said) = route(&mut world, &method, &uri, &body);
    match fault {
        Some(Fault::BrokenAfter) => broken(),
        Some(Fault::BadAfter) => StatusCode::BAD_GATEWAY.into_response(),
        _ if said["raw"].is_string() => said["raw"].as_str().unwrap().to_owned().into_response(),
        _ => (StatusCode::from_u16(status).unwrap(), Json(said)).into_response(),
    }
}

/// Promises a body and hangs up.
fn broken() -> Response {
    let error = std::io::Error::other("the wire broke");
    let piece: Result<Bytes, std::io::Error> = Err(error);
    Body::from_stream(futures_util::stream::iter([piece])).into_response()
}

fn route(world: &mut World, method: &Method, uri: &Uri, body: &Value) -> (u16, Value) {
    let path = uri.path();
    if *method != Method::GET {
        let what = if path == "/graphql" { "commit" } else { path };
        world.writes.push(format!("{method} {what}"));
    }
    let parts: Vec<&str> =
        path.trim_start_matches("/repos/acme/app").trim_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["user"]) => (200, json!({ "id": 1, "login": "greenline", "type": "User" })),
        ("POST", ["graphql"]) => (200, commit(world, &body["variables"]["input"])),
        ("POST", ["hook"]) => {
            world.calls.push(body.clone());
            (200, json!("ok"))
        }
        ("GET", [""]) => (
            200,
            json!({ "id": 5, "full_name": "acme/app", "default_branch": world.default_branch }),
        ),
        ("GET", ["contents", ".greenline.toml"]) => match world.greenline_toml {
            Some(text) => (200, json!({ "raw": text })),
            None => (404, json!({ "message": "Not Found" })),
        },
        ("GET", ["contents", ".github", "workflows", "ci.yml"]) => {
            (200, json!({ "raw": "on: push\njobs: {}\n" }))
        }
        ("GET", ["issues"]) => (200, json!([])),
        ("POST", ["issues"]) => (201, json!({ "number": 813, "title": body["title"] })),
        ("GET", ["issues", "812", "comments"]) => (200, json!(world.comments)),
        ("POST", ["issues", "812", "comments"]) => {
            let id = world.comment("greenline", body["body"].as_str().unwrap());
            (201, world.comments.iter().find(|it| it["id"] == id).unwrap().clone())
        }
        (_, ["issues", "comments", id]) => one_comment(world, method, id, body),
        ("POST", ["issues", "comments", _, "reactions"]) => {
            let content = body["content"].as_str().unwrap().to_owned();
            if !world.reactions.contains(&content) {
                world.reactions.push(content);
            }
            (201, json!({ "id": 1 }))
        }
        ("GET", ["issues", "812", "labels"]) => {
            let labels: Vec<Value> = world.labels.iter().map(|it| json!({ "name": it })).collect();
            (200, json!(labels))
        }
        ("POST", ["issues", "812", "labels"]) => {
            let names = body["labels"].as_array().unwrap().iter();
            for name in names.map(|name| name.as_str().unwrap()) {
                // As on GitHub: a label that is there already stays one label.
                if !world.labels.iter().any(|label| label == name) {
                    world.labels.push(name.to_owned());
                }
            }
            (200, json!([]))
        }
        ("DELETE", ["issues", "812", "labels", name]) => {
            world.labels.retain(|label| label != name);
            (200, json!([]))
        }
        ("POST", ["pulls", "812", "requested_reviewers"]) => {
            for login in body["reviewers"].as_array().unwrap() {
                let login = login.as_str().unwrap().to_owned();
                if !world.reviewers.contains(&login) {
                    world.reviewers.push(login);
                }
            }
            (201, json!({}))
        }
        ("GET", ["commits", _, "check-runs"]) => {
            let runs: Vec<&Value> = world.check_runs.iter().rev().collect();
            (200, json!({ "total_count": runs.len(), "check_runs": runs }))
        }
        ("POST", ["check-runs"]) => {
            let mut run = json!({ "id": world.id(), "name": body["name"], "head_sha": body["head_sha"],
                "output": { "annotations_count": 0 } });
            apply(&mut run, body);
            world.check_runs.push(run.clone());
            (201, run)
        }
        ("PATCH", ["check-runs", id]) => {
            let id: u64 = id.parse().unwrap();
            let run = world.check_runs.iter_mut().find(|run| run["id"] == id).unwrap();
            apply(run, body);
            (200, run.clone())
        }
        ("GET", ["actions", "runs", "9"]) => (
            200,
            json!({ "id": 9, "head_sha": HEAD, "status": world.run_status,
                "run_attempt": world.run_attempt }),
        ),
        ("POST", ["actions", "runs", "9", "rerun-failed-jobs"]) => {
            world.run_attempt += 1;
            (201, json!({}))
        }
        ("GET", ["pulls", "812"]) => (200, pull(world)),
        ("PUT", ["pulls", "812", "merge"]) if world.merged => {
            (405, json!({ "message": "Pull Request is not mergeable" }))
        }
        ("PUT", ["pulls", "812", "merge"]) if body["sha"] != world.head() => {
            (409, json!({ "message": "Head branch was modified. Review and try the merge again." }))
        }
        ("PUT", ["pulls", "812", "merge"]) => {
            (world.merged, world.pull_state) = (true, "closed");
            (200, json!({ "sha": "a".repeat(40), "merged": true }))
        }
        ("GET", ["branches", "feat"]) => {
            (200, json!({ "name": "feat", "protected": world.protected }))
        }
        ("GET", ["rules", "branches", "feat"]) => (200, json!([])),
        ("GET", ["commits"]) => (200, json!(world.commits)),
        ("GET", ["collaborators", _, "permission"]) => {
            (200, json!({ "permission": world.permission }))
        }
        _ => (404, json!({ "message": format!("Not Found: {method} {uri}") })),
    }
}

fn one_comment(world: &mut World, method: &Method, id: &str, body: &Value) -> (u16, Value) {
    let id: u64 = id.parse().unwrap();
    let Some(comment) = world.comments.iter_mut().find(|it| it["id"] == id) else {
        return (404, json!({ "message": "Not Found" }));
    };
    if *method == Method::PATCH {
        comment["body"] = body["body"].clone();
    }
    (200, comment.clone())
}

fn apply(run: &mut Value, body: &Value) {
    let more = body["output"]["annotations"].as_array().map_or(0, Vec::len);
    assert!(more <= 50, "GitHub takes 50 at once");
    for field in ["status", "conclusion", "external_id"] {
        if !body[field].is_null() {
            run[field] = body[field].clone();
        }
    }
    let has = run["output"]["annotations_count"].as_u64().unwrap();
    run["output"] = json!({ "title": body["output"]["title"], "summary": body["output"]["summary"],
        "annotations_count": has + more as u64 });
}

fn pull(world: &World) -> Value {
    let head_repo = if world.from_fork { 6 } else { 5 };
    json!({
        "number": 812, "node_id": "PR_1", "state": world.pull_state, "merged": world.merged,
        "mergeable_state": world.mergeable_state,
        "head": { "ref": "feat", "sha": world.head(), "repo": { "id": head_repo } },
        "base": { "ref": "main", "sha": "0".repeat(40), "repo": { "id": 5 } },
    })
}

fn commit(world: &mut World, input: &Value) -> Value {
    let head = world.head();
    if input["expectedHeadOid"] != head {
        let message =
            format!("Expected branch to point to {} but it did not", input["expectedHeadOid"]);
        return json!({ "data": { "createCommitOnBranch": null },
            "errors": [{ "type": "STALE_DATA", "message": message }] });
    }
    let sha = format!("{:040x}", world.id());
    let said = &input["message"];
    let message =
        format!("{}\n\n{}", said["headline"].as_str().unwrap(), said["body"].as_str().unwrap());
    let commit = json!({ "sha": sha, "commit": { "message": message }, "parents": [{ "sha": head }],
        "changes": input["fileChanges"] });
    world.commits.insert(0, commit);
    json!({ "data": { "createCommitOnBranch": { "commit": { "oid": sha } } } })
}
