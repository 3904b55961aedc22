//! Formats amounts for people: `4.1 GiB`, `2 min 40 s`.

use std::fmt;
use std::time::Duration;

/// A number of bytes, shown in binary units with at most one decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanBytes(pub u64);

impl fmt::Display for HumanBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] =
            [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        let Some((size, unit)) = UNITS.into_iter().find(|(size, _)| self.0 >= *size) else {
            return write!(f, "{} B", self.0);
        };
        // Rounded up: "used 4 GiB, limit 4 GiB" would be confusing.
        let tenths = (u128::from(self.0) * 10).div_ceil(u128::from(size));
        match tenths % 10 {
            0 => write!(f, "{} {unit}", tenths / 10),
            tenth => write!(f, "{}.{tenth} {unit}", tenths / 10),
        }
    }
}

/// A duration, shown by its two largest units.
pub(super) struct HumanDuration(pub(super) Duration);

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, 0) => write!(f, "{} ms", self.0.as_millis()),
            (0, 0, s) => write!(f, "{s} s"),
            (0, min, 0) => write!(f, "{min} min"),
            (0, min, s) => write!(f, "{min} min {s} s"),
            (h, 0, _) => write!(f, "{h} h"),
            (h, min, _) => write!(f, "{h} h {min} min"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        let spoken = |bytes| HumanBytes(bytes).to_string();
        assert_eq!(spoken(0), "0 B");
        assert_eq!(spoken(1023), "1023 B");
        assert_eq!(spoken(4 << 30), "4 GiB");
        assert_eq!(spoken((4 << 30) + 1), "4.1 GiB");
        assert_eq!(spoken(1536 << 10), "1.5 MiB");
        assert_eq!(spoken(u64::MAX), "16777216 TiB");
    }

    #[test]
    fn durations_read_well() {
        let spoken = |ms| HumanDuration(Duration::from_millis(ms)).to_string();
        assert_eq!(spoken(250), "250 ms");
        assert_eq!(spoken(2_500), "2 s");
        assert_eq!(spoken(160_000), "2 min 40 s");
        assert_eq!(spoken(1_800_000), "30 min");
        assert_eq!(spoken(5_400_000), "1 h 30 min");
    }
}
