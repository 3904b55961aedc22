//! docs/security.md names tests that there are, and some for each boundary.

use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn page() -> String {
    std::fs::read_to_string(Path::new(ROOT).join("docs/security.md")).expect("docs/security.md")
}

/// What stands in backticks as `file::test`.
fn named(text: &str) -> Vec<(&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|quoted| quoted.contains(".rs::")).filter_map(|it| it.split_once("::")).collect()
}

/// Whether the file has a test of that name, or a story that a macro makes a test of.
fn is_there(file: &str, test: &str) -> bool {
    let source = std::fs::read_to_string(Path::new(ROOT).join(file)).unwrap_or_default();
    source.contains(&format!("fn {test}("))
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let page = page();
    let all = named(&page);
    let gone: Vec<_> = all.iter().filter(|(file, test)| !is_there(file, test)).collect();
    assert!(gone.is_empty(), "docs/security.md names tests that are not there: {gone:#?}");
}

#[test]
fn every_boundary_names_a_test_that_tries_to_break_it() {
    let page = page();
    let boundaries = page.split("\n## ").find(|part| part.starts_with("Boundaries")).unwrap();
    let sections: Vec<&str> = boundaries.split("\n### ").skip(1).collect();
    let bare: Vec<_> = sections.iter().filter(|section| named(section).is_empty()).collect();
    assert!(sections.len() > 10 && bare.is_empty(), "without a test: {bare:#?}");
}
