//! Whether a person has to say yes before something is published. Pure.

use crate::repo_settings::{ChangeKind, Level};

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
pub fn consent(level: Level, kinds: &[ChangeKind], requires_approval: &[ChangeKind]) -> Consent {
    let named = kinds.iter().any(|kind| requires_approval.contains(kind));
    if named || level == Level::Supervised { Consent::Needed } else { Consent::Given }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supervision_and_named_kinds_ask() {
        let migration = [ChangeKind::DatabaseMigration];
        type Kinds<'a> = &'a [ChangeKind];
        let cases: [(Level, Kinds<'_>, Kinds<'_>, Consent); 5] = [
            (Level::Supervised, &[], &[], Consent::Needed),
            (Level::SemiAutonomous, &[], &migration, Consent::Given),
            (Level::SemiAutonomous, &migration, &[], Consent::Given),
            (Level::SemiAutonomous, &migration, &migration, Consent::Needed),
            (Level::Autonomous, &migration, &migration, Consent::Needed),
        ];
        for (level, kinds, requires, expected) in cases {
            assert_eq!(consent(level, kinds, requires), expected, "{level:?} {kinds:?}");
        }
    }
}
