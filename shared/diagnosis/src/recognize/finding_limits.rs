//! Bounds the findings: a log may consist of errors only.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::finding::{Finding, Strength};

/// Further findings add nothing. Twice as many are held before the weakest are dropped.
const MOST: usize = 5_000;
/// The longest message and test name. A tool's line may be longer, but its beginning explains it.
const LONGEST: usize = 1_000;

/// Cuts the new findings' texts, and drops findings beyond the limit.
pub(super) fn enforce(found: &mut Vec<Finding>, new: usize) {
    for finding in found.iter_mut().skip(new) {
        shorten(&mut finding.message);
        finding.tests.truncate(MOST);
        finding.tests.iter_mut().for_each(|test| shorten(&mut test.name));
    }
    if found.len() > 2 * MOST {
        thin(found);
    }
}

fn shorten(text: &mut String) {
    text.truncate(text.floor_char_boundary(LONGEST));
    text.shrink_to_fit();
}

/// Drops the weaker findings first. Of those with the strength of the last that fits, the first
/// quarter and the last three quarters stay.
fn thin(found: &mut Vec<Finding>) {
    let mut order: Vec<(Reverse<Strength>, usize)> =
        found.iter().enumerate().map(|(at, finding)| (Reverse(finding.strength), at)).collect();
    order.sort_unstable();
    let (Reverse(weakest), _) = order[MOST];
    let stronger = order.partition_point(|(strength, _)| strength.0 > weakest);
    let equal = order.partition_point(|(strength, _)| strength.0 >= weakest) - stronger;
    let room = MOST - stronger;
    let dropped = room / 4..room / 4 + equal - room;
    let mut seen: HashMap<Strength, usize> = HashMap::new();
    found.retain(|finding| {
        let place = seen.entry(finding.strength).or_default();
        *place += 1;
        finding.strength > weakest
            || (finding.strength == weakest && !dropped.contains(&(*place - 1)))
    });
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, MOST, enforce};
    use crate::contract::Category;
    use crate::finding::{Finding, Strength};

    fn finding(strength: Strength, line: usize) -> Finding {
        Finding::new("tool", Category::Unknown, strength, line, &"é".repeat(LONGEST))
    }

    #[test]
    fn the_strong_stay_with_the_first_and_the_last_of_the_weak() {
        let mut found = Vec::new();
        for line in 0..100_000 {
            let strength = if line == 50_000 { Strength::Cause } else { Strength::Echo };
            let new = found.len();
            found.push(finding(strength, line));
            enforce(&mut found, new);
        }
        assert!(found.len() <= 2 * MOST);
        assert!(found.iter().any(|one| one.strength == Strength::Cause));
        assert_eq!((found[0].line, found[found.len() - 1].line), (0, 99_999));
        assert!(found.is_sorted_by_key(|one| one.line));
        assert!(found.iter().all(|one| one.message.len() <= LONGEST));
    }
}
