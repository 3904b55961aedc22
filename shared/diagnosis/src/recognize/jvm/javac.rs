//! javac, by itself, under Gradle or under Ant; and groovyc and scalac where they write alike.
//!
//! ```text
//! /work/src/main/java/com/acme/Store.java:91: error: cannot find symbol
//!         scene.observers().forEach(this::close);
//!              ^
//!   symbol:   method observers()
//!   location: class Scene
//! 1 error
//! ```
//!
//! Maven writes the same complaint in its own way: see `maven`.

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer = Recognizer {
    name: "javac",
    triggers: &[".java:", ".groovy:", ".scala:", "Compilation failed; see the compiler"],
    look,
};

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let pattern = pattern!(
        r"^\s*(?:\[(?:javac|ERROR|groovyc|scalac)\] )?\s*(\S.*?\.(java|groovy|scala)):\s?([0-9]+): (?:error: (\S.*)|(unable to resolve class .*|unexpected token: .*|\[Static type checking\] - .*))$"
    );
    if let Some(hit) = pattern.captures(content) {
        let message = hit.get(4).or(hit.get(5)).map_or("", |it| it.as_str());
        let tool = match &hit[2] {
            "java" => "javac",
            "groovy" => "groovyc",
            _ => "scalac",
        };
        let block = log.block(at, 14, ends);
        found.push(
            Finding::new(tool, Category::CompileError, Strength::Cause, at, message)
                .with_block(block)
                .at(Some(Location::new(&hit[1], Some(&hit[3]), None))),
        );
    } else if content.contains("Compilation failed; see the compiler") {
        found.push(Finding::new("javac", Category::CompileError, Strength::Echo, at, content));
    }
}

/// Matches the next complaint, the count, or a line of the build tool.
fn ends(line: &str) -> bool {
    let bare = line.trim_start();
    let bare = bare.strip_prefix("[javac] ").unwrap_or(bare).trim_start();
    bare.is_empty()
        || pattern!(r"^[0-9]+ (?:errors?|warnings?)$").is_match(bare)
        || bare.starts_with("> Task ")
        || bare.starts_with("Note: ")
        || pattern!(r"\.(?:java|groovy|scala):[0-9]+: ").is_match(bare)
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    const ERROR: &str = "\
    [javac] /w/src/Store.java:91: error: cannot find symbol
    [javac]         scene.observers();
    [javac]              ^
    [javac]   symbol:   method observers()
    [javac] 1 error
";

    #[test]
    fn an_error_has_its_code_and_its_place() {
        let found = found_by("javac", ERROR);
        assert_eq!(found[0].block, 0..4);
        let place = found[0].location.as_ref().expect("a place");
        assert_eq!((place.file.as_str(), place.line), ("/w/src/Store.java", Some(91)));
    }

    #[test]
    fn a_warning_is_none() {
        let text = "/w/Store.java:9: warning: [removal] old() has been deprecated\n\tat a.B.c(Store.java:91)\n";
        assert!(found_by("javac", text).is_empty());
    }
}
