//! Renders objects as JSON, for REST and for webhooks alike. A test compares the required fields
//! with GitHub's published description.

mod actions;
mod checks;
mod issues;
mod pulls;
mod repos;

pub(crate) use issues::REACTIONS;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::access::{AppPermissions, FakeApp, FakeInstallation};
use super::state::{AccountKind, FakeUser, GitHubState};

/// Renders from the state as it is.
#[derive(Clone, Copy)]
pub(crate) struct Render<'a> {
    pub(crate) state: &'a GitHubState,
    /// Base address of the API, without a slash at the end.
    pub(crate) api: &'a str,
    /// Base address of pages and git.
    pub(crate) web: &'a str,
}

/// A time as GitHub writes it.
pub(crate) fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(DateTime::<Utc>::from_timestamp_millis);
    time.unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(crate) fn maybe_time(ms: Option<u64>) -> Value {
    ms.map(time).into()
}

/// The id that GraphQL knows something by.
pub(crate) fn node_id(kind: &str, id: u64) -> String {
    STANDARD.encode(format!("{kind}:{id}"))
}

/// Kind and number of such an id.
pub(crate) fn read_node_id(id: &str) -> Option<(String, u64)> {
    let text = String::from_utf8(STANDARD.decode(id).ok()?).ok()?;
    let (kind, number) = text.split_once(':')?;
    Some((kind.to_owned(), number.parse().ok()?))
}

/// Adds fields to an object.
pub(crate) fn extend(value: &mut Value, more: Value) {
    if let (Some(all), Value::Object(more)) = (value.as_object_mut(), more) {
        all.extend(more);
    }
}

impl Render<'_> {
    /// An account, as it stands in everything that it made.
    pub(crate) fn user(&self, login: &str) -> Value {
        match self.state.users.get(login) {
            Some(user) => self.known_user(user),
            None => Value::Null,
        }
    }

    fn known_user(&self, user: &FakeUser) -> Value {
        let url = format!("{}/users/{}", self.api, user.login);
        let mut all = json!({
            "login": user.login,
            "id": user.id,
            "node_id": node_id("User", user.id),
            "avatar_url": format!("{}/avatars/{}", self.web, user.id),
            "gravatar_id": "",
            "url": url,
            "html_url": format!("{}/{}", self.web, user.login),
            "type": account_type(user.kind),
            "site_admin": false,
        });
        for (name, path) in [
            ("followers_url", "followers"),
            ("following_url", "following{/other_user}"),
            ("gists_url", "gists{/gist_id}"),
            ("starred_url", "starred{/owner}{/repo}"),
            ("subscriptions_url", "subscriptions"),
            ("organizations_url", "orgs"),
            ("repos_url", "repos"),
            ("events_url", "events{/privacy}"),
            ("received_events_url", "received_events"),
        ] {
            all[name] = format!("{url}/{path}").into();
        }
        all
    }

    /// An account with what one asks for by its own name.
    pub(crate) fn full_user(&self, user: &FakeUser) -> Value {
        let mut all = self.known_user(user);
        let times = time(user.created_ms);
        let nulls = ["name", "company", "location", "email", "hireable", "bio", "twitter_username"];
        for name in nulls {
            all[name] = Value::Null;
        }
        for name in ["public_repos", "public_gists", "followers", "following"] {
            all[name] = 0.into();
        }
        extend(&mut all, json!({"blog": "", "created_at": times, "updated_at": times}));
        all
    }

    pub(crate) fn app(&self, id: u64) -> Value {
        match self.state.apps.get(&id) {
            Some(app) => self.known_app(app),
            None => Value::Null,
        }
    }

    fn known_app(&self, app: &FakeApp) -> Value {
        let times = time(app.created_ms);
        json!({
            "id": app.id,
            "client_id": format!("Iv1.{:016x}", app.id),
            "slug": app.slug,
            "node_id": node_id("App", app.id),
            "owner": self.user(&app.owner),
            "name": app.slug,
            "description": "",
            "external_url": format!("{}/apps/{}", self.web, app.slug),
            "html_url": format!("{}/apps/{}", self.web, app.slug),
            "created_at": times,
            "updated_at": times,
            "permissions": permissions(&app.permissions),
            "events": EVENTS,
        })
    }

    pub(crate) fn installation(&self, it: &FakeInstallation) -> Value {
        let app = self.state.apps.get(&it.app);
        let slug = app.map(|app| app.slug.clone()).unwrap_or_default();
        let account = self.state.users.get(&it.account);
        let times = time(it.created_ms);
        json!({
            "id": it.id,
            "account": self.user(&it.account),
            "repository_selection": if it.repos.is_some() { "selected" } else { "all" },
            "access_tokens_url": format!("{}/app/installations/{}/access_tokens", self.api, it.id),
            "repositories_url": format!("{}/installation/repositories", self.api),
            "html_url": format!("{}/settings/installations/{}", self.web, it.id),
            "app_id": it.app,
            "app_slug": slug,
            "client_id": format!("Iv1.{:016x}", it.app),
            "target_id": account.map(|account| account.id),
            "target_type": account.map(|account| account_type(account.kind)),
            "permissions": permissions(&it.permissions),
            "events": EVENTS,
            "created_at": times,
            "updated_at": times,
            "single_file_name": null,
            "has_multiple_single_files": false,
            "single_file_paths": [],
            "suspended_by": null,
            "suspended_at": if it.suspended { Some(times) } else { None },
        })
    }
}

/// The events that a fake App is sent.
pub(crate) const EVENTS: [&str; 9] = [
    "check_run",
    "check_suite",
    "issue_comment",
    "pull_request",
    "push",
    "repository",
    "status",
    "workflow_job",
    "workflow_run",
];

pub(crate) fn account_type(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::User => "User",
        AccountKind::Organization => "Organization",
        AccountKind::Bot => "Bot",
    }
}

pub(crate) fn permissions(all: &AppPermissions) -> Value {
    let pairs = all
        .iter()
        .map(|(permission, access)| (permission.name().to_owned(), Value::from(access.name())));
    Value::Object(pairs.collect::<Map<_, _>>())
}
