//! Type checkers: mypy and its stubtest, pyright, ty, pyre.
//!
//! ```text
//! shop/cart.py:13: error: Item "None" of "Item | None" has no attribute "price"  [union-attr]
//! shop/cart.py:13: note: see https://…
//! Found 2 errors in 1 file (checked 2 source files)
//!   /w/a.py:1:5 - error: Import "x" could not be resolved (reportMissingImports)
//! 1 error, 0 warnings, 0 informations
//! ```

use super::super::one_liners::{OneLiner, recognize};
use super::super::{Recognizer, pattern};
use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;

pub(super) const COMPLAINTS: Recognizer =
    Recognizer { name: "mypy", triggers: &[".py:", ".pyi:", ".ipynb:"], look: complaint };

pub(super) const STUBTEST: Recognizer =
    Recognizer { name: "stubtest", triggers: &["error: "], look: stubtest };

pub(super) const TY: Recognizer = Recognizer { name: "ty", triggers: &["--> "], look: ty };

pub(super) const TOTALS: Recognizer = Recognizer {
    name: "mypy totals",
    triggers: &["Found ", " informations", " warnings, ", "mypy: "],
    look: total,
};

fn complaint(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let form = pattern!(
        r"^\s*((?:[A-Za-z]:)?[^\s:][^:]*\.(?:pyi?|ipynb)(?::[^:0-9]+)?):([0-9]+)(?::([0-9]+))?(?::[0-9]+:[0-9]+)?(: error: | - error: )(.+)$"
    );
    if let Some(hit) = form.captures(content) {
        let tool = if &hit[4] == ": error: " { "mypy" } else { "pyright" };
        let location = Location::new(&hit[1], Some(&hit[2]), hit.get(3).map(|it| it.as_str()));
        let block = details(log, at, tool, &hit[1]);
        found.push(
            Finding::new(tool, Category::TypeError, Strength::Cause, at, &hit[5])
                .with_block(block)
                .at(Some(location)),
        );
    } else if let Some(hit) = pyre(content) {
        found.push(hit.into_finding(at));
    }
}

/// Returns the notes, code frame or continuation under a complaint.
fn details(log: &Log, at: usize, tool: &str, file: &str) -> std::ops::Range<usize> {
    let indent = indent(log.content(at));
    log.block(at, 12, |line| {
        let note =
            tool == "mypy" && line.contains(": note: ") && line.trim_start().starts_with(file);
        let deeper =
            line.len() > indent && self::indent(line) > indent && !line.contains(" - error: ");
        !(note || deeper)
    })
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t', '\u{a0}']).len()
}

struct Pyre<'a> {
    location: Location,
    message: &'a str,
}

impl Pyre<'_> {
    fn into_finding(self, at: usize) -> Finding {
        Finding::new("pyre", Category::TypeError, Strength::Cause, at, self.message)
            .at(Some(self.location))
    }
}

/// `a.py:1:2 Incompatible return type [7]: Expected …`.
fn pyre(content: &str) -> Option<Pyre<'_>> {
    let form = pattern!(r"^(\S+\.pyi?):([0-9]+):([0-9]+) ([A-Z][A-Za-z ]+ \[[0-9]+\]: .+)$");
    let hit = form.captures(content)?;
    let location = Location::new(&hit[1], Some(&hit[2]), Some(&hit[3]));
    Some(Pyre { location, message: hit.get(4)?.as_str() })
}

/// `error: pandas.x is not present at runtime`.
fn stubtest(log: &Log, at: usize, found: &mut Vec<Finding>) {
    const SAYINGS: &[OneLiner] = &[
        OneLiner::echo("stubtest", "error: not checking stubs due to ", "", Category::TypeError),
        OneLiner::cause(
            "stubtest",
            "error: ",
            " is not present at runtime",
            Category::TypeError,
            8,
        ),
        OneLiner::cause("stubtest", "error: ", " is not present in stub", Category::TypeError, 8),
        OneLiner::cause("stubtest", "error: ", " is inconsistent, ", Category::TypeError, 8),
        OneLiner::cause(
            "stubtest",
            "error: ",
            " variable differs from runtime",
            Category::TypeError,
            8,
        ),
    ];
    recognize(SAYINGS, log, at, found);
}

/// `error[invalid-assignment]: …` over ` --> a.py:1:2`.
fn ty(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let place = pattern!(r"^\s*--> (\S[^:]*\.pyi?):([0-9]+):([0-9]+)$");
    let (Some(place), Some(above)) = (place.captures(log.content(at)), at.checked_sub(1)) else {
        return;
    };
    let Some(hit) = pattern!(r"^error\[([a-z][a-z-]*)\]: (.+)$").captures(log.content(above))
    else {
        return;
    };
    found.push(
        Finding::new("ty", Category::TypeError, Strength::Cause, above, &hit[2])
            .with_block(log.block(above, 20, |line| line.trim().is_empty()))
            .at(Some(Location::new(&place[1], Some(&place[2]), Some(&place[3])))),
    );
}

fn total(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let mypy = pattern!(
        r"^Found [1-9][0-9]* errors? (?:in [0-9]+ files? )?\((?:checked [0-9]+ (?:source files?|modules?)|errors prevented further checking)\)$"
    );
    let pyright =
        pattern!(r"^[1-9][0-9]* errors?, [0-9]+ warnings?(?:, [0-9]+ informations?)?\s*$");
    let gave_up = pattern!(r"^mypy: (?:can't read file|error: .+|.*INTERNAL ERROR.*)");
    if mypy.is_match(content) || gave_up.is_match(content) {
        found.push(Finding::new("mypy", Category::TypeError, Strength::Summary, at, content));
    } else if pyright.is_match(content) {
        found.push(Finding::new("pyright", Category::TypeError, Strength::Summary, at, content));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_of;

    fn look(text: &str) -> Vec<Finding> {
        let log = log_of(text);
        let mut found = Vec::new();
        for at in 0..log.len() {
            complaint(&log, at, &mut found);
            stubtest(&log, at, &mut found);
            ty(&log, at, &mut found);
            total(&log, at, &mut found);
        }
        found
    }

    #[test]
    fn complaints_have_places_and_notes() {
        let found = look(
            "\
shop/cart.py:13:5: error: Item \"None\" has no attribute \"price\"  [union-attr]
shop/cart.py:13:5: note: Did you mean x?
  /w/a.py:1:5 - error: Import \"x\" could not be resolved
    Type \"A\" is not assignable (reportMissingImports)
error[invalid-assignment]: Object of type `str` is not assignable to `int`
 --> b.py:1:2
Found 2 errors in 1 file (checked 2 source files)
1 error, 0 warnings, 0 informations
",
        );
        let tools: Vec<&str> = found.iter().map(|one| &*one.tool).collect();
        assert_eq!(tools, ["mypy", "pyright", "ty", "mypy", "pyright"]);
        assert_eq!(found[0].block, 0..2);
        assert_eq!(found[1].block, 2..4);
        assert_eq!(found[0].location.as_ref().and_then(|place| place.column), Some(5));
    }

    #[test]
    fn compilers_of_other_languages_and_clean_runs_are_left() {
        assert!(look("a.c:1:2: error: x\nmain.py:3: note: x\n").is_empty());
        assert!(
            look("Success: no issues found\n0 errors, 2 warnings, 0 informations\n").is_empty()
        );
        assert!(look("error[E0308]: mismatched types\n --> src/lib.rs:3:5\n").is_empty());
    }
}
