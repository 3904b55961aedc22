use serde_json::json;

use super::*;
use crate::sarif::SarifSeverity;
use crate::sarif::test_noise::test_noise;

fn result() -> Value {
    json!({
        "ruleId": "r", "message": {"text": "m"},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": "src/a.rs"}, "region": {"startLine": 1}
        }}]
    })
}

fn run(results: Vec<Value>) -> Value {
    json!({"tool": {"driver": {"name": "t", "rules": [{"id": "r"}]}}, "results": results})
}

fn log(runs: &[Value]) -> Value {
    json!({"version": "2.1.0", "runs": runs})
}

fn problems(log: &Value) -> Vec<SarifProblem> {
    check(serde_json::to_string_pretty(log).unwrap().as_bytes())
}

fn kinds(log: &Value) -> Vec<SarifProblemKind> {
    problems(log).into_iter().map(|it| it.kind).collect()
}

/// Returns the kinds of complaints about one changed result.
fn with(change: impl FnOnce(&mut Value)) -> Vec<SarifProblemKind> {
    let mut one = result();
    change(&mut one);
    kinds(&log(&[run(vec![one])]))
}

#[test]
fn a_sound_file_has_no_complaints() {
    assert_eq!(kinds(&log(&[run(vec![result()])])), []);
    assert_eq!(kinds(&log(&[run(vec![])])), []);
}

#[test]
fn a_file_that_is_no_json_object_is_told_with_its_place() {
    let message = |file: &[u8]| {
        let found = check(file);
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0].kind, found[0].line, found[0].column)
    };
    assert_eq!(message(b""), (SarifProblemKind::Empty, None, None));
    assert_eq!(message(b" \n"), (SarifProblemKind::Empty, None, None));
    assert_eq!(message(b"{\n \"version\": 2,\n}"), (SarifProblemKind::NotJson, Some(3), Some(1)));
    assert_eq!(message(b"[]"), (SarifProblemKind::NotAnObject, Some(1), None));
    assert_eq!(message(b"\x80\x81"), (SarifProblemKind::Encoding, None, None));
    let deep = "[".repeat(100_000);
    assert_eq!(message(deep.as_bytes()).0, SarifProblemKind::NotJson);
}

#[test]
fn other_encodings_are_read_and_told() {
    let text = log(&[run(vec![])]).to_string();
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    for file in [utf16, marked] {
        let found = check(&file);
        assert_eq!((found.len(), found[0].kind), (1, SarifProblemKind::Encoding), "{found:?}");
    }
}

#[test]
fn a_log_needs_its_version_and_a_run() {
    assert_eq!(kinds(&json!({})), [SarifProblemKind::Version, SarifProblemKind::NoRuns]);
    assert_eq!(kinds(&json!({"version": "2.1.0", "runs": []})), [SarifProblemKind::NoRuns]);
    assert_eq!(
        kinds(&json!({"version": "2.0.0", "runs": [run(vec![])]})),
        [SarifProblemKind::Version]
    );
    assert_eq!(kinds(&json!({"version": "2.1.0", "runs": {}})), [SarifProblemKind::WrongType]);
    assert_eq!(kinds(&json!({"version": "2.1.0", "runs": [3]})), [SarifProblemKind::WrongType]);
    let unknown = json!({"version": "2.1.0", "runs": [run(vec![])], "date": 1});
    assert_eq!(kinds(&unknown), [SarifProblemKind::UnknownProperty]);
}

#[test]
fn a_run_needs_a_tool_results_and_a_category_of_its_own() {
    assert_eq!(
        kinds(&log(&[json!({"tool": {"driver": {}}})])),
        [SarifProblemKind::NoTool, SarifProblemKind::NoResults]
    );
    let other = |id: &str| {
        let mut run = run(vec![]);
        run["automationDetails"] = json!({"id": id});
        run
    };
    assert_eq!(kinds(&log(&[run(vec![]), run(vec![])])), [SarifProblemKind::SameCategory]);
    assert_eq!(kinds(&log(&[other("a/1"), other("a/2")])), [SarifProblemKind::SameCategory]);
    assert_eq!(kinds(&log(&[other("a"), other("b")])), [SarifProblemKind::SameCategory]);
    assert_eq!(kinds(&log(&[other("a/"), other("b/"), run(vec![])])), []);
    let many: Vec<Value> = (0..21).map(|at| other(&format!("{at}/"))).collect();
    assert_eq!(kinds(&log(&many)), [SarifProblemKind::TooManyRuns]);
}

#[test]
fn a_result_needs_a_message_a_rule_and_a_place() {
    assert_eq!(with(|it| it["message"] = json!({})), [SarifProblemKind::NoMessage]);
    assert_eq!(
        with(|it| it["message"] = json!("m")),
        [SarifProblemKind::WrongType, SarifProblemKind::NoMessage]
    );
    assert_eq!(
        with(|it| drop(it.as_object_mut().unwrap().remove("ruleId"))),
        [SarifProblemKind::NoRule]
    );
    assert_eq!(with(|it| it["ruleIndex"] = json!(1)), [SarifProblemKind::RuleIndex]);
    assert_eq!(with(|it| it["level"] = json!("critical")), [SarifProblemKind::Level]);
    assert_eq!(with(|it| it["locations"] = json!([])), [SarifProblemKind::NoLocation]);
    assert_eq!(
        with(|it| it["locations"] = json!([{"logicalLocations": []}])),
        [SarifProblemKind::NoFile]
    );
    assert_eq!(with(|it| it["severity"] = json!(1)), [SarifProblemKind::UnknownProperty]);
    let place = |it: &mut Value| it["locations"] = json!(vec![it["locations"][0].clone(); 101]);
    assert_eq!(with(place), [SarifProblemKind::LocationsNotShown]);
}

#[test]
fn a_place_is_in_the_repository_and_counts_from_1() {
    let at = |uri: &str| {
        with(|it| it["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] = json!(uri))
    };
    assert_eq!(at("/usr/include/stdio.h"), [SarifProblemKind::OutsidePath]);
    assert_eq!(at("file:///tmp/x.go"), [SarifProblemKind::OutsidePath]);
    assert_eq!(at("../x.rs"), [SarifProblemKind::ParentPath]);
    assert_eq!(at("https://example.com/x.rs"), [SarifProblemKind::ForeignScheme]);
    assert_eq!(at("file:///home/runner/work/app/app/src/x.rs"), []);
    let region = |name: &str, value: Value| {
        with(|it| it["locations"][0]["physicalLocation"]["region"][name] = value)
    };
    assert_eq!(region("startLine", json!(0)), [SarifProblemKind::Region]);
    assert_eq!(region("endColumn", json!("4")), [SarifProblemKind::Region]);
}

#[test]
fn what_is_wrong_in_the_same_way_is_one_complaint_with_its_first_line() {
    let mut bad = result();
    bad["locations"] = json!([]);
    let found = problems(&log(&[run(vec![result(), bad.clone(), bad])]));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].pointer.as_str(), found[0].count), ("/runs/0/results/1", 2));
    assert_eq!(found[0].message, "2 results have no location");
    assert_eq!((found[0].line, found[0].severity), (Some(23), SarifSeverity::Refused));
}

#[test]
fn limits_are_kept() {
    let small = json!({"ruleId": "r", "message": {"text": "m"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a"}}}]});
    assert_eq!(
        kinds(&log(&[run(vec![small.clone(); 5_001])])),
        [SarifProblemKind::ResultsNotShown]
    );
    assert_eq!(kinds(&log(&[run(vec![small; 25_001])])), [SarifProblemKind::TooManyResults]);
    let mut tagged = run(vec![]);
    let rules = &mut tagged["tool"]["driver"]["rules"];
    *rules = json!([{"id": "r", "properties": {"tags": vec!["t"; 21]}}, {"id": "r"}]);
    assert_eq!(
        kinds(&log(&[tagged])),
        [SarifProblemKind::TooManyTags, SarifProblemKind::DuplicateRule]
    );
}

#[test]
fn what_is_over_10_mb_compressed_is_refused() {
    let mut large = result();
    large["message"]["text"] = json!(test_noise(1, 15 << 20));
    assert_eq!(kinds(&log(&[run(vec![large])])), [SarifProblemKind::TooLarge]);
}
