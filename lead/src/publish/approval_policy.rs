//! The rule that says when a person has to say yes before something is published. Pure.

use crate::repo_settings::{AutonomyLevel, ChangeKind, RepoSettings};

/// Who says yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalRequirement {
    /// The repository's settings.
    NotNeeded,
    /// A person.
    Needed,
}

/// Who says yes to a commit that makes these kinds of change: a person under supervision, and for
/// a kind that the repository names in `requires_approval`.
#[must_use]
pub fn for_commit(settings: &RepoSettings, kinds: &[ChangeKind]) -> ApprovalRequirement {
    let named = kinds.iter().any(|kind| settings.requires_approval.contains(kind));
    let supervised = settings.autonomy.level == AutonomyLevel::Supervised;
    if named || supervised { ApprovalRequirement::Needed } else { ApprovalRequirement::NotNeeded }
}

/// Who says yes to a merge: a person, unless the settings allow merging and are not supervised.
#[must_use]
pub fn for_merge(settings: &RepoSettings) -> ApprovalRequirement {
    let supervised = settings.autonomy.level == AutonomyLevel::Supervised;
    if settings.autonomy.merge && !supervised {
        ApprovalRequirement::NotNeeded
    } else {
        ApprovalRequirement::Needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(
        level: AutonomyLevel,
        merge: bool,
        requires_approval: &[ChangeKind],
    ) -> RepoSettings {
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
        let cases: [(AutonomyLevel, Kinds<'_>, Kinds<'_>, ApprovalRequirement); 5] = [
            (AutonomyLevel::Supervised, &[], &[], ApprovalRequirement::Needed),
            (AutonomyLevel::SemiAutonomous, &[], &migration, ApprovalRequirement::NotNeeded),
            (AutonomyLevel::SemiAutonomous, &migration, &[], ApprovalRequirement::NotNeeded),
            (AutonomyLevel::SemiAutonomous, &migration, &migration, ApprovalRequirement::Needed),
            (AutonomyLevel::Autonomous, &migration, &migration, ApprovalRequirement::Needed),
        ];
        for (level, kinds, requires, expected) in cases {
            let settings = settings(level, false, requires);
            assert_eq!(for_commit(&settings, kinds), expected, "{level:?} {kinds:?}");
        }
    }

    #[test]
    fn a_merge_asks_unless_the_settings_allow_it() {
        let cases = [
            (AutonomyLevel::Supervised, false, ApprovalRequirement::Needed),
            (AutonomyLevel::Supervised, true, ApprovalRequirement::Needed),
            (AutonomyLevel::SemiAutonomous, false, ApprovalRequirement::Needed),
            (AutonomyLevel::SemiAutonomous, true, ApprovalRequirement::NotNeeded),
            (AutonomyLevel::Autonomous, false, ApprovalRequirement::Needed),
            (AutonomyLevel::Autonomous, true, ApprovalRequirement::NotNeeded),
        ];
        for (level, merge, expected) in cases {
            assert_eq!(for_merge(&settings(level, merge, &[])), expected, "{level:?} {merge}");
        }
        assert_eq!(for_merge(&RepoSettings::default()), ApprovalRequirement::Needed);
    }
}
