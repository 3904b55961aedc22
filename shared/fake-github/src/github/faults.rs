//! Misbehaving on request: what GitHub does on its bad days, when a test says so.

use std::time::Duration;

/// A fault of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiFault {
    /// It is answered so, and nothing else happens: 500, 502, 503.
    Status(u16),
    /// 403, with `retry-after` in seconds.
    SecondaryLimit(u64),
    /// The caller's hourly limit is used up.
    PrimaryLimit,
    /// The answer comes so much later.
    Slow(Duration),
    /// The answer says how long it is, and ends after so many bytes.
    Truncated(usize),
    /// It takes effect, and the caller is told 502.
    AnswerLost,
    /// Someone else pushes to the branch before the call is looked at.
    HeadMoves {
        /// The repository's full name.
        repo: String,
        /// The branch.
        branch: String,
    },
    /// The answer is not JSON but a page, as a proxy in between makes it.
    Page,
    /// GraphQL answers with what it has, and an error beside it.
    PartialGraphql,
}

/// A trouble, and which calls have it.
#[derive(Debug, Clone)]
pub struct FaultRule {
    words: Vec<String>,
    left: Option<u64>,
    fault: ApiFault,
}

impl FaultRule {
    /// Troubles the next call whose line holds all these words: its method, path, or a root
    /// field of a GraphQL document, as in `"POST createCommitOnBranch"`.
    #[must_use]
    pub fn once(words: &str, fault: ApiFault) -> Self {
        Self::times(1, words, fault)
    }

    /// The same for the next `times` calls.
    #[must_use]
    pub fn times(times: u64, words: &str, fault: ApiFault) -> Self {
        Self { words: split(words), left: Some(times), fault }
    }

    /// The same until [`clear_faults`](super::GitHub::clear_faults).
    #[must_use]
    pub fn always(words: &str, fault: ApiFault) -> Self {
        Self { words: split(words), left: None, fault }
    }
}

fn split(words: &str) -> Vec<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

/// Takes the first trouble that fits this call.
pub(crate) fn take(faults: &mut Vec<FaultRule>, line: &str) -> Option<ApiFault> {
    let fits = |it: &FaultRule| it.words.iter().all(|word| line.contains(word.as_str()));
    let at = faults.iter().position(fits)?;
    let found = &mut faults[at];
    let fault = found.fault.clone();
    if let Some(left) = &mut found.left {
        *left -= 1;
        if *left == 0 {
            faults.remove(at);
        }
    }
    Some(fault)
}

/// A fault of the next webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFault {
    /// It is listed as delivered with an error, and never arrives.
    Lost,
    /// It arrives twice, with one id.
    Twice,
    /// It arrives after the one that follows it.
    Late,
    /// Its signature is not right.
    Forged,
}
