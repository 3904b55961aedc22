//! The memory that reading a file as JSON takes, before it is read.
//!
//! A file of many small objects takes eighty times its size. This counts what the reader would
//! make, by the signs of JSON outside of strings; it does not judge whether the text is JSON.

/// An object with its table, which has room for eleven fields.
const OBJECT: u64 = 640;

/// A value in a list that grows by doubling, or in a table.
const VALUE: u64 = 64;

/// Returns about how many bytes the file takes once it is read, the file itself included.
#[must_use]
pub fn weight(file: &[u8]) -> u64 {
    let (mut weight, mut in_string, mut escaped) = (0_u64, false, false);
    for byte in file {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' => weight += OBJECT,
            b'[' | b',' => weight += VALUE,
            _ => {}
        }
    }
    // The text is there as bytes, as text, and in the strings that are read from it.
    weight + 3 * file.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_weigh_more_than_text() {
        let text = br#"{"a": "{[,\"{[,\\"}"#;
        assert_eq!(weight(text), OBJECT + 3 * text.len() as u64);
        let small = br#"[{"a":0},{"a":0}]"#;
        assert_eq!(weight(small), 2 * OBJECT + 2 * VALUE + 3 * small.len() as u64);
        assert_eq!(weight(b""), 0);
    }
}
