//! The cost of each part of the contract: the same drain without that part of the scripts. Only the
//! benchmark runs this.

use greenline_queue::Scripts;

/// A part of the contract that can be removed to measure its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractPart {
    /// The lock with the worker's name.
    Lock,
    /// The lease, which is the authority on claims.
    Lease,
    /// The record of each attempt.
    Attempts,
    /// The outbox, the truth about completion.
    Outbox,
    /// The stream of events.
    Event,
    Channel,
}

impl ContractPart {
    pub const ALL: [Self; 6] =
        [Self::Lock, Self::Lease, Self::Attempts, Self::Outbox, Self::Event, Self::Channel];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Lease => "lease",
            Self::Attempts => "attempts",
            Self::Outbox => "outbox",
            Self::Event => "event",
            Self::Channel => "channel",
        }
    }

    /// Returns the part of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// Returns the scripts without it.
    #[must_use]
    pub fn left_out(self) -> Scripts {
        Scripts::edited(|script, text| match (self, script) {
            (Self::Lock, "claim") => {
                comment_out(&text, "  local locked = call('SET'", "  local locked = true")
            }
            (Self::Lock, "complete") => comment_out(&text, "unlock(ids, worker)", ""),
            (Self::Lease, "claim") => comment_out(&text, "    if found > 0 then call('ZADD'", ""),
            (Self::Lease, "complete") => comment_out(&text, "call('ZREM', TASKS .. 'leases'", ""),
            (Self::Attempts, "complete") => comment_out(&text, "    append_record(id, records", ""),
            (Self::Outbox, "complete") => comment_out(&text, "call('ZADD', TASKS .. 'outbox'", ""),
            (Self::Event, "claim") => comment_out(&text, "  event('claimed'", ""),
            (Self::Event, "complete") => comment_out(&text, "event('success'", ""),
            (Self::Channel, "complete") => comment_out(&text, "publish('completed'", ""),
            _ => text,
        })
    }
}

/// Replaces each line that begins with `line` by `instead`.
///
/// # Panics
///
/// If there is no such line: then the script has changed, and this function must follow.
fn comment_out(text: &str, line: &str, instead: &str) -> String {
    assert!(text.lines().any(|one| one.starts_with(line)), "no line begins with {line}");
    let kept = text.lines().map(|one| if one.starts_with(line) { instead } else { one });
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_can_be_left_out_of_the_scripts_as_they_are() {
        for part in ContractPart::ALL {
            assert_eq!(ContractPart::named(part.name()), Some(part));
            let _scripts = part.left_out();
        }
    }
}
