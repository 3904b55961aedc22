//! Repositories, who may do what with them, and where the app is installed.

use http::Method;
use serde::Deserialize;

use crate::account::About;
use crate::call::{Call, escaped};
use crate::error::{ForgeError, Purpose};
use crate::forge::Forge;
use crate::graphql::Asking;
use crate::model::{Installation, Listed, Permission, Repository, Role, User, or_none};
use crate::names::{InstallationId, RepoName};
use crate::paging::Repositories;

/// More repositories of one account than this are not listed.
const MOST_REPOSITORIES: usize = 5_000;

/// Whose token it is, by GraphQL.
#[derive(Debug, Deserialize)]
struct Viewing {
    #[serde(default, deserialize_with = "or_none")]
    viewer: Option<User>,
}

impl Forge {
    /// A repository: default branch, private, archived. One that was renamed is found under its
    /// old name: see [`Repository::renamed_from`].
    ///
    /// `GET /repos/{owner}/{repo}`
    pub async fn repo(&self, repo: &RepoName) -> Result<Repository, ForgeError> {
        self.core.json(&Call::get(repo, "", format!("read repository {repo}"))).await
    }

    /// The repositories that an installation of the app sees.
    ///
    /// `GET /installation/repositories`
    pub async fn repos_of_installation(
        &self,
        id: InstallationId,
    ) -> Result<Listed<Repository>, ForgeError> {
        let purpose = format!("list the repositories of installation {id}");
        let path = "/installation/repositories?per_page=100";
        let call = Call::new(Method::GET, About::Installation(id), path, purpose);
        self.core.pages::<Repositories>(&call, MOST_REPOSITORIES).await
    }

    /// The repositories that the token's owner has to do with.
    ///
    /// `GET /user/repos`
    pub async fn repos_of_token(&self) -> Result<Listed<Repository>, ForgeError> {
        let purpose = "list the token's repositories";
        let call = Call::new(Method::GET, About::Ourselves, "/user/repos?per_page=100", purpose);
        self.core.pages::<Vec<Repository>>(&call, MOST_REPOSITORIES).await
    }

    /// Where the app is installed, and with which permissions.
    ///
    /// `GET /app/installations`
    pub async fn installations(&self) -> Result<Listed<Installation>, ForgeError> {
        let path = "/app/installations?per_page=100";
        let call = Call::new(Method::GET, About::App, path, "list the app's installations");
        self.core.pages::<Vec<Installation>>(&call, MOST_REPOSITORIES).await
    }

    /// Who we are: the token's owner. An app is nobody's user; its name is [`Forge::app_slug`].
    /// The token of a workflow may not ask `/user`, but is told by GraphQL whose it is.
    ///
    /// `GET /user`, `viewer`
    pub async fn viewer(&self) -> Result<User, ForgeError> {
        let call = Call::new(Method::GET, About::Ourselves, "/user", "read the token's owner");
        match self.core.json(&call).await {
            Err(ForgeError::Forbidden { .. } | ForgeError::NotFound { .. }) => {
                self.viewer_by_graphql().await
            }
            said => said,
        }
    }

    async fn viewer_by_graphql(&self) -> Result<User, ForgeError> {
        let purpose = Purpose::from("read the token's owner");
        let asked = ("query { viewer { login } }", serde_json::json!({}));
        let about = About::Ourselves;
        let said =
            self.core.graphql::<Viewing>(about, purpose.clone(), Asking::Query, asked).await?;
        match said.data.and_then(|data| data.viewer) {
            Some(user) => Ok(user),
            None => Err(ForgeError::NotFound { purpose, permission: None }),
        }
    }

    /// The app's name in URLs; it writes comments as `SLUG[bot]`.
    ///
    /// `GET /app`
    pub async fn app_slug(&self) -> Result<String, ForgeError> {
        let call = Call::new(Method::GET, About::App, "/app", "read the app");
        self.core.json::<crate::model::App>(&call).await.map(|app| app.slug)
    }

    /// What a person may do with a repository; somebody who is not there may do nothing.
    ///
    /// `GET /repos/{owner}/{repo}/collaborators/{username}/permission`
    pub async fn permission_of(
        &self,
        repo: &RepoName,
        login: &str,
    ) -> Result<Permission, ForgeError> {
        let path = format!("/collaborators/{}/permission", escaped(login, false));
        let purpose = format!("read what {login} may do with {repo}");
        match self.core.json::<Role>(&Call::get(repo, path, purpose)).await {
            Ok(role) => Ok(role.permission()),
            Err(ForgeError::NotFound { .. }) => Ok(Permission::None),
            Err(error) => Err(error),
        }
    }
}
