//! The request of a reproduction, read from the task's `inputs`.

use greenline_queue::TaskSpec;
use greenline_runtime::hosts::{HostFault, HostList};
use serde::Deserialize;
use url::{Host, Url};

/// A request to reproduce a failure.
#[derive(Debug, Clone)]
pub(super) struct ReproductionRequest {
    /// `None` for the usual address of `repo`.
    pub(super) clone_url: Option<Url>,
    /// As `owner/name`.
    pub(super) repo: String,
    /// The full hash of the commit.
    pub(super) head: String,
    pub(super) head_owner: HeadOwner,
    /// Hosts that `setup` may reach, of those that the operator allows.
    pub(super) hosts: Option<HostList>,
    /// The signature of the failure in CI.
    pub(super) signature: Option<String>,
}

/// The owner of the head's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadOwner {
    /// A person who may write to the repository.
    Own,
    /// A fork: anyone.
    Forks,
    /// The task does not say.
    Unknown,
}

/// The reason why a request is invalid.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("the task has no inputs: it needs repo and head_sha")]
    Nothing,
    #[error("the task's inputs can't be read")]
    Unreadable(#[from] serde_json::Error),
    #[error("inputs.head_sha {0:?} is no commit: give all 40 hexadecimal digits")]
    NoCommit(String),
    #[error("inputs.repo {0:?} is not owner/name")]
    NoRepo(String),
    #[error("inputs.clone_url {0:?} can't be used: it must be https, and hold no password")]
    NoUrl(String),
    #[error("inputs.hosts can't be read: {0}")]
    NoHosts(#[from] HostFault),
}

#[derive(Debug, Deserialize)]
struct RequestInputs {
    repo: String,
    head_sha: String,
    clone_url: Option<String>,
    hosts: Option<Vec<String>>,
    fork: Option<bool>,
    signature: Option<String>,
}

impl ReproductionRequest {
    pub(super) fn of(spec: &TaskSpec) -> Result<Self, RequestError> {
        let inputs = spec.inputs.as_ref().ok_or(RequestError::Nothing)?;
        let inputs: RequestInputs = serde_json::from_str(inputs.get())?;
        if !is_commit(&inputs.head_sha) {
            return Err(RequestError::NoCommit(inputs.head_sha));
        }
        if !is_repo(&inputs.repo) {
            return Err(RequestError::NoRepo(inputs.repo));
        }
        let head_owner = match inputs.fork {
            Some(false) => HeadOwner::Own,
            Some(true) => HeadOwner::Forks,
            None => HeadOwner::Unknown,
        };
        let hosts = inputs.hosts.map(|hosts| HostList::parse(hosts.iter().map(String::as_str)));
        Ok(Self {
            clone_url: inputs.clone_url.as_deref().map(usable).transpose()?,
            repo: inputs.repo,
            head: inputs.head_sha,
            head_owner,
            hosts: hosts.transpose()?,
            signature: inputs.signature,
        })
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_repo(text: &str) -> bool {
    let is_name = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !name.is_empty() && name.bytes().all(plain) && !name.bytes().all(|byte| byte == b'.')
    };
    text.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name))
}

/// Accepts only web transports: git knows others that run programs or read files. Plain HTTP is
/// allowed only on this machine, for tests and the demo.
fn usable(text: &str) -> Result<Url, RequestError> {
    let refused = || RequestError::NoUrl(text.to_owned());
    let url = Url::parse(text).map_err(|_| refused())?;
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return Err(refused()),
    };
    let secure = url.scheme() == "https" || (url.scheme() == "http" && here);
    let bare = url.username().is_empty() && url.password().is_none();
    if secure && bare { Ok(url) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenline_queue::TaskType;
    use serde_json::value::RawValue;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn request(inputs: &str) -> Result<ReproductionRequest, RequestError> {
        let mut spec = TaskSpec::new("t".parse().unwrap(), TaskType::run_command());
        spec.inputs = Some(RawValue::from_string(inputs.to_owned()).unwrap());
        ReproductionRequest::of(&spec)
    }

    fn with(field: &str, value: &str) -> Result<ReproductionRequest, RequestError> {
        let mut inputs = serde_json::json!({"repo": "acme/app", "head_sha": COMMIT});
        inputs[field] = value.into();
        request(&inputs.to_string())
    }

    #[test]
    fn a_task_says_what_and_whose() {
        let plain = request(&format!(r#"{{"repo":"acme/app","head_sha":"{COMMIT}","check":"t"}}"#));
        assert_eq!(plain.unwrap().head_owner, HeadOwner::Unknown);
        for (fork, head_owner) in [("true", HeadOwner::Forks), ("false", HeadOwner::Own)] {
            let inputs = format!(r#"{{"repo":"a/b","head_sha":"{COMMIT}","fork":{fork}}}"#);
            assert_eq!(request(&inputs).unwrap().head_owner, head_owner);
        }
        assert!(request("[]").is_err());
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_refused() {
        for head in ["", "main", "--upload-pack=x", "0123456789abcdef", &"g".repeat(40)] {
            assert!(with("head_sha", head).is_err(), "{head}");
        }
        for repo in ["", "app", "../app", "a/..", "a/b/c", "a b/c", "a/$(x)"] {
            assert!(with("repo", repo).is_err(), "{repo}");
        }
        for url in [
            "ext::sh -c id",
            "file:///etc",
            "/etc",
            "ssh://git@example.org/a/b",
            "git@example.org:a/b",
            "http://example.org/a/b",
            "https://user:secret@example.org/a/b",
            "--upload-pack=x",
        ] {
            assert!(with("clone_url", url).is_err(), "{url}");
        }
        for url in ["https://example.org/a/b.git", "http://127.0.0.1:8080/a/b", "http://[::1]/a"] {
            assert!(with("clone_url", url).is_ok(), "{url}");
        }
    }
}
