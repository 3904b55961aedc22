//! Enums over word lists that GitHub may extend.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Defines an enum over words in any case: GraphQL uses upper case, REST lower case. Unknown words
/// are kept.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// An unknown word, in lower case.
            Other(String),
        }

        impl $name {
            /// Returns the word in lower case.
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
            /// The value for a missing word.
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
    /// The progress of a check run, job or run.
    Progress {
        /// Requested, not yet queued.
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

    /// The result of a check run, job, step or run.
    Conclusion {
        /// Passed.
        Success = "success",
        /// Failed.
        Failure = "failure",
        /// Neither passed nor failed.
        Neutral = "neutral",
        /// Stopped by a person or a newer run.
        Cancelled = "cancelled",
        /// Not run.
        Skipped = "skipped",
        /// Ran too long.
        TimedOut = "timed_out",
        /// Waits for a person.
        ActionRequired = "action_required",
        /// GitHub received no update for 14 days.
        Stale = "stale",
        /// The workflow could not even start.
        StartupFailure = "startup_failure",
    }

    /// The state of a commit status.
    StatusState {
        /// Not yet known.
        Pending = "pending",
        /// Passed.
        Success = "success",
        /// Failed.
        Failure = "failure",
        /// The reporter itself failed.
        Error = "error",
        /// Required, and not yet reported.
        Expected = "expected",
    }

    /// The state of a pull request.
    PullState {
        /// Open.
        Open = "open",
        /// Closed. REST also reports merged pull requests as closed.
        Closed = "closed",
        /// Merged; GraphQL only.
        Merged = "merged",
    }

    /// The readiness of a pull request for merging.
    MergeState {
        /// The branch must be updated from its base first.
        Behind = "behind",
        /// Reviews or checks are missing.
        Blocked = "blocked",
        /// Ready to merge.
        Clean = "clean",
        /// Conflicts.
        Dirty = "dirty",
        /// A draft.
        Draft = "draft",
        /// Ready to merge; a pre-receive hook will check it.
        HasHooks = "has_hooks",
        /// GitHub has not computed it yet.
        Unknown = "unknown",
        /// Ready to merge, but an optional check failed or is not done.
        Unstable = "unstable",
    }

    /// A person's permission on a repository.
    Permission {
        /// Everything.
        Admin = "admin",
        /// Write, and some of the settings.
        Maintain = "maintain",
        /// Push.
        Write = "write",
        /// Sort issues and pull requests.
        Triage = "triage",
        /// Read.
        Read = "read",
        /// Nothing.
        None = "none",
    }

    /// The relation of an author to the repository.
    Association {
        /// Owns the repository.
        Owner = "owner",
        /// Member of the organization.
        Member = "member",
        /// Invited to collaborate.
        Collaborator = "collaborator",
        /// Has contributed.
        Contributor = "contributor",
        /// Has not contributed here before.
        FirstTimeContributor = "first_time_contributor",
        /// Has not contributed anywhere before.
        FirstTimer = "first_timer",
        /// None of these.
        None = "none",
    }

    /// The kind of an account.
    UserKind {
        /// A person.
        User = "user",
        /// An app.
        Bot = "bot",
        /// An organization.
        Organization = "organization",
    }

    /// The relation of two commits.
    CompareState {
        /// The head has commits that the base lacks, and no others.
        Ahead = "ahead",
        /// The base has commits that the head lacks, and no others.
        Behind = "behind",
        /// Both have commits that the other lacks.
        Diverged = "diverged",
        /// Both are the same commit.
        Identical = "identical",
    }

    /// The change to a file.
    FileState {
        /// New.
        Added = "added",
        /// Deleted.
        Removed = "removed",
        /// Changed.
        Modified = "modified",
        /// Moved, possibly also changed.
        Renamed = "renamed",
        /// Copied from another.
        Copied = "copied",
        /// Its mode or type changed.
        Changed = "changed",
        /// Not changed.
        Unchanged = "unchanged",
    }
}

impl Conclusion {
    /// Returns `true` if it failed and Greenline should look at it.
    #[must_use]
    pub fn is_red(&self) -> bool {
        matches!(self, Self::Failure | Self::TimedOut | Self::StartupFailure)
    }
}

impl StatusState {
    /// Returns `true` if it failed and Greenline should look at it.
    #[must_use]
    pub fn is_red(&self) -> bool {
        matches!(self, Self::Failure | Self::Error)
    }
}

impl Permission {
    /// Returns `true` if it allows pushing.
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
