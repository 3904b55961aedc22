//! Cutting text to a length without cutting a character in half.

/// The longest beginning of `text` that has at most `most` bytes and ends between two characters.
#[must_use]
pub(crate) fn at_char(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
