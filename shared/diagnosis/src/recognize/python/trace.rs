//! Parts of tracebacks: frames and exceptions. Not a recognizer; several use it.

use crate::contract::{Category, Location};

use super::super::pattern;

/// Returns a frame's file, line and function: `File "a.py", line 3, in f`, including the dump of a
/// crashing interpreter, which lacks the second comma.
pub(super) fn frame(line: &str) -> Option<(Location, &str)> {
    let hit = pattern!(r#"^[\s|]*File "([^"]+)", line ([0-9]+),? in (\S+)"#).captures(line)?;
    let function = hit.get(3).map_or("", |name| name.as_str());
    Some((Location::new(&hit[1], Some(&hit[2]), None), function))
}

/// Returns `true` if a file belongs to Python or an installed package.
pub(super) fn is_library(file: &str) -> bool {
    const HOMES: [&str; 7] = [
        "site-packages",
        "dist-packages",
        "/lib/python",
        "\\lib\\python",
        "hostedtoolcache",
        "<frozen ",
        "<string>",
    ];
    HOMES.iter().any(|home| file.contains(home))
}

/// Returns the innermost frame of the project, or of any code if there is none.
pub(super) fn innermost<'a>(lines: impl DoubleEndedIterator<Item = &'a str>) -> Option<Location> {
    let mut innermost = None;
    for (location, _) in lines.rev().filter_map(frame) {
        if !is_library(&location.file) {
            return Some(location);
        }
        innermost = innermost.or(Some(location));
    }
    innermost
}

/// Returns `true` for an exception as Python prints it: `pkg.mod.Error: message`, or the bare name.
pub(super) fn is_exception(line: &str) -> bool {
    pattern!(r"^(?:[A-Za-z_][A-Za-z0-9_<>]*\.)*[A-Z][A-Za-z0-9_]*(?:: .*|:?$)").is_match(line)
}

/// Returns the exception's class without its module: `DockerException`.
pub(super) fn class(exception: &str) -> &str {
    let path = exception.split(':').next().unwrap_or("");
    path.rsplit('.').next().unwrap_or(path).trim()
}

/// Returns `true` for an exception without a message.
pub(super) fn is_bare(exception: &str) -> bool {
    let words = exception.split_once(':').map_or("", |(_, words)| words);
    is_exception(exception) && words.trim().is_empty()
}

/// Returns `true` if the source could not be parsed.
pub(super) fn is_syntax(exception: &str) -> bool {
    matches!(class(exception), "SyntaxError" | "IndentationError" | "TabError")
}

/// Returns `true` if code could not be loaded: it does not parse, or names a missing object.
pub(super) fn is_unloadable(exception: &str) -> bool {
    is_syntax(exception)
        || matches!(class(exception), "ImportError" | "ModuleNotFoundError" | "NameError")
}

/// Returns the category of an exception that is more specific than a defect in the code.
pub(super) fn category(exception: &str) -> Option<Category> {
    match class(exception) {
        "SyntaxError" | "IndentationError" | "TabError" | "NameError" => {
            Some(Category::CompileError)
        }
        "ModuleNotFoundError" | "DistributionNotFound" | "PackageNotFoundError" => {
            Some(Category::DependencyInstall)
        }
        "ImportError" if exception.contains("No module named") => Some(Category::DependencyInstall),
        "MemoryError" | "_ArrayMemoryError" => Some(Category::TimeoutOrOom),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_exceptions_from_prose() {
        assert!(is_exception("AssertionError"));
        assert!(is_exception("docker.errors.DockerException: Error while fetching"));
        assert!(is_exception("KeyError: 'vizro_ai'"));
        assert!(!is_exception("  File \"a.py\", line 1, in <module>"));
        assert!(!is_exception("Not equal to tolerance rtol=1e-05, atol=0"));
    }

    #[test]
    fn knows_a_bare_exception() {
        assert!(is_bare("AssertionError: "));
        assert!(is_bare("a.b.AssertionError"));
        assert!(!is_bare("KeyError: 'a'"));
        assert!(!is_bare("Not equal to tolerance rtol=1e-05, atol=0"));
    }

    #[test]
    fn prefers_frames_of_the_project() {
        let lines = [
            "  File \"/w/app.py\", line 3, in run",
            "  File \"/v/lib/python3.12/site-packages/x/y.py\", line 9, in z",
        ];
        assert_eq!(innermost(lines.into_iter()).map(|found| found.file), Some("/w/app.py".into()));
    }
}
