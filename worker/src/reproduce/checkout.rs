//! Checking out the exact commit, and nothing that comes with it: no hooks, no submodules, no large
//! files, no transport but the web's, no settings of anyone's.
//!
//! git is a command like others, in the sandbox. What varies is in its environment: nothing of a
//! task becomes part of a command line. The token is in neither, nor in the checkout: it waits in a
//! pipe, and git's question for a password, which it asks only at the host that the token is for,
//! reads it out of there. The pipe is closed before a file of the commit is written.

use greenline_runtime::hosts::{HostPattern, HostRule, Protocol};
use greenline_runtime::settings::Secret;
use url::Url;

use super::request::ReproductionRequest;
use crate::command::{CommandList, CommandReport, Confinement, RunOutcome};
use crate::egress::Egress;
use crate::sandbox::Sandbox;

/// The script. [`Checkout::variables`] sets its variables.
const SCRIPT: &str = "set -e
git init --quiet --template= .
git fetch --quiet --depth 1 --no-tags --no-recurse-submodules -- \"$GREENLINE_URL\" \"$GREENLINE_HEAD\"
exec 9<&-
git -c advice.detachedHead=false checkout --quiet --detach \"$GREENLINE_HEAD\" --";

/// Answers git's question for a password, once.
const HELPER: &str = "!f() { test \"$1\" = get && IFS= read -r token <&9 && \
                      printf 'username=x-access-token\\npassword=%s\\n' \"$token\"; }; f";

/// git's settings: everything that could run or fetch something else is off.
const SETTINGS: [(&str, &str); 15] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("credential.helper", ""),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    ("filter.lfs.smudge", ""),
    ("filter.lfs.process", ""),
    ("filter.lfs.required", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("http.followRedirects", "false"),
    ("protocol.allow", "never"),
    ("protocol.https.allow", "always"),
];

/// Access to repositories.
#[derive(Debug, Clone)]
pub struct CheckoutAccess {
    /// The default host of repositories, such as `https://github.com`.
    pub host: Url,
    /// A read token. It is sent to that host only.
    pub token: Option<Secret>,
}

/// One checkout.
pub(super) struct Checkout<'a> {
    url: Url,
    head: &'a str,
    access: &'a CheckoutAccess,
}

/// The reason why there is no checkout.
pub(super) enum CheckoutError {
    /// A retry does not help.
    Never(String),
    /// A retry may help.
    Later(String),
}

impl<'a> Checkout<'a> {
    pub(super) fn new(request: &'a ReproductionRequest, access: &'a CheckoutAccess) -> Self {
        let url = request.clone_url.clone().unwrap_or_else(|| {
            let mut usual = access.host.clone();
            usual.set_path(&format!("{}.git", request.repo));
            usual
        });
        Self { url, head: &request.head, access }
    }

    pub(super) fn commands(&self) -> CommandList {
        CommandList::new(vec![SCRIPT.to_owned()], Vec::new()).expect("the script is one command")
    }

    /// In this sandbox, with the way to the repository's host and no other; where Landlock is
    /// alone, with its port beside the usual ones.
    pub(super) fn confinement(&self, sandbox: &Sandbox) -> Confinement {
        let port = self.url.port_or_known_default();
        let egress = self.place().map_or_else(Egress::default, |place| {
            sandbox.egress().to(place, self.url.host() == self.access.host.host())
        });
        let during_setup = sandbox.outbound_by(&egress, port.as_slice());
        Confinement::Sandboxed { sandbox: sandbox.clone(), during_setup }
    }

    /// The repository's host and port.
    fn place(&self) -> Option<HostRule> {
        let host: HostPattern = self.url.host_str()?.parse().ok()?;
        let protocol = match self.url.scheme() {
            // git asks with POST. No code of others runs in a checkout.
            "http" => Protocol::Unchecked,
            _ => Protocol::Tls,
        };
        Some(HostRule::new(host, self.url.port_or_known_default()?, protocol))
    }

    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("GREENLINE_URL", self.url.to_string()),
            ("GREENLINE_HEAD", self.head.to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
            ("GIT_TERMINAL_PROMPT", "0".to_owned()),
            ("GIT_LFS_SKIP_SMUDGE", "1".to_owned()),
        ];
        variables.push(("GIT_CONFIG_PARAMETERS", self.settings(self.token().is_some())));
        variables
    }

    /// What git may show to the repository's host, for the script's descriptor 9.
    pub(super) fn token(&self) -> Option<&'a Secret> {
        self.access.token.as_ref().filter(|_| self.is_at_home())
    }

    /// Formats settings as git passes its own `-c` on: `'name'='value'`.
    fn settings(&self, with_token: bool) -> String {
        let mut settings: Vec<(String, &str)> =
            SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        if self.url.scheme() == "http" {
            settings.push(("protocol.http.allow".to_owned(), "always"));
        }
        if with_token {
            let host = self.url.origin().ascii_serialization();
            settings.push((format!("credential.{host}.helper"), HELPER));
        }
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let one = |(name, value): &(String, &str)| format!("{}={}", quoted(name), quoted(value));
        settings.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn is_at_home(&self) -> bool {
        self.url.origin() == self.access.host.origin()
    }

    pub(super) fn judge(&self, captured: &CommandReport) -> Result<(), CheckoutError> {
        match captured.outcome {
            RunOutcome::Passed => return Ok(()),
            RunOutcome::Failed { .. } => {}
            _ => return Err(CheckoutError::Never(format!("checking out: {}", captured.outcome))),
        }
        let output = captured.commands.last().map_or("", |run| run.tail.as_str());
        let place = self.url.as_str();
        if any(output, &["not our ref", "unadvertised object", "find remote ref"]) {
            return Err(CheckoutError::Never(format!(
                "{place} has no commit {} any more",
                self.head
            )));
        }
        let no_access =
            ["could not read Username", "Authentication failed", "not found", "error: 403"];
        if any(output, &no_access) {
            return Err(CheckoutError::Never(match self.access.token {
                Some(_) if self.is_at_home() => format!("the checkout token can't read {place}"),
                _ => format!("{place} can't be read without a token: set GREENLINE_CHECKOUT_TOKEN"),
            }));
        }
        // git follows none, and says which answer it got.
        if any(output, &["returned error: 301", "returned error: 302", "returned error: 303"])
            || any(output, &["returned error: 307", "returned error: 308"])
        {
            return Err(CheckoutError::Never(format!(
                "{place} redirects elsewhere, and redirects are not followed: \
                 the repository may have moved"
            )));
        }
        let last =
            output.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("git said nothing");
        Err(CheckoutError::Later(format!("failed to check out {place}: {last}")))
    }
}

fn any(output: &str, words: &[&str]) -> bool {
    words.iter().any(|word| output.contains(word))
}
