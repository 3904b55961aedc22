//! The excerpt of a case, short, with what was recognised marked in it.

use greenline_diagnosis::{Diagnosis, RuleSet};

/// The lines around the headline that are shown.
const BEFORE: usize = 12;
const AFTER: usize = 27;

/// The marked lines of a log.
pub(crate) fn marks(log: &[u8], diagnosis: &Diagnosis) -> String {
    let Some(headline) = &diagnosis.headline else { return "(nothing)\n".to_owned() };
    let lines: Vec<String> = String::from_utf8_lossy(log).split('\n').map(clean).collect();
    let shown = |number: &usize| {
        let within =
            |&(first, last): &(u32, u32)| (first as usize..=last as usize).contains(number);
        diagnosis.excerpt.ranges.iter().any(within)
    };
    let at = headline.line as usize;
    let mut out = String::new();
    let around = at.saturating_sub(BEFORE).max(1)..=(at + AFTER).min(lines.len());
    for number in around.filter(|number| *number == at || shown(number)) {
        let line = &lines[number - 1];
        let marked = if number == at { marked(line, diagnosis) } else { line.clone() };
        out.push_str(marked.trim_end());
        out.push('\n');
    }
    out
}

fn marked(line: &str, diagnosis: &Diagnosis) -> String {
    let Some(tool) = diagnosis.framework.as_deref() else { return format!("=> {line}") };
    match RuleSet::builtin().mark(tool, line) {
        Some((rule, marked)) => format!("=> {tool}/{rule}  {marked}"),
        None => format!("=> {tool}  {line}"),
    }
}

/// Without the timestamp, colours and overwritten states of a progress bar.
fn clean(line: &str) -> String {
    let line = line.trim_start_matches('\u{feff}').trim_end_matches('\r');
    let line = match line.split_once("Z ") {
        Some((stamp, rest)) if stamp.len() == 27 && stamp.as_bytes()[10] == b'T' => rest,
        _ => line,
    };
    let line = line.rsplit('\r').next().unwrap_or_default();
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |end| end + 1);
        out + &part[end..]
    })
}
