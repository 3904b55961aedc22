//! Callers and their rights: personal tokens, Apps that sign a JWT, and short-lived tokens of their
//! installations.
//!
//! Permissions are checked as GitHub does: a caller who may not see a repository gets 404, one who
//! may see it but lacks a permission gets 403.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::Value;

use super::response::ApiRefusal;
use super::state::GitHubState;

/// A permission of a token, by GitHub's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are GitHub's names")]
pub enum AppPermission {
    Actions,
    Administration,
    Checks,
    Contents,
    Issues,
    Metadata,
    PullRequests,
    RepositoryHooks,
    Statuses,
    Workflows,
}

impl AppPermission {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Actions,
        Self::Administration,
        Self::Checks,
        Self::Contents,
        Self::Issues,
        Self::Metadata,
        Self::PullRequests,
        Self::RepositoryHooks,
        Self::Statuses,
        Self::Workflows,
    ];

    /// As it stands in the permissions of an App.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Actions => "actions",
            Self::Administration => "administration",
            Self::Checks => "checks",
            Self::Contents => "contents",
            Self::Issues => "issues",
            Self::Metadata => "metadata",
            Self::PullRequests => "pull_requests",
            Self::RepositoryHooks => "repository_hooks",
            Self::Statuses => "statuses",
            Self::Workflows => "workflows",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name() == name)
    }
}

/// The level of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessLevel {
    /// To look.
    Read,
    /// To look and to change.
    Write,
}

impl AccessLevel {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// The permissions of a token.
pub type AppPermissions = BTreeMap<AppPermission, AccessLevel>;

/// Every permission, to write.
#[must_use]
pub fn everything() -> AppPermissions {
    AppPermission::ALL.into_iter().map(|permission| (permission, AccessLevel::Write)).collect()
}

/// The role of a person in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are GitHub's names")]
pub enum RepoRole {
    None,
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

impl RepoRole {
    /// The name of the role.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// The older name, which knows four steps alone.
    pub(crate) fn permission(self) -> &'static str {
        match self {
            Self::Triage => "read",
            Self::Maintain => "write",
            other => other.name(),
        }
    }
}

/// An App.
#[derive(Debug, Clone)]
pub(crate) struct FakeApp {
    pub(crate) id: u64,
    pub(crate) slug: String,
    pub(crate) owner: String,
    pub(crate) permissions: AppPermissions,
    pub(crate) created_ms: u64,
    pub(crate) key: Option<PublicKey>,
}

impl FakeApp {
    pub(crate) fn bot(&self) -> String {
        format!("{}[bot]", self.slug)
    }
}

/// The public half of an App's key.
#[derive(Debug, Clone)]
pub(crate) struct PublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl PublicKey {
    /// Takes it from the private half, a PKCS#1 PEM as GitHub hands out.
    pub(crate) fn of_pem(pem: &str) -> Option<Self> {
        let lines = pem.lines().filter(|line| !line.starts_with("-----"));
        let der = STANDARD.decode(lines.collect::<String>().trim()).ok()?;
        let pair = ring::signature::RsaKeyPair::from_der(&der).ok()?;
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
        Some(Self { modulus: public.n, exponent: public.e })
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }
}

/// An App at an account.
#[derive(Debug, Clone)]
pub(crate) struct FakeInstallation {
    pub(crate) id: u64,
    pub(crate) app: u64,
    pub(crate) account: String,
    /// `None` is all of the account's.
    pub(crate) repos: Option<Vec<u64>>,
    pub(crate) permissions: AppPermissions,
    pub(crate) created_ms: u64,
    pub(crate) suspended: bool,
}

impl FakeInstallation {
    pub(crate) fn holds(&self, repo: &super::state::FakeRepo) -> bool {
        match &self.repos {
            Some(repos) => repos.contains(&repo.id),
            None => repo.owner == self.account,
        }
    }
}

/// The identity behind a token.
#[derive(Debug, Clone)]
pub(crate) struct FakeToken {
    pub(crate) owner: TokenOwner,
    pub(crate) permissions: AppPermissions,
    /// `None` is all that its owner sees.
    pub(crate) repos: Option<Vec<u64>>,
    pub(crate) expires_ms: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) enum TokenOwner {
    Person(String),
    Installation(u64),
}

/// The caller of a request.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    Nobody,
    App(u64),
    Token { key: String, token: FakeToken, login: String, app: Option<u64> },
}

impl Caller {
    /// Finds out from the request's headers.
    pub(crate) fn of(state: &GitHubState, headers: &HeaderMap) -> Result<Self, ApiRefusal> {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(Self::Nobody) };
        let value = value.to_str().unwrap_or_default();
        let (scheme, rest) = value.split_once(' ').unwrap_or(("", value));
        let secret = match scheme.to_ascii_lowercase().as_str() {
            "bearer" | "token" => rest.to_owned(),
            "basic" => basic_password(rest).unwrap_or_default(),
            _ => String::new(),
        };
        if secret.matches('.').count() == 2 {
            return app_of_jwt(state, &secret).map(Self::App);
        }
        Self::of_token(state, &secret).ok_or_else(ApiRefusal::bad_credentials)
    }

    fn of_token(state: &GitHubState, key: &str) -> Option<Self> {
        let token = state.tokens.get(key)?.clone();
        if token.expires_ms.is_some_and(|end| end <= state.now_ms()) {
            return None;
        }
        let (login, app) = match &token.owner {
            TokenOwner::Person(login) => (login.clone(), None),
            TokenOwner::Installation(id) => {
                let installation = state.installations.get(id)?;
                if installation.suspended {
                    return None;
                }
                (state.apps.get(&installation.app)?.bot(), Some(installation.app))
            }
        };
        Some(Self::Token { key: key.to_owned(), token, login, app })
    }

    /// Under what name its use of the limits is counted.
    pub(crate) fn account_key(&self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::App(id) => format!("app {id}"),
            Self::Token {
                token: FakeToken { owner: TokenOwner::Installation(id), .. }, ..
            } => {
                format!("installation {id}")
            }
            Self::Token { login, .. } => format!("user {login}"),
        }
    }

    pub(crate) fn login(&self) -> String {
        match self {
            Self::Token { login, .. } => login.clone(),
            Self::App(_) | Self::Nobody => "ghost".to_owned(),
        }
    }

    pub(crate) fn app(&self) -> Option<u64> {
        match self {
            Self::Token { app, .. } => *app,
            Self::App(id) => Some(*id),
            Self::Nobody => None,
        }
    }

    pub(crate) fn sees(&self, state: &GitHubState, repo: &super::state::FakeRepo) -> bool {
        !repo.private || self.reaches(state, repo)
    }

    /// Returns true if the token covers this repository, visible or not.
    fn reaches(&self, state: &GitHubState, repo: &super::state::FakeRepo) -> bool {
        let Self::Token { token, login, .. } = self else { return false };
        if token.repos.as_ref().is_some_and(|repos| !repos.contains(&repo.id)) {
            return false;
        }
        match token.owner {
            TokenOwner::Installation(id) => {
                state.installations.get(&id).is_some_and(|installation| installation.holds(repo))
            }
            TokenOwner::Person(_) => repo.owner == *login || role(repo, login) > RepoRole::None,
        }
    }

    /// Returns true if the caller owns the repository or was invited to it.
    pub(crate) fn works_on(&self, state: &GitHubState, repo: &super::state::FakeRepo) -> bool {
        let Self::Token { login, .. } = self else { return false };
        let invited = repo.owner == *login || repo.collaborators.contains_key(login);
        invited && self.reaches(state, repo)
    }

    /// Refuses unless the caller has this permission for this repository.
    pub(crate) fn needs(
        &self,
        state: &GitHubState,
        repo: &super::state::FakeRepo,
        permission: AppPermission,
        access: AccessLevel,
    ) -> Result<(), ApiRefusal> {
        if access == AccessLevel::Read && !repo.private && !matches!(self, Self::Token { .. }) {
            return Ok(());
        }
        let Self::Token { token, login, app, .. } = self else {
            return Err(ApiRefusal::needs_authentication());
        };
        let held = token.permissions.get(&permission).copied();
        let enough = permission == AppPermission::Metadata || held >= Some(access);
        let may =
            app.is_some() || access == AccessLevel::Read || role_suffices(repo, login, permission);
        if enough && may && (self.reaches(state, repo) || access == AccessLevel::Read) {
            return Ok(());
        }
        Err(ApiRefusal::not_accessible(app.is_some(), permission, access))
    }
}

/// Returns the role of a person in a repository.
pub(crate) fn role(repo: &super::state::FakeRepo, login: &str) -> RepoRole {
    if repo.owner == login {
        return RepoRole::Admin;
    }
    let otherwise = if repo.private { RepoRole::None } else { RepoRole::Read };
    repo.collaborators.get(login).copied().unwrap_or(otherwise)
}

fn role_suffices(repo: &super::state::FakeRepo, login: &str, permission: AppPermission) -> bool {
    let least = match permission {
        AppPermission::Administration | AppPermission::RepositoryHooks => RepoRole::Admin,
        // Anyone may comment and open an issue.
        AppPermission::Issues | AppPermission::PullRequests => RepoRole::Read,
        _ => RepoRole::Write,
    };
    role(repo, login) >= least
}

fn basic_password(encoded: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    Some(text.split_once(':')?.1.to_owned())
}

/// The App that signed this, if the signature and the times are right.
fn app_of_jwt(state: &GitHubState, jwt: &str) -> Result<u64, ApiRefusal> {
    let undecodable = || ApiRefusal::unauthorized("A JSON web token could not be decoded");
    let (signed, signature) = jwt.rsplit_once('.').ok_or_else(undecodable)?;
    let (head, claims) = signed.split_once('.').ok_or_else(undecodable)?;
    let json = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let (head, claims) = (json(head), json(claims));
    let (head, claims) = head.zip(claims).ok_or_else(undecodable)?;
    let issuer = issuer(&claims).ok_or_else(undecodable)?;
    let key = state.apps.get(&issuer).and_then(|app| app.key.as_ref());
    let key = key.ok_or_else(|| ApiRefusal::not_found("Integration not found"))?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| undecodable())?;
    if head["alg"] != "RS256" || !key.has_signed(signed.as_bytes(), &signature) {
        return Err(undecodable());
    }
    check_times(&claims, state.now_ms() / 1000)?;
    Ok(issuer)
}

fn issuer(claims: &Value) -> Option<u64> {
    let issuer = &claims["iss"];
    issuer.as_u64().or_else(|| issuer.as_str()?.parse().ok())
}

/// GitHub takes a token for ten minutes at most, and not one from the future.
fn check_times(claims: &Value, now: u64) -> Result<(), ApiRefusal> {
    let issued = claims["iat"].as_u64().unwrap_or(u64::MAX);
    let expires = claims["exp"].as_u64().unwrap_or_default();
    if issued > now + 60 {
        let text = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
        return Err(ApiRefusal::unauthorized(text));
    }
    if expires <= now {
        let text = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
        return Err(ApiRefusal::unauthorized(text));
    }
    if expires > now + 600 + 60 {
        let text = "'Expiration time' claim ('exp') is too far in the future";
        return Err(ApiRefusal::unauthorized(text));
    }
    Ok(())
}
