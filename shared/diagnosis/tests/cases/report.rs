//! Everything that is wrong with the fixtures' diagnoses, and a table of how many are right.

use std::collections::BTreeMap;
use std::fmt;

use greenline_diagnosis::Category;

use super::Case;
use super::expect::Miss;

const COLUMNS: [&str; 9] = [
    "category",
    "verdict",
    "headline",
    "framework",
    "tests",
    "excerpt",
    "signature",
    "green",
    "marked",
];

/// What came out of all cases.
pub(crate) struct Report {
    /// By case: its misses.
    cases: Vec<(String, String, Vec<Miss>)>,
}

impl Report {
    /// Checks cases, each for itself and their signatures against each other.
    pub(crate) fn of(cases: &[Case]) -> Self {
        let checked = cases.iter().map(|case| {
            let mut misses = case.expect.misses(&case.red);
            misses.extend(unsteady(case));
            misses.extend(shared(case, cases));
            misses.extend(alarmed(case));
            misses.extend(moved(case));
            (case.name.clone(), case.ecosystem().to_owned(), misses)
        });
        Self { cases: checked.collect() }
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.cases.iter().all(|(_, _, misses)| misses.is_empty())
    }

    /// How many cases of an ecosystem are right in a column.
    fn right(&self, ecosystem: Option<&str>, column: Option<&str>) -> (usize, usize) {
        let of =
            || self.cases.iter().filter(move |case| ecosystem.is_none_or(|name| case.1 == name));
        let wrong = |misses: &[Miss]| {
            misses.iter().any(|miss| column.is_none_or(|column| miss.what == column))
        };
        (of().filter(|case| !wrong(&case.2)).count(), of().count())
    }
}

/// The same failure must have the same signature.
fn unsteady(case: &Case) -> Option<Miss> {
    let (red, again) = (case.red.signature.clone(), case.again.signature.clone());
    let show = |signature: Option<String>| signature.unwrap_or_else(|| "(none)".to_owned());
    (red != again || red.is_none()).then(|| Miss {
        what: "signature",
        wanted: format!("{} in red.log and red.again.log", show(red)),
        got: show(again),
    })
}

/// And no other failure may have it.
fn shared(case: &Case, cases: &[Case]) -> Option<Miss> {
    let twin = cases.iter().find(|other| {
        other.name != case.name
            && other.red.signature.is_some()
            && other.red.signature == case.red.signature
    })?;
    Some(Miss {
        what: "signature",
        wanted: "its own".to_owned(),
        got: format!("that of {}", twin.name),
    })
}

/// A log of a passing run must not look like a failure, unless it shows one that was tolerated.
fn alarmed(case: &Case) -> Option<Miss> {
    let green = &case.green;
    let quiet = green.category == Category::Unknown
        && green.headline.is_none()
        && green.failed_tests.is_empty();
    (!quiet && !case.tolerates_failure).then(|| Miss {
        what: "green",
        wanted: "no headline, no failed tests".to_owned(),
        got: format!(
            "{}: {} {:?}",
            green.category,
            green.headline.as_ref().map_or("(no headline)", |quote| &quote.text),
            green.failed_tests
        ),
    })
}

/// What is recognised must be what was reviewed.
fn moved(case: &Case) -> Option<Miss> {
    let (marked, marks) = (case.marked(), case.marks());
    (marked.as_deref() != Some(marks.as_str())).then(|| Miss {
        what: "marked",
        wanted: first_difference(marked.as_deref().unwrap_or("(no marked.txt)"), &marks),
        got: first_difference(&marks, marked.as_deref().unwrap_or_default()),
    })
}

fn first_difference(text: &str, other: &str) -> String {
    let mut lines = text.lines().zip(other.lines().map(Some).chain(std::iter::repeat(None)));
    lines
        .find(|(line, other)| Some(*line) != *other)
        .map_or("(its end)", |(line, _)| line)
        .to_owned()
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, _, misses) in self.cases.iter().filter(|case| !case.2.is_empty()) {
            writeln!(out, "{name}")?;
            for miss in misses {
                writeln!(out, "  {}", miss.what)?;
                lines(out, '-', &miss.wanted)?;
                lines(out, '+', &miss.got)?;
            }
            writeln!(out)?;
        }
        self.table(out)
    }
}

fn lines(out: &mut fmt::Formatter<'_>, sign: char, text: &str) -> fmt::Result {
    const MOST: usize = 8;
    for line in text.lines().take(MOST) {
        writeln!(out, "  {sign} {line}")?;
    }
    match text.lines().count().checked_sub(MOST + 1) {
        Some(more) => writeln!(out, "  {sign} … and {} more", more + 1),
        None => Ok(()),
    }
}

impl Report {
    fn table(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:<12} {:>7}", "", "all")?;
        for column in COLUMNS {
            write!(out, " {column:>9}")?;
        }
        writeln!(out)?;
        let ecosystems: BTreeMap<&str, ()> =
            self.cases.iter().map(|case| (case.1.as_str(), ())).collect();
        for ecosystem in ecosystems.into_keys().map(Some).chain([None]) {
            write!(out, "{:<12}", ecosystem.unwrap_or("together"))?;
            let (right, all) = self.right(ecosystem, None);
            write!(out, " {:>7}", format!("{right}/{all}"))?;
            for column in COLUMNS {
                write!(out, " {:>9}", self.right(ecosystem, Some(column)).0)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
