//! Files and folders of a commit.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::access::{AccessLevel, AppPermission};
use super::super::fake_server::FakeServer;
use super::super::git::{self, TreeEntry};
use super::super::middleware::RequestContext;
use super::super::response::{ApiRefusal, ApiResult, ok};
use super::RepoRoute;

pub(crate) fn router() -> Router<Arc<FakeServer>> {
    Router::new()
        .route("/repos/{owner}/{repo}/contents/{*path}", get(contents))
        .route("/repos/{owner}/{repo}/contents", get(root))
        .route("/repos/{owner}/{repo}/contents/", get(root))
}

async fn root(ctx: RequestContext) -> ApiResult {
    show(ctx, String::new()).await
}

async fn contents(ctx: RequestContext, Path((_, _, path)): RepoRoute<String>) -> ApiResult {
    show(ctx, path).await
}

/// The requested place.
struct ContentLocation {
    path: String,
    reference: String,
    url: String,
    html: String,
}

async fn show(ctx: RequestContext, path: String) -> ApiResult {
    let (git, sha, place) = {
        let state = ctx.state();
        let repo = ctx.may(&state, AppPermission::Contents, AccessLevel::Read)?;
        let reference = ctx.word("ref").unwrap_or(&repo.default_branch).to_owned();
        let none = || ApiRefusal::not_found(&format!("No commit found for the ref {reference}"));
        let sha = repo.resolve(&reference).ok_or_else(none)?;
        let render = ctx.render(&state);
        let (url, html) = (render.repo_url(repo), render.repo_html(repo));
        (repo.git.clone(), sha, ContentLocation { path, reference: reference.clone(), url, html })
    };
    let entry = git::entry(&git, &sha, place.path.trim_matches('/')).await;
    match entry.map_err(|_| ApiRefusal::new(500, "Server Error"))? {
        None => Err(ApiRefusal::missing()),
        Some(TreeEntry::File { bytes, .. }) if ctx.wants("raw") => {
            let kind = [(header::CONTENT_TYPE, "application/vnd.github.raw+json; charset=utf-8")];
            Ok((kind, bytes).into_response())
        }
        Some(TreeEntry::File { sha, bytes }) => ok(&place.file(&sha, &bytes)),
        Some(TreeEntry::Folder(entries)) => {
            let all = entries.iter().map(|(kind, sha, name)| place.child(kind, sha, name));
            ok(&Value::Array(all.collect()))
        }
    }
}

impl ContentLocation {
    fn file(&self, sha: &str, bytes: &[u8]) -> Value {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let mut all = self.entry("file", sha, name, &self.path, bytes.len());
        let encoded = STANDARD.encode(bytes);
        let lines: Vec<&str> = encoded
            .as_bytes()
            .chunks(60)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        all["content"] = format!("{}\n", lines.join("\n")).into();
        all["encoding"] = "base64".into();
        all
    }

    fn child(&self, kind: &str, sha: &str, name: &str) -> Value {
        let joint = if self.path.is_empty() { "" } else { "/" };
        self.entry(kind, sha, name, &format!("{}{joint}{name}", self.path), 0)
    }

    fn entry(&self, kind: &str, sha: &str, name: &str, path: &str, size: usize) -> Value {
        let url = format!("{}/contents/{path}?ref={}", self.url, self.reference);
        let leaf = if kind == "dir" { ("trees", "tree") } else { ("blobs", "blob") };
        let git = format!("{}/git/{}/{sha}", self.url, leaf.0);
        let html = format!("{}/{}/{}/{path}", self.html, leaf.1, self.reference);
        let raw = format!("{}/raw/{}/{path}", self.html, self.reference);
        json!({
            "type": kind, "name": name, "path": path, "sha": sha, "size": size,
            "url": url, "git_url": git, "html_url": html,
            "download_url": if kind == "dir" { None } else { Some(raw) },
            "_links": {"self": url, "git": git, "html": html},
        })
    }
}
