//! Commits, branches, and branch protection.

use http::Method;
use serde::Deserialize;

use crate::call::{ApiCall, escaped};
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::model::{
    Commit, Comparison, Listed, Protection, PullRequest, RequiredCheck, list, or_default, or_none,
};
use crate::names::{RepoName, Sha};

/// Commits beyond this number are not listed.
const MOST_COMMITS: usize = 500;

impl Forge {
    /// Returns a commit with its changed files. `at` is a branch, tag or commit.
    ///
    /// `GET /repos/{owner}/{repo}/commits/{ref}`
    pub async fn commit(&self, repo: &RepoName, at: &str) -> Result<Commit, ForgeError> {
        let path = format!("/commits/{}", escaped(at, false));
        self.core.json(&ApiCall::get(repo, path, format!("read commit {at} of {repo}"))).await
    }

    /// Lists the newest commits of a branch, newest first.
    ///
    /// `GET /repos/{owner}/{repo}/commits?sha={branch}`
    pub async fn commits_of(
        &self,
        repo: &RepoName,
        branch: &str,
        most: usize,
    ) -> Result<Listed<Commit>, ForgeError> {
        let page = most.clamp(1, 100);
        let path = format!("/commits?sha={}&per_page={page}", escaped(branch, false));
        let call = ApiCall::get(repo, path, format!("list the commits of {branch} in {repo}"));
        self.core.pages::<Vec<Commit>>(&call, most.min(MOST_COMMITS)).await
    }

    /// Compares `head` with `base`; both are branches or commits.
    ///
    /// `GET /repos/{owner}/{repo}/compare/{base}...{head}`
    pub async fn compare(
        &self,
        repo: &RepoName,
        base: &str,
        head: &str,
    ) -> Result<Comparison, ForgeError> {
        let path = format!("/compare/{}...{}", escaped(base, false), escaped(head, false));
        let purpose = format!("compare {base} with {head} in {repo}");
        self.core.json(&ApiCall::get(repo, path, purpose)).await
    }

    /// Lists the pull requests that contain a commit.
    ///
    /// `GET /repos/{owner}/{repo}/commits/{sha}/pulls`
    pub async fn pulls_of_commit(
        &self,
        repo: &RepoName,
        sha: &Sha,
    ) -> Result<Vec<PullRequest>, ForgeError> {
        let purpose = format!("list the pull requests of {} in {repo}", sha.short());
        let call = ApiCall::get(repo, format!("/commits/{sha}/pulls?per_page=100"), purpose);
        self.core.json(&call).await
    }

    /// Returns the protection of a branch, as far as these credentials can see it. Reads both the
    /// classic protection and the rulesets; neither needs an administrator's permission.
    ///
    /// `GET /repos/{owner}/{repo}/branches/{branch}`, `GET
    /// /repos/{owner}/{repo}/rules/branches/{branch}`
    pub async fn protection(
        &self,
        repo: &RepoName,
        branch: &str,
    ) -> Result<Protection, ForgeError> {
        let branch_facts = self.if_allowed(self.branch(repo, branch).await)?;
        let rules = self.if_allowed(self.rules(repo, branch).await)?;
        Ok(protection(branch_facts, rules))
    }

    async fn branch(&self, repo: &RepoName, branch: &str) -> Result<BranchState, ForgeError> {
        let path = format!("/branches/{}", escaped(branch, false));
        let purpose = format!("read what protects {branch} of {repo}");
        self.core.json(&ApiCall::get(repo, path, purpose)).await
    }

    async fn rules(&self, repo: &RepoName, branch: &str) -> Result<Vec<BranchRule>, ForgeError> {
        let path = format!("/rules/branches/{}?per_page=100", escaped(branch, false));
        let purpose = format!("read the rules for {branch} of {repo}");
        let call = ApiCall::of(Method::GET, repo, path, purpose);
        Ok(self.core.pages::<Vec<BranchRule>>(&call, 1_000).await?.items)
    }

    /// Maps a missing or forbidden resource to `None`, and keeps every other error.
    #[expect(clippy::unused_self, reason = "reads as one of the steps")]
    fn if_allowed<T>(&self, read: Result<T, ForgeError>) -> Result<Option<T>, ForgeError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(ForgeError::NotFound { .. } | ForgeError::Forbidden { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[derive(Deserialize)]
struct BranchState {
    #[serde(default, deserialize_with = "or_default")]
    protected: bool,
    #[serde(default, deserialize_with = "or_default")]
    protection: ClassicProtection,
}

#[derive(Default, Deserialize)]
struct ClassicProtection {
    #[serde(default, deserialize_with = "or_default")]
    required_status_checks: ClassicChecks,
}

#[derive(Default, Deserialize)]
struct ClassicChecks {
    #[serde(default, deserialize_with = "list")]
    contexts: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    checks: Vec<RequiredCheck>,
}

#[derive(Deserialize)]
struct BranchRule {
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    kind: String,
    #[serde(default, deserialize_with = "or_none")]
    parameters: Option<RuleParameters>,
}

#[derive(Deserialize)]
struct RuleParameters {
    #[serde(default, deserialize_with = "list")]
    required_status_checks: Vec<RequiredCheck>,
}

fn protection(branch: Option<BranchState>, rules: Option<Vec<BranchRule>>) -> Protection {
    let known = branch.is_some() || rules.is_some();
    let ruled = rules.as_ref().map(|rules| !rules.is_empty());
    let protected = match (branch.as_ref().map(|branch| branch.protected), ruled) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        // What is not known about one of them may be what protects the branch.
        (Some(false) | None, _) => None,
    };
    let mut required = branch.map(|branch| classic(branch.protection)).unwrap_or_default();
    for rule in rules.unwrap_or_default() {
        if let ("required_status_checks", Some(parameters)) = (rule.kind.as_str(), rule.parameters)
        {
            required.extend(parameters.required_status_checks);
        }
    }
    required.sort();
    required.dedup();
    Protection { protected, required: known.then_some(required) }
}

/// `checks` repeats `contexts` and adds the app; old servers have only `contexts`.
fn classic(protection: ClassicProtection) -> Vec<RequiredCheck> {
    let ClassicChecks { contexts, checks } = protection.required_status_checks;
    if checks.is_empty() {
        contexts.into_iter().map(|context| RequiredCheck { context, app_id: None }).collect()
    } else {
        checks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(text: &str) -> Option<BranchState> {
        Some(serde_json::from_str(text).unwrap())
    }

    fn check(context: &str, app_id: Option<u64>) -> RequiredCheck {
        RequiredCheck { context: context.to_owned(), app_id }
    }

    #[test]
    fn classic_protection_and_rules_are_one() {
        let classic = branch(
            r#"{"protected":true,"protection":{"required_status_checks":
            {"contexts":["test"],"checks":[{"context":"test","app_id":null}]}}}"#,
        );
        let rules = serde_json::from_str(
            r#"[{"type":"deletion"},{"type":"required_status_checks","parameters":
            {"required_status_checks":[{"context":"lint","integration_id":7}]}}]"#,
        );
        let both = protection(classic, Some(rules.unwrap()));
        let required = vec![check("lint", Some(7)), check("test", None)];
        assert_eq!(both, Protection { protected: Some(true), required: Some(required) });
    }

    #[test]
    fn what_may_not_be_known_is_not_guessed() {
        assert_eq!(protection(None, None), Protection { protected: None, required: None });
        let unprotected = || branch(r#"{"protected":false,"protection":null}"#);
        let open = protection(unprotected(), Some(Vec::new()));
        assert_eq!(open, Protection { protected: Some(false), required: Some(Vec::new()) });
        assert_eq!(protection(unprotected(), None).protected, None, "rules may protect it");
        assert_eq!(protection(None, Some(Vec::new())).protected, None);
    }
}
