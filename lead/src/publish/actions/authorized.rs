//! The last look before a commit or a merge: whether the repository's settings, as the base branch
//! has them now, ask for a person's yes, and whether there is one for exactly this.
//!
//! Nothing that was decided or remembered before counts: neither when the action was written down,
//! nor the settings that Redis keeps.

use greenline_forge::ForgeError;

use super::super::action::Authorization;
use super::super::approval::{Approvals, is_approved};
use super::super::approval_policy::ApprovalRequirement;
use super::super::outcome::RefusalReason;
use super::{ActionContext, ActionError, refused};
use crate::repo_settings::{FILE, LARGEST_FILE, RepoSettings};

impl ActionContext<'_> {
    /// The settings on a branch at this moment. A file that is missing, broken or too large gives
    /// the defaults, which are supervised: the valid one before it is only known from Redis.
    pub(super) async fn settings_on(&self, branch: &str) -> Result<RepoSettings, ActionError> {
        let largest = u64::try_from(LARGEST_FILE).unwrap_or(u64::MAX);
        let file = match self.forge.file_at(&self.action.repo, FILE, branch, largest).await {
            Ok(file) => file,
            Err(ForgeError::TooLarge { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let text = file.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        Ok(text.and_then(|text| RepoSettings::parse(&text).ok()).unwrap_or_default())
    }

    /// Refuses what nobody said yes to. `hash` is of the content that is about to be published.
    pub(super) async fn is_authorized(
        &self,
        authorization: &Authorization,
        consent: ApprovalRequirement,
        hash: &str,
    ) -> Result<(), ActionError> {
        match (authorization, consent) {
            (Authorization::ByLevel, ApprovalRequirement::NotNeeded) => Ok(()),
            (Authorization::ByLevel, ApprovalRequirement::Needed) => {
                let why = "the settings on the base branch ask for a person's yes, and none was \
                           asked for";
                Err(refused(RefusalReason::NotApproved, why))
            }
            (Authorization::Approved(id), _) => {
                let asked = self.queue.approval(id.as_str()).await?;
                let now = Approvals::now_ms(self.queue).await?;
                if asked.is_some_and(|asked| is_approved(&asked, hash, now)) {
                    return Ok(());
                }
                let why = "nobody said yes to exactly this on this commit in time";
                Err(refused(RefusalReason::NotApproved, why))
            }
        }
    }
}
