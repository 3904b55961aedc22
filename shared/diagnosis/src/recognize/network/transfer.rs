//! curl and wget: the meaning of their exit, and whether they retry.
//!
//! ```text
//! curl: (22) The requested URL returned error: 503
//! Warning: Problem : HTTP error. Will retry in 1 seconds. 2 retries left.
//! curl: (6) Could not resolve host: api.acme.invalid
//! wget: unable to resolve host address ‘api.acme.invalid’
//! 2026-03-02 10:11:12 ERROR 503: Service Unavailable.
//! wget: server returned error: HTTP/1.1 502 Bad Gateway
//! ```

use crate::contract::{Category, Verdict};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

/// curl announces a retry within this many lines.
const SOON: usize = 2;

pub(super) fn curl(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let Some(hit) = pattern!(r"^(?:\S+ )?(curl: \(([0-9]{1,2})\) .+)$").captures(content) else {
        return;
    };
    let trouble = match &hit[2] {
        "22" | "56" if http_status(content).is_some() => {
            TransferFailure::of_status(http_status(content))
        }
        "60" | "51" | "58" | "77" | "83" => TransferFailure::Trust,
        "5" | "6" | "7" | "16" | "18" | "28" | "35" | "52" | "55" | "56" | "92" => {
            TransferFailure::Network
        }
        _ => TransferFailure::Other,
    };
    let again = log.ahead(at, SOON, |line| line.contains("Will retry in")).is_some();
    found.push(trouble.finding("curl", log, at, &hit[1], again));
}

pub(super) fn wget(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let line = pattern!(
        r"^(?:[0-9-]{10} [0-9:]{8} |  ?)?((?:wget: )(?:unable to resolve host address|server returned error|download timed out|can't connect|bad address).*|ERROR [45][0-9][0-9]: .+|Giving up\.)$"
    );
    let Some(hit) = line.captures(content) else { return };
    let trouble = match http_status(content) {
        Some(status) => TransferFailure::of_status(Some(status)),
        None => TransferFailure::Network,
    };
    found.push(trouble.finding("wget", log, at, &hit[1], false));
}

/// The meaning of a failed transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TransferFailure {
    /// The connection or the server.
    Network,
    /// The server's certificate.
    Trust,
    /// The server requires a login, or denies access.
    Rights,
    /// The address does not exist.
    Absent,
    /// Wrong usage, or a file that can't be written.
    Other,
}

impl TransferFailure {
    fn of_status(status: Option<u16>) -> Self {
        match status {
            Some(401 | 403) => Self::Rights,
            Some(404 | 410) => Self::Absent,
            Some(408 | 429 | 500..=599) => Self::Network,
            _ => Self::Other,
        }
    }

    fn finding(
        self,
        tool: &'static str,
        log: &Log,
        at: usize,
        message: &str,
        again: bool,
    ) -> Finding {
        let (category, strength, verdict) = match self {
            Self::Network => (Category::NetworkOrFlaky, Strength::Root, Verdict::Rerun),
            Self::Trust => (Category::NetworkOrFlaky, Strength::Root, Verdict::Investigate),
            Self::Rights => (Category::PermissionOrSecret, Strength::Cause, Verdict::Escalate),
            Self::Absent => (Category::DependencyInstall, Strength::Cause, Verdict::Investigate),
            Self::Other => (Category::Unknown, Strength::Suspicion, Verdict::Investigate),
        };
        let strength = if again { Strength::Suspicion } else { strength };
        Finding::new(tool, category, strength, at, message)
            .with_block(at.saturating_sub(4)..(at + 3).min(log.len()))
            .with_verdict(verdict)
    }
}

/// Parses the status in `returned error: 503`, `ERROR 503:` or `HTTP/1.1 502`.
fn http_status(content: &str) -> Option<u16> {
    let hit =
        pattern!(r"(?:error: |ERROR |HTTP/[0-9.]+ )([1-5][0-9][0-9])(?-u:\b)").captures(content)?;
    hit[1].parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::finding::{Finding, Strength};
    use crate::recognize::found_by;

    fn of(tool: &str, text: &str) -> Vec<Finding> {
        found_by(tool, text)
    }

    #[test]
    fn the_last_attempt_is_the_reason() {
        let found = of(
            "curl",
            "curl: (22) The requested URL returned error: 503\n\
             Warning: Problem : HTTP error. Will retry in 1 seconds. 2 retries left.\n\
             curl: (22) The requested URL returned error: 503\n\
             ##[error]Process completed with exit code 22.\n",
        );
        let strengths: Vec<Strength> = found.iter().map(|finding| finding.strength).collect();
        assert_eq!(strengths, [Strength::Suspicion, Strength::Root]);
    }

    #[test]
    fn what_a_server_answers_is_told_apart() {
        for (line, category) in [
            ("curl: (6) Could not resolve host: acme.invalid", Category::NetworkOrFlaky),
            ("curl: (22) The requested URL returned error: 403", Category::PermissionOrSecret),
            ("curl: (22) The requested URL returned error: 404", Category::DependencyInstall),
            ("curl: (60) SSL certificate problem: self-signed", Category::NetworkOrFlaky),
            ("curl: (23) Failure writing output to destination", Category::Unknown),
        ] {
            assert_eq!(of("curl", line)[0].category, category, "{line}");
        }
        for (line, category) in [
            ("2026-03-02 10:11:12 ERROR 503: Service Unavailable.", Category::NetworkOrFlaky),
            ("wget: server returned error: HTTP/1.1 404 Not Found", Category::DependencyInstall),
            ("wget: unable to resolve host address ‘acme.invalid’", Category::NetworkOrFlaky),
        ] {
            assert_eq!(of("wget", line)[0].category, category, "{line}");
        }
        assert_eq!(of("wget", "app: ERROR 42: no such page"), []);
        assert_eq!(of("curl", "see man curl: (22) is HTTP"), []);
    }
}
