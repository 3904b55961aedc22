//! Words from lists that GitHub may make longer any day.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An enum over words, in any case: GraphQL shouts what REST says. Others are kept.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A word that this version does not know, in lower case.
            Other(String),
        }

        impl $name {
            /// The word, in lower case.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(mut word: String) -> Self {
                word.make_ascii_lowercase();
                match word.as_str() {
                    $($text => Self::$variant,)+
                    _ => Self::Other(word),
                }
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.as_str().to_owned()
            }
        }

        impl Default for $name {
            /// Nothing was said.
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

words! {
    /// How far a check run, job or run is.
    Progress {
        /// Asked for.
        Requested = "requested",
        /// Waits for a runner.
        Queued = "queued",
        /// Waits for another of its concurrency group.
        Pending = "pending",
        /// Waits for a deployment rule or a person.
        Waiting = "waiting",
        /// Runs.
        InProgress = "in_progress",
        /// Has a conclusion.
        Completed = "completed",
    }

    /// How a check run, job, step or run ended.
    Conclusion {
        /// Green.
        Success = "success",
        /// Red.
        Failure = "failure",
        /// Neither.
        Neutral = "neutral",
        /// Stopped by someone or by a newer run.
        Cancelled = "cancelled",
        /// Not run.
        Skipped = "skipped",
        /// Ran too long.
        TimedOut = "timed_out",
        /// Waits for a person.
        ActionRequired = "action_required",
        /// GitHub heard nothing for 14 days.
        Stale = "stale",
        /// The workflow could not even start.
        StartupFailure = "startup_failure",
    }

    /// What a commit status says.
    StatusState {
        /// Not yet known.
        Pending = "pending",
        /// Green.
        Success = "success",
        /// Red.
        Failure = "failure",
        /// The reporter itself failed.
        Error = "error",
        /// Required, and not yet reported.
        Expected = "expected",
    }

    /// Whether a pull request is open.
    PullState {
        /// Open.
        Open = "open",
        /// Closed, or merged where REST says it.
        Closed = "closed",
        /// Merged, as GraphQL says it.
        Merged = "merged",
    }

    /// Whether a pull request could be merged now.
    MergeState {
        /// The base has moved on, and the branch must follow first.
        Behind = "behind",
        /// Reviews or checks are missing.
        Blocked = "blocked",
        /// Could be merged.
        Clean = "clean",
        /// Conflicts.
        Dirty = "dirty",
        /// A draft.
        Draft = "draft",
        /// Could be merged; a hook will look at it.
        HasHooks = "has_hooks",
        /// GitHub has not computed it yet.
        Unknown = "unknown",
        /// Could be merged, but a check that is not required is red or not done.
        Unstable = "unstable",
    }

    /// What somebody may do with a repository.
    Permission {
        /// Everything.
        Admin = "admin",
        /// Write, and some of the settings.
        Maintain = "maintain",
        /// Push.
        Write = "write",
        /// Sort issues and pull requests.
        Triage = "triage",
        /// Look.
        Read = "read",
        /// Nothing.
        None = "none",
    }

    /// How an author stands to the repository.
    Association {
        /// It is theirs.
        Owner = "owner",
        /// Of the organisation.
        Member = "member",
        /// Invited.
        Collaborator = "collaborator",
        /// Has contributed.
        Contributor = "contributor",
        /// Has not contributed here before.
        FirstTimeContributor = "first_time_contributor",
        /// Has not contributed anywhere before.
        FirstTimer = "first_timer",
        /// Nothing of these.
        None = "none",
    }

    /// What kind of account it is.
    UserKind {
        /// A person.
        User = "user",
        /// An app.
        Bot = "bot",
        /// An organisation.
        Organization = "organization",
    }

    /// How two commits stand to each other.
    CompareState {
        /// The head has commits that the base lacks, and no others.
        Ahead = "ahead",
        /// The base has commits that the head lacks, and no others.
        Behind = "behind",
        /// Both have commits that the other lacks.
        Diverged = "diverged",
        /// They are one commit.
        Identical = "identical",
    }

    /// What happened to a file.
    FileState {
        /// New.
        Added = "added",
        /// Gone.
        Removed = "removed",
        /// Changed.
        Modified = "modified",
        /// Moved, perhaps changed.
        Renamed = "renamed",
        /// Copied from another.
        Copied = "copied",
        /// Its mode or type changed.
        Changed = "changed",
        /// The same.
        Unchanged = "unchanged",
    }
}

impl Conclusion {
    /// Whether it is red: something for Greenline to look at.
    #[must_use]
    pub fn is_red(&self) -> bool {
        matches!(self, Self::Failure | Self::TimedOut | Self::StartupFailure)
    }
}

impl StatusState {
    /// Whether it is red: something for Greenline to look at.
    #[must_use]
    pub fn is_red(&self) -> bool {
        matches!(self, Self::Failure | Self::Error)
    }
}

impl Permission {
    /// Whether it is enough to push.
    #[must_use]
    pub fn can_write(&self) -> bool {
        matches!(self, Self::Admin | Self::Maintain | Self::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_in_any_case_and_others_kept() {
        let read = |text: &str| serde_json::from_str::<Conclusion>(text).unwrap();
        assert_eq!(read(r#""TIMED_OUT""#), Conclusion::TimedOut);
        assert_eq!(read(r#""Mended""#), Conclusion::Other("mended".to_owned()));
        assert_eq!(serde_json::to_string(&read(r#""FAILURE""#)).unwrap(), r#""failure""#);
        assert!(!read(r#""mended""#).is_red() && read(r#""startup_failure""#).is_red());
    }
}
