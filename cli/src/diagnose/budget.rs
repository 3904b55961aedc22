//! The size of an excerpt as people write it: `8192`, `8k`, `8 KiB`.

use std::str::FromStr;

use greenline_diagnosis::DiagnosisOptions;

/// A number of bytes from 1 to the contract's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExcerptBudget(usize);

impl ExcerptBudget {
    pub(super) fn bytes(self) -> usize {
        self.0
    }
}

impl FromStr for ExcerptBudget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().to_ascii_lowercase();
        let unit_at = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(unit_at);
        let factor = match unit.trim() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => 1024,
            _ => return Err("write a number of bytes, or one with k".to_owned()),
        };
        let number: usize = number.parse().map_err(|_| "write a number first".to_owned())?;
        match number.checked_mul(factor) {
            Some(0) => Err("an excerpt needs at least 1 byte".to_owned()),
            Some(bytes) if bytes <= DiagnosisOptions::LARGEST_EXCERPT => Ok(Self(bytes)),
            _ => Err("at most 16k are allowed".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_kibibytes_are_read_up_to_16k() {
        let bytes = |text: &str| text.parse().map(ExcerptBudget::bytes);
        assert_eq!(bytes("8192"), Ok(8192));
        assert_eq!(bytes("8k"), Ok(8192));
        assert_eq!(bytes("16 KiB"), Ok(16_384));
        for wrong in ["", "k", "0", "17k", "16385", "8m", "-1", "99999999999999999999", "é"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
