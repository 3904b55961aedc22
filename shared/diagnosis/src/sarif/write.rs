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
use crate::show::{Diagnosed, Place, Problem, problems, stripped};

/// A SARIF log, as far as Greenline writes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sarif {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    automation_details: AutomationDetails,
    original_uri_base_ids: BTreeMap<&'static str, Base>,
    invocations: [Invocation; 1],
    results: Vec<SarifResult>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Message,
    full_description: Message,
    help: Message,
    default_configuration: Configuration,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct AutomationDetails {
    id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Base {
    description: Message,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Message {
    text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
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
    let mut rules = Rules::default();
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
    let driver = Driver { name, semantic_version: env!("CARGO_PKG_VERSION"), rules: rules.list };
    let id = if id.ends_with('/') { id.to_owned() } else { format!("{id}/") };
    let base = Base { description: message("the root of the repository".to_owned()) };
    let run = Run {
        tool: Tool { driver },
        automation_details: AutomationDetails { id },
        original_uri_base_ids: BTreeMap::from([(ROOT, base)]),
        invocations: [Invocation {
            execution_successful: true,
            tool_execution_notifications: notifications,
        }],
        results,
    };
    Sarif { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] }
}

#[derive(Default)]
struct Rules {
    list: Vec<Rule>,
    index: BTreeMap<String, usize>,
}

impl Rules {
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
        self.list.push(Rule {
            id: id.to_owned(),
            short_description: message(short),
            help: message(full.clone()),
            full_description: message(full),
            default_configuration: Configuration { level: "error" },
        });
        self.index.insert(id.to_owned(), self.list.len() - 1);
        self.list.len() - 1
    }
}

fn result(problem: &Problem, place: &Place, log: &Diagnosed, rules: &mut Rules) -> SarifResult {
    let rule_id = stripped(&problem.rule).into_owned();
    let region = Region { start_line: place.line.unwrap_or(1), start_column: place.column };
    let artifact_location = ArtifactLocation { uri: uri(&place.path), uri_base_id: ROOT };
    SarifResult {
        rule_index: rules.index_of(&rule_id),
        rule_id,
        level: "error",
        message: said(problem),
        locations: [Location { physical_location: PhysicalLocation { artifact_location, region } }],
        partial_fingerprints: BTreeMap::from([(FINGERPRINT, fingerprint(problem, place, log))]),
    }
}

fn notification(problem: &Problem, log: &Diagnosed) -> Notification {
    let text = format!("{}: {}", stripped(log.name()), said(problem).text);
    Notification { level: "error", message: message(text) }
}

fn said(problem: &Problem) -> Message {
    let says = stripped(&problem.message);
    if problem.title == problem.rule {
        message(says.into_owned())
    } else {
        message(format!("{}: {says}", stripped(&problem.title)))
    }
}

fn message(text: String) -> Message {
    Message { text }
}

/// Returns the failure's signature if the problem is the failure; otherwise the parts that stay the
/// same between runs: rule, file, and the message without its numbers.
fn fingerprint(problem: &Problem, place: &Place, log: &Diagnosed) -> String {
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
