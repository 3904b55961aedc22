//! Incompressible text, for tests of sizes.

/// Returns `length` letters that depend only on the seed.
pub(super) fn test_noise(seed: u64, length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = seed;
    let mut text = String::with_capacity(length + 10);
    while text.len() < length {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The low bits of such a generator repeat soon.
        let bits = state >> 22;
        text.extend((0..7).map(|at| char::from(LETTERS[(bits >> (at * 6)) as usize & 63])));
    }
    text
}
