//! One webhook that calls a person: JSON that Slack understands.
//!
//! Tried a few times with growing pauses, then given up: the comment on the pull request says the
//! same. It can't be looked up whether a call arrived, so after a crash it may arrive twice; both
//! carry the same `Idempotency-Key`.

use std::time::Duration;

use greenline_diagnosis::show::stripped;
use greenline_runtime::settings::Secret;
use reqwest::{Client, redirect};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Slack's limit on a section is 3,000 characters.
const LONGEST: usize = 2_900;

/// A notification for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The answer, in a line.
    pub headline: String,
    /// The details, and what the person can do.
    pub text: String,
    pub url: String,
}

/// The reason why a notification was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The address is none, or plain http to another machine.
    #[error("the webhook's address has to be https")]
    Address,
    /// The machine has no certificates to trust.
    #[error("no TLS for the webhook")]
    Tls,
    /// It was not taken, as often as it was tried.
    #[error("the webhook was not taken: {0}")]
    NotTaken(String),
}

/// Sends calls to one address, which is itself a secret.
pub struct Notifier {
    client: Client,
    url: reqwest::Url,
    first_pause: Duration,
}

impl Notifier {
    /// Notifications go to this address.
    ///
    /// # Errors
    ///
    /// When it is no address of a webhook.
    pub fn new(url: &Secret) -> Result<Self, NotifyError> {
        let url = reqwest::Url::parse(url.expose().trim()).map_err(|_| NotifyError::Address)?;
        let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && local) {
            return Err(NotifyError::Address);
        }
        // The first part of the process that needs TLS decides; all of ours want this one.
        let _chosen_before = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(ANSWER_WITHIN)
            .user_agent(concat!("greenline/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| NotifyError::Tls)?;
        Ok(Self { client, url, first_pause: FIRST_PAUSE })
    }

    /// The same with other pauses between its tries.
    #[must_use]
    pub fn pausing(mut self, first: Duration) -> Self {
        self.first_pause = first;
        self
    }

    /// Sends a call; `key` is the same if it is sent twice.
    pub(crate) async fn send(
        &self,
        notification: &Notification,
        key: &str,
    ) -> Result<(), NotifyError> {
        let mut pause = self.first_pause;
        let mut why = String::new();
        for tried in 0..TRIES {
            if tried > 0 {
                tokio::time::sleep(pause).await;
                pause *= 3;
            }
            let request = self.client.post(self.url.clone()).header("idempotency-key", key);
            match request.json(&notification.json()).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) if answer.status().is_client_error() && answer.status() != 429 => {
                    return Err(NotifyError::NotTaken(answer.status().to_string()));
                }
                Ok(answer) => why = answer.status().to_string(),
                // Without its address, which is the secret.
                Err(error) => why = error.without_url().to_string(),
            }
        }
        Err(NotifyError::NotTaken(why))
    }
}

impl Notification {
    /// `text` is what notifications and other receivers show, `blocks` what Slack does.
    fn json(&self) -> Value {
        let headline = mrkdwn(&self.headline);
        let mut text = format!("*{headline}*");
        if !self.text.trim().is_empty() {
            text = format!("{text}\n{}", mrkdwn(&self.text));
        }
        if self.url.starts_with("https://") && !self.url.contains(['<', '>', '|', ' ']) {
            text = format!("{text}\n<{}|Look at it>", self.url);
        }
        json!({
            "text": headline,
            "blocks": [{ "type": "section", "text": { "type": "mrkdwn", "text": text } }],
        })
    }
}

/// Slack's escapes: without `<` there are no mentions, channels or links.
fn mrkdwn(text: &str) -> String {
    let text: String = stripped(text).chars().take(LONGEST / 2).collect();
    let plain = text.replace(['*', '_', '~', '`'], " ");
    let escaped = plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_gets_text_and_blocks_and_nothing_that_calls_a_channel() {
        let notification = Notification {
            headline: "main is red: <!channel> *x*".to_owned(),
            text: "a & b\u{202e}".to_owned(),
            url: "https://github.example/acme/app/pull/812".to_owned(),
        };
        let json = notification.json();
        assert_eq!(json["text"], "main is red: &lt;!channel&gt;  x ");
        let text = "*main is red: &lt;!channel&gt;  x *\na &amp; b\n\
            <https://github.example/acme/app/pull/812|Look at it>";
        assert_eq!(json["blocks"][0]["text"]["text"], text);
    }

    #[test]
    fn an_address_is_https_or_this_machine() {
        for wrong in ["", "x", "http://hooks.example/x", "ftp://hooks.example"] {
            assert!(Notifier::new(&wrong.to_owned().into()).is_err(), "{wrong}");
        }
        for right in ["https://hooks.example/x", "http://127.0.0.1:1/x"] {
            assert!(Notifier::new(&right.to_owned().into()).is_ok(), "{right}");
        }
    }
}
