//! Finds the line of a JSON pointer.

use std::collections::HashMap;

use serde_json::value::RawValue;

/// Returns the line of the value, from 1. If the pointer leads nowhere, it is the line of the last
/// value on its path. Returns `None` for text that is not JSON.
pub(super) fn line_of(text: &str, pointer: &str) -> Option<usize> {
    let mut value: &RawValue = serde_json::from_str(text).ok()?;
    for name in pointer.split('/').skip(1) {
        match within(value.get(), &name.replace("~1", "/").replace("~0", "~")) {
            Some(inner) => value = inner,
            None => break,
        }
    }
    // Raw values are slices of the text that they were read from.
    let start = value.get().as_ptr() as usize - text.as_ptr() as usize;
    Some(text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1)
}

fn within<'a>(value: &'a str, name: &str) -> Option<&'a RawValue> {
    if value.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(value).ok()?;
        items.get(name.parse::<usize>().ok()?).copied()
    } else {
        let fields: HashMap<String, &RawValue> = serde_json::from_str(value).ok()?;
        fields.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn a_pointer_leads_to_a_line() {
        let text = "{\n \"a\": [1,\n  {\"b/c\": 2}\n ]\n}";
        assert_eq!(line_of(text, ""), Some(1));
        assert_eq!(line_of(text, "/a/0"), Some(2));
        assert_eq!(line_of(text, "/a/1/b~1c"), Some(3));
        assert_eq!(line_of(text, "/a/1/nowhere/at/all"), Some(3));
        assert_eq!(line_of("{", "/a"), None);
    }
}
