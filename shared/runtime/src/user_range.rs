//! Ranges of user ids: those that a worker which is root gives to its tasks.

use std::fmt;
use std::str::FromStr;

/// User ids from the first to the last, none of which means anything to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRange {
    first: u32,
    last: u32,
}

/// A text that names no range of ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no range of user ids: write first-last, from 1000 on, without 65534 and 65535")]
pub struct InvalidUserRange(String);

impl UserRange {
    /// Above what systemd gives to containers and what Debian gives to anyone.
    pub const USUAL: Self = Self { first: 2_000_000_000, last: 2_099_999_999 };
    /// For containers in which only the first 65536 ids exist.
    pub const IN_CONTAINERS: Self = Self { first: 50_000, last: 59_999 };

    /// The range for a machine with this `/proc/self/uid_map`: [`Self::USUAL`] if it is mapped
    /// there, else [`Self::IN_CONTAINERS`].
    #[must_use]
    pub fn for_map(map: &str) -> Self {
        if Self::USUAL.is_mapped(map) { Self::USUAL } else { Self::IN_CONTAINERS }
    }

    /// Whether this `/proc/self/uid_map` or `gid_map` maps all of the range.
    #[must_use]
    pub fn is_mapped(self, map: &str) -> bool {
        map.lines().any(|line| {
            let mut numbers = line.split_whitespace().map(str::parse::<u64>);
            let (Some(Ok(inside)), Some(Ok(_)), Some(Ok(count))) =
                (numbers.next(), numbers.next(), numbers.next())
            else {
                return false;
            };
            inside <= self.first.into() && u64::from(self.last) < inside + count
        })
    }

    fn contains(self, id: u32) -> bool {
        (self.first..=self.last).contains(&id)
    }

    /// Returns the number of its ids.
    #[must_use]
    pub fn count(self) -> usize {
        usize::try_from(self.last - self.first).map_or(usize::MAX, |rest| rest.saturating_add(1))
    }

    /// The id of the range that a random number stands for.
    #[must_use]
    pub fn at(self, random: u32) -> u32 {
        self.first + random % (self.last - self.first + 1)
    }
}

impl FromStr for UserRange {
    type Err = InvalidUserRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidUserRange(text.to_owned());
        let (first, last) = text.split_once('-').ok_or_else(invalid)?;
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| invalid());
        let range = Self { first: number(first)?, last: number(last)? };
        // Both mean "nobody" to some part of the system; the last one of all means "no change".
        let special = [65_534, 65_535, u32::MAX];
        let sound = range.first >= 1000 && range.first <= range.last;
        if sound && !special.into_iter().any(|id| range.contains(id)) {
            Ok(range)
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for UserRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_and_what_holds_a_special_id_is_refused() {
        let range: UserRange = "2000000000-2099999999".parse().unwrap();
        assert_eq!(
            (range, range.to_string().as_str()),
            (UserRange::USUAL, "2000000000-2099999999")
        );
        for wrong in ["", "5", "0-5", "999-2000", "9-8", "60000-70000", "1000-4294967295", "a-b"] {
            assert!(wrong.parse::<UserRange>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn containers_with_few_ids_have_a_range_too() {
        let machine = "         0          0 4294967295\n";
        let rootless = "         0       1000          1\n         1     100000      65536\n";
        assert_eq!(UserRange::for_map(machine), UserRange::USUAL);
        assert_eq!(UserRange::for_map(rootless), UserRange::IN_CONTAINERS);
        assert!(UserRange::IN_CONTAINERS.is_mapped(rootless));
        assert!(!UserRange::USUAL.is_mapped("") && !UserRange::USUAL.is_mapped("nonsense"));
    }
}
