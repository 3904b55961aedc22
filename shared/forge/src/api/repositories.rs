//! Repositories, people's permissions on them, and the app's installations.

use http::Method;
use serde::Deserialize;

use crate::account::CallScope;
use crate::call::{ApiCall, escaped};
use crate::error::{ForgeError, Purpose};
use crate::forge::Forge;
use crate::graphql::GraphQlOperation;
use crate::model::{
    CollaboratorRole, GitHubUser, Installation, Listed, Permission, Repository, or_none,
};
use crate::names::{InstallationId, RepoName};
use crate::paging::RepositoriesPage;

/// Repositories of one account beyond this number are not listed.
const MOST_REPOSITORIES: usize = 5_000;

/// The token's owner, in GraphQL.
#[derive(Debug, Deserialize)]
struct Viewing {
    #[serde(default, deserialize_with = "or_none")]
    viewer: Option<GitHubUser>,
}

impl Forge {
    /// Returns a repository. A renamed repository is found under its old name: see
    /// [`Repository::renamed_from`].
    ///
    /// `GET /repos/{owner}/{repo}`
    pub async fn repo(&self, repo: &RepoName) -> Result<Repository, ForgeError> {
        self.core.json(&ApiCall::get(repo, "", format!("read repository {repo}"))).await
    }

    /// Lists the repositories that an installation of the app can see.
    ///
    /// `GET /installation/repositories`
    pub async fn repos_of_installation(
        &self,
        id: InstallationId,
    ) -> Result<Listed<Repository>, ForgeError> {
        let purpose = format!("list the repositories of installation {id}");
        let path = "/installation/repositories?per_page=100";
        let call = ApiCall::new(Method::GET, CallScope::Installation(id), path, purpose);
        self.core.pages::<RepositoriesPage>(&call, MOST_REPOSITORIES).await
    }

    /// Lists the repositories that the token's owner has access to.
    ///
    /// `GET /user/repos`
    pub async fn repos_of_token(&self) -> Result<Listed<Repository>, ForgeError> {
        let purpose = "list the token's repositories";
        let call =
            ApiCall::new(Method::GET, CallScope::Ourselves, "/user/repos?per_page=100", purpose);
        self.core.pages::<Vec<Repository>>(&call, MOST_REPOSITORIES).await
    }

    /// Lists the app's installations with their permissions.
    ///
    /// `GET /app/installations`
    pub async fn installations(&self) -> Result<Listed<Installation>, ForgeError> {
        let path = "/app/installations?per_page=100";
        let call = ApiCall::new(Method::GET, CallScope::App, path, "list the app's installations");
        self.core.pages::<Vec<Installation>>(&call, MOST_REPOSITORIES).await
    }

    /// Returns the token's owner. An app has no user; its name is [`Forge::app_slug`]. A workflow's
    /// token may not call `/user`, but GraphQL names its owner.
    ///
    /// `GET /user`, `viewer`
    pub async fn viewer(&self) -> Result<GitHubUser, ForgeError> {
        let call =
            ApiCall::new(Method::GET, CallScope::Ourselves, "/user", "read the token's owner");
        match self.core.json(&call).await {
            Err(ForgeError::Forbidden { .. } | ForgeError::NotFound { .. }) => {
                self.viewer_by_graphql().await
            }
            received => received,
        }
    }

    async fn viewer_by_graphql(&self) -> Result<GitHubUser, ForgeError> {
        let purpose = Purpose::from("read the token's owner");
        let asked = ("query { viewer { login } }", serde_json::json!({}));
        let about = CallScope::Ourselves;
        let received = self
            .core
            .graphql::<Viewing>(about, purpose.clone(), GraphQlOperation::Query, asked)
            .await?;
        match received.data.and_then(|data| data.viewer) {
            Some(user) => Ok(user),
            None => Err(ForgeError::NotFound { purpose, permission: None }),
        }
    }

    /// Returns the app's name in URLs; it comments as `SLUG[bot]`.
    ///
    /// `GET /app`
    pub async fn app_slug(&self) -> Result<String, ForgeError> {
        let call = ApiCall::new(Method::GET, CallScope::App, "/app", "read the app");
        self.core.json::<crate::model::CheckApp>(&call).await.map(|app| app.slug)
    }

    /// Returns a person's permission on a repository; `Permission::None` for an unknown person.
    ///
    /// `GET /repos/{owner}/{repo}/collaborators/{username}/permission`
    pub async fn permission_of(
        &self,
        repo: &RepoName,
        login: &str,
    ) -> Result<Permission, ForgeError> {
        let path = format!("/collaborators/{}/permission", escaped(login, false));
        let purpose = format!("read what {login} may do with {repo}");
        match self.core.json::<CollaboratorRole>(&ApiCall::get(repo, path, purpose)).await {
            Ok(role) => Ok(role.permission()),
            Err(ForgeError::NotFound { .. }) => Ok(Permission::None),
            Err(error) => Err(error),
        }
    }
}
