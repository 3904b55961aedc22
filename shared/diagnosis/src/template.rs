//! Templates: text without the parts that differ from run to run, so that two runs of the same
//! thing give the same template.
//!
//! Numbers, times and durations become `0`, long hexadecimal words and ids `#`, a path its last
//! component. A number that belongs to a name stays (`E0308`, `test_2`, `utf8`), because it
//! distinguishes causes.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// One pass over the text; the first alternative that matches counts: ids before numbers, paths
/// before both.
static VARYING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?P<when>[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]+Z?)?|(?:[0-9]+(?:\.[0-9]+)?(?:ms|us|µs|ns|h|m|s))+\b)",
        r"|(?P<id>\b(?:0x[0-9a-fA-F]+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]*[0-9][0-9a-f]{6,}\b))",
        r"|(?P<dirs>(?:[A-Za-z]:)?(?:[\\/]?[A-Za-z0-9_.@+~-]+)?(?:[\\/][A-Za-z0-9_.@+~-]+)*[\\/])(?P<last>[A-Za-z0-9_.@+-]+)",
        r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)",
        r"|(?P<number>[0-9][0-9.,:]*)",
    ))
    .expect("clippy refuses a pattern that does not compile")
});

/// Returns the template of a text.
#[must_use]
pub(crate) fn of(text: &str) -> String {
    VARYING.replace_all(text.trim(), placeholder).into_owned()
}

fn placeholder(found: &Captures<'_>) -> String {
    if found.name("id").is_some() {
        return "#".to_owned();
    }
    if let Some(last) = found.name("last") {
        return if is_random(last.as_str()) { "#".to_owned() } else { last.as_str().to_owned() };
    }
    match found.name("word") {
        Some(word) if is_random(word.as_str()) => "#".to_owned(),
        Some(word) => word.as_str().to_owned(),
        None => "0".to_owned(),
    }
}

/// Matches generated names: `tmpkhdkxx97`, `pip-install-a1b2c3d4`, `tmp.Xy12`.
fn is_random(name: &str) -> bool {
    let made =
        ["tmp", "temp-", "pytest-", "pip-", "rustc"].iter().any(|begin| name.starts_with(begin));
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    (made && name.len() > 7 && digits > 0)
        || (name.len() >= 16 && digits >= 4 && !name.contains(['_', '.', '-']))
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn two_runs_of_the_same_thing_look_the_same() {
        for (one, other) in [
            ("panicked at /home/a/x/src/lib.rs:10:5", "panicked at /tmp/b/src/lib.rs:12:5"),
            ("took 1.23s", "took 45.6s"),
            ("took 2m30s", "took 1m5s"),
            ("object at 0x7f1234 is 3", "object at 0x55aa is 4"),
            ("commit 3f2a91c0 of a41c09e77b", "commit 99887766 of 0123456789"),
            ("id 6f1c2d3e-1111-2222-3333-444455556666", "id 00000000-aaaa-bbbb-cccc-ddddeeeeffff"),
            (
                "open /tmp/tmpkhdkxx97: 2026-01-02T03:04:05",
                "open /tmp/tmpabcdef12: 2025-11-12T13:14:15",
            ),
            ("connect 127.0.0.1:38211", "connect 127.0.0.1:40001"),
            (r"in D:\a\app\src\x.cs:1", r"in C:\work\src\x.cs:20"),
        ] {
            assert_eq!(of(one), of(other));
        }
    }

    #[test]
    fn two_things_stay_two() {
        for (one, other) in [
            ("error[E0308]: mismatched types", "error[E0277]: mismatched types"),
            ("tests/test_a.py::test_one", "tests/test_a.py::test_two"),
            ("src/a.rs", "src/b.rs"),
            ("cannot find value `x`", "cannot find value `y`"),
            ("TS2322", "TS2345"),
        ] {
            assert_ne!(of(one), of(other));
        }
    }
}
