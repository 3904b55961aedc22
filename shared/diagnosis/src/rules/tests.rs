//! Tests that the built-in rules match their samples, and that invalid rules are refused with a
//! reason.

use super::{BUILTIN, LogRule, RuleSet};
use crate::contract::Category;

const RULE: &str = r#"
[[rule]]
name = "acme-lint"
tool = "acme-lint"
category = "lint_error"
triggers = ["ACME"]
pattern = '^(?<file>[^:]+):(?<line>[0-9]+): ACME[0-9]+ (?<message>.+)'
why = "A line for each complaint."
sample = '''
Checking 3 files for ACME style
=> ‹src/a.x›:‹12›: ACME42 ‹a tab›
'''
"#;

fn refusal(text: &str) -> String {
    RuleSet::parse(text, "acme.toml").expect_err("a faulty rule").to_string()
}

fn without(field: &str) -> String {
    RULE.lines()
        .filter(|line| !line.starts_with(field))
        .fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn every_built_in_rule_does_what_its_sample_says() {
    if let Err(error) = RuleSet::parse(BUILTIN, "rules.toml") {
        panic!("{error}");
    }
}

#[test]
fn a_rule_of_ones_own_is_found_and_comes_first() {
    let own = RuleSet::parse(RULE, "acme.toml").expect("a good rule");
    let rules = RuleSet::builtin().with(&own);
    assert_eq!(rules.rules().next().map(LogRule::name), Some("acme-lint"));
    let log = crate::log_of("ok\nsrc/b.x:3: ACME7 a space at the end\n");
    let found = crate::recognize::findings_by(&log, &rules);
    assert_eq!(found[0].message, "a space at the end");
    assert_eq!(found[0].category, Category::LintError);
    let place = found[0].location.as_ref().expect("a place");
    assert_eq!((place.file.as_str(), place.line), ("src/b.x", Some(3)));
}

#[test]
fn faults_say_where_they_are_and_what_was_meant() {
    assert_eq!(
        refusal(&RULE.replace("lint_error", "lint_eror")),
        "acme.toml:5:12: unknown category \"lint_eror\"; did you mean \"lint_error\"?"
    );
    assert_eq!(
        refusal(&RULE.replace("triggers", "trigers")),
        "acme.toml:6:1: unknown field \"trigers\"; did you mean \"triggers\"?"
    );
    assert_eq!(
        refusal(&RULE.replace("<message>", "<mesage>")),
        "acme.toml:7:11: unknown group \"mesage\"; did you mean \"message\"?"
    );
    assert!(refusal(&RULE.replace("\"ACME\"", "")).contains("6:12: a rule needs triggers"));
    assert!(refusal(&without("triggers")).contains("a rule needs triggers"));
    assert!(refusal(&without("why")).contains("this rule has no \"why\""));
    assert!(refusal(&format!("{RULE}{RULE}")).contains("another rule with the name"));
    assert!(refusal("[[rule]").starts_with("acme.toml:1:"));
}

#[test]
fn a_sample_that_does_not_fit_is_shown_by_its_line() {
    assert_eq!(
        refusal(&RULE.replace("‹12›", "12")),
        "acme.toml:11:1: the pattern captures otherwise: ‹src/a.x›:‹12›: ACME42 ‹a tab›"
    );
    assert!(refusal(&RULE.replace("=> ", "")).contains("11:1: the rule matches this line"));
    assert!(refusal(&RULE.replace("ACME42", "B42")).contains("11:1: the pattern does not match"));
    assert!(refusal(&RULE.replace("[\"ACME\"]", "[\"acme\"]")).contains("none of the triggers"));
}

#[test]
fn patterns_that_cost_too_much_are_refused() {
    for pattern in ["(((a{100}){100}){100})", "(", "(?=a)a", &"(".repeat(60)] {
        let rule = RULE.replace("^(?<file>", &format!("{pattern}(?<file>"));
        assert!(refusal(&rule).contains("acme.toml:7:11: the pattern can't be used"), "{pattern}");
    }
}

#[test]
fn leaving_out_the_samples_loses_no_rule() {
    let names =
        |rules: &RuleSet| rules.rules().map(|rule| rule.name().to_owned()).collect::<Vec<_>>();
    let all = RuleSet::parse(BUILTIN, "rules.toml").expect("the built-in rules");
    assert_eq!(names(&RuleSet::builtin()), names(&all));
}
