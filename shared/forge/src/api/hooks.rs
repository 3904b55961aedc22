//! Webhook deliveries, and how to request them again.

use http::Method;

use crate::account::CallScope;
use crate::call::ApiCall;
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::model::{Hook, HookDelivery, Listed};
use crate::names::{DeliveryId, HookId, RepoName};

impl Forge {
    /// Lists the app's deliveries, newest first, up to `most`.
    ///
    /// `GET /app/hook/deliveries`
    pub async fn app_deliveries(&self, most: usize) -> Result<Listed<HookDelivery>, ForgeError> {
        let path = "/app/hook/deliveries?per_page=100";
        let call = ApiCall::new(Method::GET, CallScope::App, path, "list the app's deliveries");
        self.core.pages::<Vec<HookDelivery>>(&call, most).await
    }

    /// Requests one of the app's deliveries again.
    ///
    /// `POST /app/hook/deliveries/{delivery_id}/attempts`
    pub async fn redeliver_to_app(&self, id: DeliveryId) -> Result<(), ForgeError> {
        let path = format!("/app/hook/deliveries/{id}/attempts");
        let purpose = format!("have delivery {id} sent again");
        self.core.done(&ApiCall::new(Method::POST, CallScope::App, path, purpose)).await
    }

    /// Lists the webhooks of a repository.
    ///
    /// `GET /repos/{owner}/{repo}/hooks`
    pub async fn hooks(&self, repo: &RepoName) -> Result<Vec<Hook>, ForgeError> {
        let call =
            ApiCall::get(repo, "/hooks?per_page=100", format!("list the webhooks of {repo}"));
        self.core.json(&call).await
    }

    /// Lists the deliveries of a repository's webhook, newest first, up to `most`.
    ///
    /// `GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries`
    pub async fn hook_deliveries(
        &self,
        repo: &RepoName,
        hook: HookId,
        most: usize,
    ) -> Result<Listed<HookDelivery>, ForgeError> {
        let path = format!("/hooks/{hook}/deliveries?per_page=100");
        let call =
            ApiCall::get(repo, path, format!("list the deliveries of hook {hook} of {repo}"));
        self.core.pages::<Vec<HookDelivery>>(&call, most).await
    }

    /// Requests a delivery of a repository's webhook again.
    ///
    /// `POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts`
    pub async fn redeliver(
        &self,
        repo: &RepoName,
        hook: HookId,
        id: DeliveryId,
    ) -> Result<(), ForgeError> {
        let path = format!("/hooks/{hook}/deliveries/{id}/attempts");
        let purpose = format!("have delivery {id} of {repo} sent again");
        self.core.done(&ApiCall::of(Method::POST, repo, path, purpose)).await
    }
}
