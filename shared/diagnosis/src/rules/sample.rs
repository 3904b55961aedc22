//! Samples: the log that taught a rule, with `=> ` before each line that it matches and `‹›` around
//! its captures.

use regex::Captures;

use super::rule::LogRule;

/// The mark before a line that the rule must match.
pub(super) const MARK: &str = "=> ";

/// Returns the line with each named capture in `‹›`.
pub(super) fn marked(line: &str, hit: &Captures<'_>) -> String {
    let mut edges: Vec<(usize, bool, usize)> = Vec::new();
    for name in LogRule::GROUPS {
        if let Some(group) = hit.name(name).filter(|group| !group.is_empty()) {
            edges.push((group.start(), true, usize::MAX - group.end()));
            edges.push((group.end(), false, usize::MAX - group.start()));
        }
    }
    // At the same position an end precedes a beginning; of nested captures the longer is outside.
    edges.sort_unstable();
    let mut out = String::with_capacity(line.len() + edges.len() * 3);
    let mut done = 0;
    for (at, opens, _) in edges {
        out.push_str(&line[done..at]);
        out.push(if opens { '‹' } else { '›' });
        done = at;
    }
    out.push_str(&line[done..]);
    out
}

/// Returns the first line of a sample on which the rule contradicts the marks, with the reason.
pub(super) fn fault(rule: &LogRule, sample: &str) -> Option<(usize, String)> {
    let mut matched = false;
    for (at, line) in sample.lines().enumerate() {
        let wanted = line.strip_prefix(MARK);
        matched |= wanted.is_some();
        if let Some(fault) = fault_of_line(rule, line, wanted) {
            return Some((at, fault));
        }
    }
    (!matched).then(|| {
        (
            0,
            format!(
                "the sample marks no line; put \"{MARK}\" before the one that the rule matches"
            ),
        )
    })
}

fn fault_of_line(rule: &LogRule, line: &str, wanted: Option<&str>) -> Option<String> {
    let plain = wanted.unwrap_or(line).replace(['‹', '›'], "");
    let content = crate::prefixes::inner(&plain);
    let triggered = rule.triggers().any(|trigger| plain.contains(trigger));
    match (rule.captures(content), wanted) {
        (None, Some(_)) => Some("the pattern does not match this line of its sample".to_owned()),
        (Some(_), Some(_)) if !triggered => {
            Some("none of the triggers is in this line of the sample".to_owned())
        }
        (Some(hit), Some(wanted)) => {
            let marked =
                format!("{}{}", &plain[..plain.len() - content.len()], marked(content, &hit));
            (marked != wanted).then(|| format!("the pattern captures otherwise: {marked}"))
        }
        (Some(_), None) if triggered => Some(format!(
            "the rule matches this line of its sample, which has no \"{MARK}\" before it"
        )),
        _ => None,
    }
}
