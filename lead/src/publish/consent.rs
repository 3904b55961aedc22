//! Whether a person has to say yes before something is published. Pure.

use serde::{Deserialize, Serialize};

/// How much Greenline may do by itself in a repository.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// 1: it proposes, a person approves each commit.
    #[default]
    Supervised,
    /// 2: it commits to the pull request's branch, and merges on green where that is allowed.
    SemiAutonomous,
    /// 3: it promotes after a soak, too.
    Autonomous,
}

/// A kind of change that a repository may want to be asked about, such as `database_migration`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeKind(pub String);

/// Whether a yes is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// The repository's settings are the yes.
    Given,
    /// A person has to say it.
    Needed,
}

/// Whether a change of these kinds needs a person's yes: always under supervision, and always for
/// a kind that the repository names in `requires_approval`.
#[must_use]
pub fn consent(
    autonomy: Autonomy,
    kinds: &[ChangeKind],
    requires_approval: &[ChangeKind],
) -> Consent {
    let named = kinds.iter().any(|kind| requires_approval.contains(kind));
    if named || autonomy == Autonomy::Supervised { Consent::Needed } else { Consent::Given }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supervision_and_named_kinds_ask() {
        let migration = [ChangeKind("database_migration".to_owned())];
        type Kinds<'a> = &'a [ChangeKind];
        let cases: [(Autonomy, Kinds<'_>, Kinds<'_>, Consent); 5] = [
            (Autonomy::Supervised, &[], &[], Consent::Needed),
            (Autonomy::SemiAutonomous, &[], &migration, Consent::Given),
            (Autonomy::SemiAutonomous, &migration, &[], Consent::Given),
            (Autonomy::SemiAutonomous, &migration, &migration, Consent::Needed),
            (Autonomy::Autonomous, &migration, &migration, Consent::Needed),
        ];
        for (autonomy, kinds, requires, expected) in cases {
            assert_eq!(consent(autonomy, kinds, requires), expected, "{autonomy:?} {kinds:?}");
        }
        assert_eq!(Autonomy::default(), Autonomy::Supervised);
    }
}
