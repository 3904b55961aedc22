//! Seeded mutations of real text, for tests of whatever reads text of others.
//!
//! [`mutate_and_read`] changes samples in the same ways on each run, so a finding comes back under
//! its seed. How much is tried is a count, never a time. What libFuzzer finds beyond that is the
//! business of the `fuzz` folders.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

use fastrand::Rng;

/// The largest mutant, in bytes.
const LARGEST: usize = 1 << 20;

/// Text that parsers stumble over.
const PIECES: [&[u8]; 34] = [
    b"",
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\"",
    b"'",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"=",
    b"#",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\xed\xa0\x80",
    "é☃🦀".as_bytes(),
    b"\x1b[31m",
    b"\\u0000",
    b"\\ud800",
    b"[[",
    b"..",
];

/// Changes a sample `count` times, each time from the start, and gives the result to `read`.
///
/// # Panics
///
/// If `read` does: with the seed, and the path of a file that holds the input.
pub fn mutate_and_read(name: &str, samples: &[Vec<u8>], count: u64, read: impl Fn(&[u8])) {
    assert!(!samples.is_empty(), "{name}: there is no sample");
    for seed in 0..count {
        let input = mutant(samples, seed);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| read(&input))) {
            let place = keep(name, seed, &input);
            #[expect(clippy::print_stderr, reason = "the test that fails shows it")]
            {
                eprintln!("{name}: seed {seed}, its input is {}", place.display());
            }
            resume_unwind(panic);
        }
    }
}

/// The mutant of a seed.
#[must_use]
pub fn mutant(samples: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut random = Rng::with_seed(seed);
    let mut text = samples[random.usize(..samples.len())].clone();
    for _ in 0..random.usize(1..9) {
        change(&mut text, samples, &mut random);
        text.truncate(LARGEST);
    }
    text
}

fn change(text: &mut Vec<u8>, samples: &[Vec<u8>], random: &mut Rng) {
    let at = random.usize(..=text.len());
    let to = (at + random.usize(..64)).min(text.len());
    match random.u8(..9) {
        0 => text.truncate(at),
        1 if at < text.len() => text[at] = random.u8(..),
        2 if at < text.len() => text[at] ^= 1 << random.u8(..8),
        3 => drop(text.drain(at..to)),
        4 => drop(text.splice(at..to, PIECES[random.usize(..PIECES.len())].iter().copied())),
        5 => {
            let part = text[at..to].repeat(random.usize(1..200));
            drop(text.splice(at..at, part));
        }
        6 => {
            let other = &samples[random.usize(..samples.len())];
            let from = random.usize(..=other.len());
            text.truncate(at);
            text.extend_from_slice(&other[from..]);
        }
        7 => {
            let piece = PIECES[random.usize(..PIECES.len())];
            drop(text.splice(at..at, piece.repeat(random.usize(1..2_000))));
        }
        _ => drop(text.splice(at..at, PIECES[random.usize(..PIECES.len())].iter().copied())),
    }
}

/// Writes an input down for whoever looks into it.
fn keep(name: &str, seed: u64, input: &[u8]) -> PathBuf {
    let place = std::env::temp_dir().join(format!("greenline-fuzz-{name}-{seed}"));
    let _best_effort = std::fs::write(&place, input);
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_mutant_and_a_finding_names_it() {
        let samples = vec![b"[a]\nb = 1\n".to_vec(), b"c = [1, 2]\n".to_vec()];
        assert_eq!(mutant(&samples, 7), mutant(&samples, 7));
        let different = (0..100).filter(|seed| mutant(&samples, *seed) != samples[0]).count();
        assert!(different > 90);
        let found = catch_unwind(AssertUnwindSafe(|| {
            mutate_and_read("self", &samples, 1, |_| panic!("found"));
        }));
        assert!(found.is_err());
        let kept = std::env::temp_dir().join("greenline-fuzz-self-0");
        assert_eq!(std::fs::read(&kept).unwrap(), mutant(&samples, 0));
        std::fs::remove_file(kept).unwrap();
    }
}
