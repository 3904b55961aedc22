//! The journal: every call with its caller, status and cost.

use serde_json::Value;

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallAuthor {
    /// No credential was sent, or one that nobody has.
    Nobody,
    /// An App, by its JWT.
    App(u64),
    /// A person, by a token.
    Person(String),
    /// An App's bot, by an installation's token.
    Bot(String),
}

/// One call.
#[derive(Debug, Clone)]
pub struct RecordedCall {
    /// Its method.
    pub method: String,
    /// Path and query as they were sent.
    pub path: String,
    /// Names of the fields that a GraphQL document asks of its root.
    pub graphql: Vec<String>,
    pub author: CallAuthor,
    /// The request body, if it was JSON.
    pub body: Option<Value>,
    pub status: u16,
    /// True if all of the request was answered; GraphQL says 200 beside its errors.
    pub whole: bool,
    /// The cost on the hourly limit.
    pub points: u64,
}

impl RecordedCall {
    /// Returns true if the call changed something. A call that took effect and whose answer was
    /// lost did.
    #[must_use]
    pub fn is_write(&self) -> bool {
        let changes = match self.path.split('?').next().unwrap_or_default() {
            path if path.ends_with("/graphql") => self.changes_by_graphql(),
            path if path.ends_with("/access_tokens") => false,
            path if path.ends_with("/git-upload-pack") => false,
            _ => !matches!(self.method.as_str(), "GET" | "HEAD"),
        };
        changes && self.status < 400 && self.whole
    }

    fn changes_by_graphql(&self) -> bool {
        let queries = ["repository", "rateLimit", "viewer", "node", "nodes", "search"];
        self.graphql.iter().any(|field| !queries.contains(&field.as_str()))
    }

    /// Returns the text that faults and tests match against.
    #[must_use]
    pub fn line(&self) -> String {
        line(&self.method, &self.path, &self.graphql)
    }
}

pub(crate) fn line(method: &str, path: &str, graphql: &[String]) -> String {
    format!("{method} {path} {}", graphql.join(" "))
}
