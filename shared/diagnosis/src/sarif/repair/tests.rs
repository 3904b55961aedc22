use super::*;
use crate::sarif::check;
use crate::sarif::test_noise::test_noise;

fn result(level: &str, line: u64) -> Value {
    json!({
        "ruleId": "r", "level": level, "message": {"text": format!("{level} {line}")},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": "src/a.rs"}, "region": {"startLine": line}
        }}]
    })
}

fn run(results: &[Value]) -> Value {
    json!({"tool": {"driver": {"name": "My Tool", "rules": [{"id": "r"}]}}, "results": results})
}

fn log(runs: &[Value]) -> Value {
    json!({"version": "2.1.0", "runs": runs})
}

/// Repairs the file and asserts that nothing is left to repair and that a second repair changes
/// nothing.
fn repaired(log: &Value) -> (Value, Vec<String>) {
    let repaired = repair(log.to_string().as_bytes()).expect("an object");
    assert_eq!(repaired.left, [], "{}", repaired.text);
    let again = repair(repaired.text.as_bytes()).expect("an object");
    assert_eq!((again.repairs.len(), &again.text), (0, &repaired.text), "{:?}", again.repairs);
    (serde_json::from_str(&repaired.text).unwrap(), repaired.repairs)
}

#[test]
fn an_empty_file_becomes_one_that_says_that_nothing_was_found() {
    assert_eq!(check(empty().as_bytes()), []);
    assert_eq!(repair(b" \n").expect("nothing").text, empty());
    let (log, repairs) = repaired(&json!({"version": "2.1.0", "runs": []}));
    assert_eq!(log["runs"][0]["results"], json!([]));
    assert_eq!(repairs, ["added a run without results"]);
}

#[test]
fn what_is_no_json_is_left_to_its_tool() {
    for file in [&b"{\"version\": "[..], b"[]", b"\x80"] {
        assert_eq!(repair(file).expect_err("nothing to mend").len(), 1);
    }
}

#[test]
fn runs_of_one_tool_get_categories_of_their_own() {
    let named = |id: &str| {
        let mut run = run(&[]);
        run["automationDetails"] = json!({"id": id});
        run
    };
    let runs = [run(&[]), run(&[]), named("lint/7"), named("lint/8"), named("my-tool-2/")];
    let (log, repairs) = repaired(&log(&runs));
    let ids: Vec<_> = (0..5).map(|at| log["runs"][at]["automationDetails"]["id"].clone()).collect();
    let expected =
        [json!(null), json!("my-tool-3/"), json!("lint/7"), json!("lint-2/8"), json!("my-tool-2/")];
    assert_eq!(ids, expected);
    assert_eq!(repairs, ["gave 2 runs a category of its own"]);
}

#[test]
fn results_without_a_place_go() {
    let mut nowhere = result("error", 1);
    nowhere["locations"] = json!([{"logicalLocations": [{"name": "x"}]}]);
    let mut elsewhere = result("error", 1);
    elsewhere["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] =
        json!("https://a.b/c");
    let (log, repairs) = repaired(&log(&[run(&[nowhere, result("note", 3), elsewhere])]));
    assert_eq!(log["runs"][0]["results"], json!([result("note", 3)]));
    assert_eq!(repairs, ["dropped 2 results without the place of a file"]);
}

#[test]
fn of_too_many_results_the_most_severe_stay_in_their_order() {
    let mut results = vec![result("note", 1)];
    results.extend((2..5_000).map(|line| result("warning", line)));
    results.extend([result("note", 5_000), result("error", 5_001), result("error", 5_002)]);
    let (log, repairs) = repaired(&log(&[run(&results)]));
    let kept = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(
        (kept.len(), &kept[0], &kept[4_999]),
        (5_000, &result("warning", 2), &result("error", 5_002))
    );
    assert_eq!(repairs, ["dropped the 2 results of least severity"]);
}

#[test]
fn small_slips_are_corrected() {
    let mut odd = result("critical", 4);
    odd["message"] = json!({});
    odd["severity"] = json!(9);
    odd["ruleIndex"] = json!(7);
    let place = &mut odd["locations"][0]["physicalLocation"];
    place["artifactLocation"]["uri"] = json!("src/b/../a.rs");
    place["region"] = json!({"startLine": 4, "startColumn": 0});
    let mut lines = result("error", 0);
    lines.as_object_mut().unwrap().remove("ruleId");
    let (log, repairs) = repaired(&log(&[run(&[odd, lines])]));
    let results = &log["runs"][0]["results"];
    assert_eq!(results[0]["level"], "error");
    assert_eq!(results[0]["message"]["text"], "r");
    assert_eq!(results[0]["properties"]["severity"], 9);
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "src/a.rs");
    assert_eq!(place["region"], json!({"startLine": 4}));
    assert_eq!(results[1]["locations"][0]["physicalLocation"]["region"], json!({"startLine": 1}));
    assert_eq!(results[1]["ruleId"], "unknown");
    assert_eq!(repairs.len(), 7, "{repairs:?}");
}

#[test]
fn rules_listed_twice_become_one_and_results_follow() {
    let mut run = run(&[]);
    run["tool"]["driver"]["rules"] = json!([{"id": "a"}, {"id": "b"}, {"id": "a"}, {"id": "c"}]);
    let of = |index: u64| {
        let mut it = result("error", 1);
        it.as_object_mut().unwrap().remove("ruleId");
        it["ruleIndex"] = json!(index);
        it
    };
    run["results"] = json!([of(0), of(1), of(2), of(3)]);
    let (log, _) = repaired(&log(&[run]));
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"], json!([{"id": "a"}, {"id": "b"}, {"id": "c"}]));
    let indexes: Vec<_> = (0..4).map(|at| run["results"][at]["ruleIndex"].as_u64()).collect();
    assert_eq!(indexes, [Some(0), Some(1), Some(0), Some(2)]);
}

#[test]
fn a_file_that_is_too_large_loses_its_least_severe_results() {
    let mut results = Vec::new();
    for line in 1..=16 {
        let mut it = result(if line > 10 { "error" } else { "note" }, line);
        it["message"]["text"] = json!(test_noise(line, 1 << 20));
        results.push(it);
    }
    let (log, repairs) = repaired(&log(&[run(&results)]));
    let kept = log["runs"][0]["results"].as_array().unwrap();
    let errors = kept.iter().filter(|it| it["level"] == "error").count();
    assert!(errors == 6 && kept.len() < 14, "{errors} of {}", kept.len());
    assert!(repairs[0].ends_with("of least severity to fit into 10 MB"), "{repairs:?}");
}

#[test]
fn what_nobody_can_know_is_left_and_told() {
    let mut run = run(&[]);
    run["tool"] = json!({"driver": {}});
    let repaired = repair(log(&[run]).to_string().as_bytes()).expect("an object");
    assert_eq!(
        repaired.left.iter().map(|it| it.kind).collect::<Vec<_>>(),
        [SarifProblemKind::NoTool]
    );
}
