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

use crate::account::About;
use crate::call::{Call, Place};
use crate::core::Core;
use crate::error::{ForgeError, Limit, Purpose};
use crate::model::{list, or_default, or_none};

/// Declares whether a query may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    Query,
    Mutation,
}

/// An error in a GraphQL response.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Fault {
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) message: String,
}

/// A GraphQL response: data, errors, or both.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub(crate) struct Said<T> {
    #[serde(default = "Option::default")]
    pub(crate) data: Option<T>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) errors: Vec<Fault>,
    /// Set by a response that is not GraphQL.
    #[serde(default, deserialize_with = "or_none")]
    message: Option<String>,
}

impl Core {
    pub(crate) async fn graphql<T: DeserializeOwned>(
        &self,
        about: About,
        purpose: impl Into<Purpose>,
        asking: Asking,
        (query, variables): (&str, Value),
    ) -> Result<Said<T>, ForgeError> {
        let mut call = Call::new(Method::POST, about, String::new(), purpose).at(Place::Graphql);
        call.repeatable = asking == Asking::Query;
        let call = call.with(&serde_json::json!({ "query": query, "variables": variables }))?;
        let said: Said<T> = self.json(&call).await?;
        match said.errors.iter().find(|fault| fault.kind == "RATE_LIMITED") {
            Some(_) => Err(self.out_of_points(&call).await),
            None => Ok(said),
        }
    }

    /// GraphQL reports exhausted points with status 200. The time of the reset is in the headers,
    /// which the rate limit state has read.
    async fn out_of_points(&self, call: &Call) -> ForgeError {
        let wait = match self.account(&call.about).await {
            Ok(account) => self.meter.wait(account, call.place.resource()),
            Err(_) => None,
        };
        let (limit, wait) = wait.unwrap_or((Limit::Primary, Duration::from_secs(60)));
        let until = self.meter.in_time(wait);
        ForgeError::RateLimited { purpose: Arc::clone(&call.purpose), limit, until }
    }
}

impl<T> Said<T> {
    /// Returns the data and the errors beside it.
    pub(crate) fn data(self, purpose: &Purpose) -> Result<(T, Vec<Fault>), ForgeError> {
        match self.data {
            Some(data) => Ok((data, self.errors)),
            None => Err(fault(purpose, &self.errors, self.message)),
        }
    }

    /// Returns the data if there are no errors.
    pub(crate) fn clean(self, purpose: &Purpose) -> Result<T, ForgeError> {
        match self.data {
            Some(data) if self.errors.is_empty() => Ok(data),
            _ => Err(fault(purpose, &self.errors, self.message)),
        }
    }
}

fn fault(purpose: &Purpose, faults: &[Fault], message: Option<String>) -> ForgeError {
    let purpose = Arc::clone(purpose);
    let kind = faults.first().map_or("", |fault| fault.kind.as_str());
    let said: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
    let message = if said.is_empty() { message.unwrap_or_default() } else { said.join("; ") };
    match kind {
        "NOT_FOUND" => ForgeError::NotFound { purpose, permission: None },
        "FORBIDDEN" | "INSUFFICIENT_SCOPES" => {
            ForgeError::Forbidden { purpose, message, permission: None }
        }
        "UNPROCESSABLE" | "STALE_DATA" => ForgeError::Conflict { purpose, message },
        // A query that took too long, and an internal failure of GitHub, have no kind.
        "" if said_passing(&message) => ForgeError::Failing { purpose, status: 502, message },
        _ => ForgeError::Invalid { purpose, status: 200, message },
    }
}

fn said_passing(message: &str) -> bool {
    ["Something went wrong", "timeout", "timedout", "couldn't respond"]
        .iter()
        .any(|words| message.contains(words))
}
