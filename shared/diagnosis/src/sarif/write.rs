//! Writes problems as SARIF.
//!
//! - One run, with its own category, so that two uploads for a commit don't replace each other.
//! - A result has a place in the repository: GitHub refuses a file with a result without one. A
//!   problem without a place is a notification of the run, which SARIF defines for this.
//! - The fingerprint has its own name. `upload-sarif` computes GitHub's `primaryLocationLineHash`
//!   from the source, and warns about other values.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::limits;
use crate::show::{Diagnosed, RepoLocation, ReportedProblem, problems, stripped};

/// A SARIF log, as far as Greenline writes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sarif {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [SarifRun; 1],
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRun {
    tool: SarifTool,
    automation_details: AutomationDetails,
    original_uri_base_ids: BTreeMap<&'static str, SarifUriBase>,
    invocations: [SarifInvocation; 1],
    results: Vec<SarifResult>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct SarifTool {
    driver: SarifDriver,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifDriver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<SarifRule>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRule {
    id: String,
    short_description: SarifMessage,
    full_description: SarifMessage,
    help: SarifMessage,
    default_configuration: SarifConfiguration,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct SarifConfiguration {
    level: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct AutomationDetails {
    id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct SarifUriBase {
    description: SarifMessage,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifInvocation {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<SarifNotification>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct SarifNotification {
    level: &'static str,
    message: SarifMessage,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: SarifMessage,
    locations: [SarifLocation; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct SarifMessage {
    text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifLocation {
    physical_location: PhysicalLocation,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: SarifRegion,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRegion {
    start_line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<u32>,
}

const ROOT: &str = "%SRCROOT%";
const FINGERPRINT: &str = "greenlineSignature/v1";

/// Returns the category of a job's results. GitHub reads it up to the last slash.
#[must_use]
pub fn category(name: &str) -> String {
    format!("greenline/{}/", stripped(name).trim_matches('/'))
}

/// Returns the problems of these logs. `id` is the category, with a trailing slash (see
/// [`category`]).
#[must_use]
pub fn sarif(logs: &[Diagnosed], id: &str) -> Sarif {
    let mut rules = RuleTable::default();
    let mut results = Vec::new();
    let mut notifications = Vec::new();
    for log in logs {
        for problem in problems(&log.diagnosis) {
            match &problem.place {
                Some(place) if results.len() < limits::RESULTS_SHOWN => {
                    results.push(result(&problem, place, log, &mut rules));
                }
                Some(_) => {}
                None => notifications.push(notification(&problem, log)),
            }
        }
    }
    let name = "Greenline";
    let driver =
        SarifDriver { name, semantic_version: env!("CARGO_PKG_VERSION"), rules: rules.list };
    let id = if id.ends_with('/') { id.to_owned() } else { format!("{id}/") };
    let base = SarifUriBase { description: message("the root of the repository".to_owned()) };
    let run = SarifRun {
        tool: SarifTool { driver },
        automation_details: AutomationDetails { id },
        original_uri_base_ids: BTreeMap::from([(ROOT, base)]),
        invocations: [SarifInvocation {
            execution_successful: true,
            tool_execution_notifications: notifications,
        }],
        results,
    };
    Sarif { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] }
}

#[derive(Default)]
struct RuleTable {
    list: Vec<SarifRule>,
    index: BTreeMap<String, usize>,
}

impl RuleTable {
    /// Returns the index of a rule, adding it if it is new.
    fn index_of(&mut self, id: &str) -> usize {
        if let Some(known) = self.index.get(id) {
            return *known;
        }
        let (tool, what) = match id.strip_suffix("/failed-test") {
            Some(tool) => (tool, "a test fails"),
            None => (id, "complains"),
        };
        let short = format!("{tool}: {what}");
        let full = format!("{short}, in a job that failed. Found in the job's log by Greenline.");
        self.list.push(SarifRule {
            id: id.to_owned(),
            short_description: message(short),
            help: message(full.clone()),
            full_description: message(full),
            default_configuration: SarifConfiguration { level: "error" },
        });
        self.index.insert(id.to_owned(), self.list.len() - 1);
        self.list.len() - 1
    }
}

fn result(
    problem: &ReportedProblem,
    place: &RepoLocation,
    log: &Diagnosed,
    rules: &mut RuleTable,
) -> SarifResult {
    let rule_id = stripped(&problem.rule).into_owned();
    let region = SarifRegion { start_line: place.line.unwrap_or(1), start_column: place.column };
    let artifact_location = ArtifactLocation { uri: uri(&place.path), uri_base_id: ROOT };
    SarifResult {
        rule_index: rules.index_of(&rule_id),
        rule_id,
        level: "error",
        message: sarif_message(problem),
        locations: [SarifLocation {
            physical_location: PhysicalLocation { artifact_location, region },
        }],
        partial_fingerprints: BTreeMap::from([(FINGERPRINT, fingerprint(problem, place, log))]),
    }
}

fn notification(problem: &ReportedProblem, log: &Diagnosed) -> SarifNotification {
    let text = format!("{}: {}", stripped(log.name()), sarif_message(problem).text);
    SarifNotification { level: "error", message: message(text) }
}

fn sarif_message(problem: &ReportedProblem) -> SarifMessage {
    let says = stripped(&problem.message);
    if problem.title == problem.rule {
        message(says.into_owned())
    } else {
        message(format!("{}: {says}", stripped(&problem.title)))
    }
}

fn message(text: String) -> SarifMessage {
    SarifMessage { text }
}

/// Returns the failure's signature if the problem is the failure; otherwise the parts that stay the
/// same between runs: rule, file, and the message without its numbers.
fn fingerprint(problem: &ReportedProblem, place: &RepoLocation, log: &Diagnosed) -> String {
    if let (true, Some(signature)) = (problem.is_headline, &log.diagnosis.signature) {
        return signature.clone();
    }
    let steady: String =
        problem.message.chars().filter(|letter| !letter.is_ascii_digit()).collect();
    let digest =
        Sha256::digest([&problem.rule, &place.path, &steady].map(String::as_str).join("\n"));
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Converts a path to a relative URI.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => uri.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'/' | b'@' | b'+' | b',' | b'=' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::samples;

    fn written(logs: &[Diagnosed]) -> String {
        let id = category("test (3.12)");
        serde_json::to_string_pretty(&sarif(logs, &id)).unwrap() + "\n"
    }

    fn of(diagnosis: crate::Diagnosis) -> String {
        written(&[Diagnosed { log: "job.log".to_owned(), diagnosis }])
    }

    #[test]
    fn a_failed_test_is_a_result_with_its_place() {
        let golden = include_str!("golden/failed_test.sarif");
        let expected = golden.replace("VERSION", env!("CARGO_PKG_VERSION"));
        assert_eq!(written(&[samples::diagnosed()]), expected);
    }

    #[test]
    fn whatever_is_written_passes_our_own_check() {
        let all = [
            samples::failed_test(),
            samples::compile_errors(0),
            samples::compile_errors(6_000),
            samples::nothing(),
            samples::hostile(),
        ];
        for diagnosis in all {
            let text = of(diagnosis);
            assert_eq!(super::super::check(text.as_bytes()), [], "{text}");
        }
    }

    #[test]
    fn what_has_no_place_is_told_and_is_no_result() {
        let text = of(samples::compile_errors(0));
        assert!(text.contains("\"results\": []"), "{text}");
        assert!(text.contains("it does not compile: error[E0308]: mismatched types"), "{text}");
    }

    #[test]
    fn paths_are_percent_encoded() {
        assert_eq!(uri("app/[id]/a b.ts"), "app/%5Bid%5D/a%20b.ts");
        assert_eq!(uri("src/größe.rs"), "src/gr%C3%B6%C3%9Fe.rs");
    }

    #[test]
    fn a_category_is_what_stands_before_the_last_slash() {
        assert_eq!(category("caller / test"), "greenline/caller / test/");
    }
}
