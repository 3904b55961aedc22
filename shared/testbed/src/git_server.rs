//! A git server over HTTP: git's own `http-backend`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

/// The header value of the token `read-only`.
const READ_ONLY: &str = "Basic eC1hY2Nlc3MtdG9rZW46cmVhZC1vbmx5";

/// One repository, `acme/app`, that a test commits to and others fetch. It is deleted with its
/// test.
pub struct GitServer {
    shared: Arc<GitServerState>,
    /// The loopback address.
    pub address: SocketAddr,
}

struct GitServerState {
    root: TempDir,
    private: bool,
    requests: AtomicUsize,
}

impl GitServer {
    /// Serves everyone.
    pub async fn public() -> Self {
        Self::start(false).await
    }

    /// Serves only requests with the token `read-only`.
    pub async fn private() -> Self {
        Self::start(true).await
    }

    async fn start(private: bool) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(root.path().join("acme/app.git")).expect("room in it");
        let shared = Arc::new(GitServerState { root, private, requests: AtomicUsize::new(0) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let router = Router::new().fallback(serve).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let server = Self { shared, address };
        server.git(&["init", "-q", "-b", "main", "."]);
        server
    }

    /// Returns the clone URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/acme/app.git", self.address)
    }

    /// Returns the number of requests so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Commits these files and returns the commit's hash.
    ///
    /// # Panics
    ///
    /// If git refuses.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        for (name, text) in files {
            std::fs::write(self.place().join(name), text).expect("room for a file");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "-q", "-m", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=tester", "-c", "user.email=tester@example.org"])
            .args(arguments)
            .current_dir(self.place())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    fn place(&self) -> std::path::PathBuf {
        self.shared.root.path().join("acme/app.git")
    }
}

async fn serve(State(server): State<Arc<GitServerState>>, request: Request) -> Response {
    server.requests.fetch_add(1, Ordering::Relaxed);
    let variables = variables(&request);
    let authorization = request.headers().get("authorization");
    if server.private && authorization.is_none_or(|value| value != READ_ONLY) {
        return (StatusCode::UNAUTHORIZED, [("www-authenticate", "Basic")]).into_response();
    }
    let uri = request.uri().clone();
    let body = to_bytes(request.into_body(), 1 << 20).await.expect("a whole request");
    let path = uri.path().replace("/app.git/", "/app.git/.git/");
    answer(&run(server.root.path(), &path, uri.query().unwrap_or(""), &variables, &body).await)
}

/// Returns the CGI variables of a request.
fn variables(request: &Request) -> [(&'static str, String); 4] {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map_or("", |value| value.to_str().expect("a header of text")).to_owned()
    };
    [
        ("REQUEST_METHOD", request.method().to_string()),
        ("CONTENT_TYPE", header("content-type")),
        ("HTTP_CONTENT_ENCODING", header("content-encoding")),
        ("GIT_PROTOCOL", header("git-protocol")),
    ]
}

async fn run(
    root: &Path,
    path: &str,
    query: &str,
    variables: &[(&str, String)],
    body: &Bytes,
) -> Vec<u8> {
    let mut backend = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .envs(variables.iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git");
    backend.stdin.take().expect("a pipe").write_all(body).await.expect("a reader");
    backend.wait_with_output().await.expect("an answer").stdout
}

/// Converts a CGI response to HTTP.
fn answer(output: &[u8]) -> Response {
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").expect("headers");
    let mut response = Response::new(Bytes::copy_from_slice(&output[end + 4..]).into());
    for line in std::str::from_utf8(&output[..end]).expect("headers of text").lines() {
        let (name, value) = line.split_once(": ").expect("a header");
        if name == "Status" {
            *response.status_mut() = value[..3].parse().expect("a status");
        } else {
            let name: axum::http::HeaderName = name.parse().expect("a name");
            response.headers_mut().insert(name, value.parse().expect("a value"));
        }
    }
    response
}
