//! Calls to GitHub's GraphQL API.
//!
//! A response may hold data and errors at once: a check that these credentials can't see costs one
//! entry, not the page. The caller decides which of the two counts.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::account::CallScope;
use crate::call::{ApiCall, CallTarget};
use crate::client::ApiClient;
use crate::error::{ForgeError, Purpose, RateLimitKind};
use crate::model::{list, or_default, or_none};

/// Declares whether a query may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GraphQlOperation {
    Query,
    Mutation,
}

/// An error in a GraphQL response.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct GraphQlError {
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) message: String,
}

/// A GraphQL response: data, errors, or both.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub(crate) struct GraphQlResponse<T> {
    #[serde(default = "Option::default")]
    pub(crate) data: Option<T>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) errors: Vec<GraphQlError>,
    /// Set by a response that is not GraphQL.
    #[serde(default, deserialize_with = "or_none")]
    message: Option<String>,
}

impl ApiClient {
    pub(crate) async fn graphql<T: DeserializeOwned>(
        &self,
        about: CallScope,
        purpose: impl Into<Purpose>,
        operation: GraphQlOperation,
        (query, variables): (&str, Value),
    ) -> Result<GraphQlResponse<T>, ForgeError> {
        let mut call =
            ApiCall::new(Method::POST, about, String::new(), purpose).at(CallTarget::Graphql);
        call.repeatable = operation == GraphQlOperation::Query;
        let call = call.with(&serde_json::json!({ "query": query, "variables": variables }))?;
        let received: GraphQlResponse<T> = self.json(&call).await?;
        match received.errors.iter().find(|graphql_error| graphql_error.kind == "RATE_LIMITED") {
            Some(_) => Err(self.out_of_points(&call).await),
            None => Ok(received),
        }
    }

    /// GraphQL reports exhausted points with status 200. The time of the reset is in the headers,
    /// which the rate limit state has read.
    async fn out_of_points(&self, call: &ApiCall) -> ForgeError {
        let wait = match self.account(&call.about).await {
            Ok(account) => self.rate_limits.wait(account, call.place.resource()),
            Err(_) => None,
        };
        let (limit, wait) = wait.unwrap_or((RateLimitKind::Primary, Duration::from_secs(60)));
        let until = self.rate_limits.in_time(wait);
        ForgeError::RateLimited { purpose: Arc::clone(&call.purpose), limit, until }
    }
}

impl<T> GraphQlResponse<T> {
    /// Returns the data and the errors beside it.
    pub(crate) fn data(self, purpose: &Purpose) -> Result<(T, Vec<GraphQlError>), ForgeError> {
        match self.data {
            Some(data) => Ok((data, self.errors)),
            None => Err(graphql_error(purpose, &self.errors, self.message)),
        }
    }

    /// Returns the data if there are no errors.
    pub(crate) fn clean(self, purpose: &Purpose) -> Result<T, ForgeError> {
        match self.data {
            Some(data) if self.errors.is_empty() => Ok(data),
            _ => Err(graphql_error(purpose, &self.errors, self.message)),
        }
    }
}

fn graphql_error(
    purpose: &Purpose,
    errors: &[GraphQlError],
    message: Option<String>,
) -> ForgeError {
    let purpose = Arc::clone(purpose);
    let kind = errors.first().map_or("", |graphql_error| graphql_error.kind.as_str());
    let received: Vec<&str> =
        errors.iter().map(|graphql_error| graphql_error.message.as_str()).collect();
    let message =
        if received.is_empty() { message.unwrap_or_default() } else { received.join("; ") };
    match kind {
        "NOT_FOUND" => ForgeError::NotFound { purpose, permission: None },
        "FORBIDDEN" | "INSUFFICIENT_SCOPES" => {
            ForgeError::Forbidden { purpose, message, permission: None }
        }
        "UNPROCESSABLE" | "STALE_DATA" => ForgeError::Conflict { purpose, message },
        // A query that took too long, and an internal failure of GitHub, have no kind.
        "" if is_transient_message(&message) => {
            ForgeError::Failing { purpose, status: 502, message }
        }
        _ => ForgeError::Invalid { purpose, status: 200, message },
    }
}

fn is_transient_message(message: &str) -> bool {
    ["Something went wrong", "timeout", "timedout", "couldn't respond"]
        .iter()
        .any(|words| message.contains(words))
}
