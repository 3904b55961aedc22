//! Cuts text at a length without splitting a character.

/// Returns the longest prefix of `text` with at most `most` bytes that ends between two characters.
#[must_use]
pub(crate) fn at_char(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
