//! What a case expects, and where a diagnosis falls short of it.

use greenline_diagnosis::{Category, Diagnosis, Verdict};
use serde::Deserialize;

/// The table `[expect]` of a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    category: Category,
    verdict: Verdict,
    headline: String,
    framework: Option<String>,
    #[serde(default)]
    failed_tests: Vec<String>,
    #[serde(default)]
    excerpt: Vec<String>,
}

/// What is read of a `case.toml`; the rest is the recorder's.
#[derive(Debug, Deserialize)]
pub(crate) struct File {
    pub(crate) expect: Expect,
    #[serde(default, rename = "step")]
    steps: Vec<LogStep>,
}

#[derive(Debug, Deserialize)]
struct LogStep {
    #[serde(default)]
    allow_failure: bool,
}

impl File {
    /// Whether a step may fail without failing the job: a passing log shows such a failure too.
    pub(crate) fn tolerates_failure(&self) -> bool {
        self.steps.iter().any(|step| step.allow_failure)
    }
}

/// One expectation that was not met.
pub(crate) struct Miss {
    /// Which: a column of the summary.
    pub(crate) what: &'static str,
    /// What the case expects.
    pub(crate) wanted: String,
    /// What came out.
    pub(crate) got: String,
}

impl Expect {
    /// Where a diagnosis falls short.
    pub(crate) fn misses(&self, got: &Diagnosis) -> Vec<Miss> {
        let headline = got.headline.as_ref().map_or("(none)", |quote| &quote.text);
        let framework = got.framework.as_deref().unwrap_or("(none)");
        let mut misses = Vec::new();
        let mut check = |what, met: bool, wanted: &str, got: &str| {
            if !met {
                misses.push(Miss { what, wanted: wanted.to_owned(), got: got.to_owned() });
            }
        };
        check("headline", headline.contains(&self.headline), &self.headline, headline);
        let (wanted, is) = (self.category, got.category);
        check("category", wanted == is, wanted.as_str(), is.as_str());
        check("verdict", self.verdict == got.verdict, self.verdict.as_str(), got.verdict.as_str());
        let wanted = self.framework.as_deref().unwrap_or(framework);
        check("framework", wanted == framework, wanted, framework);
        let (wanted, are) = (sorted(&self.failed_tests), sorted(&got.failed_tests));
        check("tests", wanted == are, &wanted.join("\n"), &are.join("\n"));
        for line in &self.excerpt {
            check("excerpt", got.excerpt.text.contains(line), line, "(not in the excerpt)");
        }
        misses
    }
}

fn sorted(names: &[String]) -> Vec<&str> {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names
}
