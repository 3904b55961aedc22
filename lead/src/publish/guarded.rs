//! Paths that are never published, with or without a yes: what configures CI, and Greenline itself.
//! The list is data, with its reasons: guarded_paths.txt. Pure.
//!
//! A path is compared as a checkout might read it: without case, and without what Windows and macOS
//! leave out of names. So `.GitHub` and `.g\u{200c}ithub` are `.github`.

use std::sync::LazyLock;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

static GUARDED: LazyLock<GlobSet> = LazyLock::new(|| {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns() {
        // A list of ours: a test builds it.
        let folded = folded(pattern);
        let glob = GlobBuilder::new(&folded).literal_separator(true).build();
        set.add(glob.expect("a pattern of guarded_paths.txt"));
    }
    set.build().expect("the patterns of guarded_paths.txt")
});

fn patterns() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("guarded_paths.txt").lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Returns whether a path is one that only people change.
pub(super) fn is_guarded(path: &str) -> bool {
    let names = path.split('/').map(folded).filter(|name| !name.is_empty() && name != ".");
    GUARDED.is_match(names.collect::<Vec<_>>().join("/"))
}

/// A name without case, without what HFS+ ignores in it, and without what NTFS drops at its end.
fn folded(name: &str) -> String {
    let kept = name.chars().filter(|letter| !is_ignored(*letter));
    // Up first: it makes a plain letter of each that a file system takes for one.
    let folded: String = kept.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    folded.trim_end_matches(['.', ' ']).to_owned()
}

/// The code points that HFS+ ignores in names, as in git's `next_hfs_char`.
fn is_ignored(letter: char) -> bool {
    matches!(letter,
        '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_configuration_of_every_system_is_guarded() {
        for path in [
            ".github/workflows/ci.yml",
            ".github/CODEOWNERS",
            ".github",
            "CODEOWNERS",
            "docs/CODEOWNERS",
            "tools/build/action.yml",
            ".greenline.toml",
            ".greenline/prompts/x.md",
            ".greenline-rules.toml",
            "sub/.greenline.toml",
            ".gitlab-ci.yml",
            "ci/template.gitlab-ci.yml",
            ".circleci/config.yml",
            ".travis.yml",
            "Jenkinsfile",
            "deploy/Jenkinsfile.release",
            "azure-pipelines.yml",
            "build/azure-pipelines-nightly.yaml",
            ".buildkite/pipeline.yml",
            "bitbucket-pipelines.yml",
            ".drone.yml",
            ".drone.jsonnet",
            ".woodpecker.yaml",
            ".woodpecker/test.yml",
            "appveyor.yml",
            ".semaphore/semaphore.yml",
            ".cirrus.yml",
            ".tekton/pull.yaml",
            ".teamcity/settings.kts",
            ".forgejo/workflows/x.yml",
            ".gitea/workflows/x.yml",
            ".build.yml",
            ".builds/debian.yml",
            "cloudbuild.yaml",
            "services/a/cloudbuild-prod.yaml",
            "buildspec.yml",
            "codefresh.yml",
            "wercker.yml",
            ".harness/x.yaml",
            ".prow.yaml",
            "screwdriver.yaml",
            "zuul.d/jobs.yaml",
            ".packit.yaml",
            "netlify.toml",
            "vercel.json",
            ".pre-commit-config.yaml",
            "renovate.json",
        ] {
            assert!(is_guarded(path), "{path}");
        }
    }

    #[test]
    fn no_spelling_gets_around_it() {
        for path in [
            ".GitHub/workflows/x.yml",
            "./.github/x.yml",
            ".github./x.yml",
            ".github /x.yml",
            ".github . ./x.yml",
            ".g\u{200c}ithub/workflows/x.yml",
            "\u{feff}.github/x.yml",
            ".git\u{206f}hub/x.yml",
            ".GREENLINE.toml",
            "jenkinsfile",
            "JENKINSFILE",
            "JENKIN\u{17f}FILE",
            ".drone.YML",
            ".BUILD\u{212a}ITE/pipeline.yml",
            "docs/codeowners",
        ] {
            assert!(is_guarded(path), "{path:?}");
        }
        for code in
            "\u{200c}\u{200d}\u{200e}\u{200f}\u{202a}\u{202e}\u{206a}\u{206f}\u{feff}".chars()
        {
            assert!(is_guarded(&format!(".gith{code}ub/x")), "{code:?}");
        }
    }

    #[test]
    fn code_is_not_guarded() {
        for path in [
            "src/x.rs",
            "Makefile",
            "package.json",
            "tests/github/workflows/x.yml",
            "src/.github/x.yml",
            "github/workflows/x.yml",
            "src/ci/mod.rs",
            "lib/jenkins.py",
            "src/actions.yml.rs",
            "greenline.toml",
            ".gitignore",
            ".gitattributes",
        ] {
            assert!(!is_guarded(path), "{path}");
        }
    }
}
