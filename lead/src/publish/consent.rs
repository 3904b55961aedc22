//! The rule that says when a person has to say yes before something is published. Pure.

use crate::repo_settings::{ChangeKind, Level, RepoSettings};

/// Who says yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// The repository's settings.
    Given,
    /// A person.
    Needed,
}

/// Who says yes to a commit that makes these kinds of change: a person under supervision, and for
/// a kind that the repository names in `requires_approval`.
#[must_use]
pub fn for_commit(settings: &RepoSettings, kinds: &[ChangeKind]) -> Consent {
    let named = kinds.iter().any(|kind| settings.requires_approval.contains(kind));
    let supervised = settings.autonomy.level == Level::Supervised;
    if named || supervised { Consent::Needed } else { Consent::Given }
}

/// Who says yes to a merge: a person, unless the settings allow merging and are not supervised.
#[must_use]
pub fn for_merge(settings: &RepoSettings) -> Consent {
    let supervised = settings.autonomy.level == Level::Supervised;
    if settings.autonomy.merge && !supervised { Consent::Given } else { Consent::Needed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(level: Level, merge: bool, requires_approval: &[ChangeKind]) -> RepoSettings {
        let mut settings = RepoSettings::default();
        settings.autonomy.level = level;
        settings.autonomy.merge = merge;
        settings.requires_approval = requires_approval.to_vec();
        settings
    }

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
            let settings = settings(level, false, requires);
            assert_eq!(for_commit(&settings, kinds), expected, "{level:?} {kinds:?}");
        }
    }

    #[test]
    fn a_merge_asks_unless_the_settings_allow_it() {
        let cases = [
            (Level::Supervised, false, Consent::Needed),
            (Level::Supervised, true, Consent::Needed),
            (Level::SemiAutonomous, false, Consent::Needed),
            (Level::SemiAutonomous, true, Consent::Given),
            (Level::Autonomous, false, Consent::Needed),
            (Level::Autonomous, true, Consent::Given),
        ];
        for (level, merge, expected) in cases {
            assert_eq!(for_merge(&settings(level, merge, &[])), expected, "{level:?} {merge}");
        }
        assert_eq!(for_merge(&RepoSettings::default()), Consent::Needed);
    }
}
