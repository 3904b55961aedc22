//! Parsers of values: durations, sizes, counts, switches, names, lists.
//!
//! Every parser reports the error and what to write instead. Quantities need a unit: `15` alone
//! could mean milliseconds or minutes. Parsers of secrets never repeat their input.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::filter::{ParseError, Targets};

use super::problem::{ValueError, nearest};
use super::secret::Secret;
use crate::hosts::{HostList, HostPattern};
use crate::user_range::UserRange;

pub(super) type ParseResult<T> = Result<T, ValueError>;

/// A word that is safe inside keys, file names and labels: `[A-Za-z0-9._-]{1,64}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlainName(String);

impl PlainName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn name(text: &str) -> ParseResult<PlainName> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if fits {
        return Ok(PlainName(text.to_owned()));
    }
    let message =
        if text.is_empty() { "a name is empty".to_owned() } else { quoted(text, "a name") };
    Err(ValueError::new(message, "write 1 to 64 of A-Z a-z 0-9 . _ -"))
}

/// Splits a list written as `a, b, c`.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

pub(super) fn names(text: &str) -> ParseResult<BTreeSet<PlainName>> {
    items(text).map(name).collect()
}

pub(super) fn duration(text: &str) -> ParseResult<Duration> {
    const HINT: &str = "write a duration such as 15s or 2m";
    if is_number(text) {
        return Err(ValueError::new(format!("\"{text}\" has no unit"), HINT));
    }
    let length = humantime::parse_duration(text)
        .map_err(|_| ValueError::new(quoted(text, "a duration"), HINT))?;
    if length > Duration::from_secs(10 * 366 * 86_400) {
        return Err(ValueError::new(format!("\"{text}\" is longer than ten years"), HINT));
    }
    Ok(length)
}

pub(super) fn positive_duration(text: &str) -> ParseResult<Duration> {
    let length = duration(text)?;
    if length < Duration::from_millis(1) {
        return Err(ValueError::new(format!("\"{text}\" is too short"), "write 1ms or more"));
    }
    Ok(length)
}

/// Parses a size in bytes.
pub(super) fn size(text: &str) -> ParseResult<u64> {
    const HINT: &str = "write a size such as 256KiB or 10GiB";
    if is_number(text) {
        return Err(ValueError::new(format!("\"{text}\" has no unit"), HINT));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let bytes = number
        .parse::<u64>()
        .ok()
        .zip(unit_bytes(unit.trim()))
        .and_then(|(number, unit)| number.checked_mul(unit))
        .ok_or_else(|| ValueError::new(quoted(text, "a size"), HINT))?;
    if bytes == 0 {
        return Err(ValueError::new(format!("\"{text}\" leaves room for nothing"), HINT));
    }
    Ok(bytes)
}

fn unit_bytes(unit: &str) -> Option<u64> {
    Some(match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    })
}

pub(super) fn count(text: &str) -> ParseResult<u32> {
    text.parse()
        .map_err(|_| ValueError::new(quoted(text, "a count"), "write a whole number, 0 or more"))
}

pub(super) fn database(text: &str) -> ParseResult<u16> {
    let fault = || ValueError::new(quoted(text, "a database number"), "write a number such as 10");
    text.parse().map_err(|_| fault())
}

pub(super) fn positive_count(text: &str) -> ParseResult<u32> {
    match count(text)? {
        0 => Err(ValueError::new("0 is too few", "write 1 or more")),
        count => Ok(count),
    }
}

pub(super) fn slots(text: &str) -> ParseResult<NonZeroUsize> {
    const MOST: usize = 4096;
    text.parse().ok().filter(|slots: &NonZeroUsize| slots.get() <= MOST).ok_or_else(|| {
        ValueError::new(quoted(text, "a number of slots"), format!("write 1 to {MOST}"))
    })
}

pub(super) fn port(text: &str) -> ParseResult<u16> {
    text.parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| ValueError::new(quoted(text, "a port"), "write 1 to 65535"))
}

pub(super) fn ports(text: &str) -> ParseResult<Vec<u16>> {
    items(text).map(port).collect()
}

/// Hosts with their ports, and groups of registries.
pub(super) fn hosts(text: &str) -> ParseResult<HostList> {
    HostList::parse(items(text)).map_err(|fault| ValueError::new(fault.message, fault.hint))
}

/// Hosts without ports. Not all of them: those that count as the operator's own are named.
pub(super) fn host_patterns(text: &str) -> ParseResult<Vec<HostPattern>> {
    let named = |text: &str| match text.parse::<HostPattern>() {
        Ok(HostPattern::AnyName) => {
            let message = "\"*\" would make all private addresses reachable";
            Err(ValueError::new(message, "name your own hosts, such as *.corp.example"))
        }
        Ok(host) => Ok(host),
        Err(fault) => Err(ValueError::new(fault.message, fault.hint)),
    };
    items(text).map(named).collect()
}

/// Parses paths that don't depend on the working directory.
pub(super) fn absolute_paths(text: &str) -> ParseResult<Vec<PathBuf>> {
    let absolute = |text: &str| match PathBuf::from(text) {
        path if path.is_absolute() && path.parent().is_some() => Ok(path),
        _ => Err(ValueError::new(
            format!("\"{text}\" is not the whole path of a directory"),
            "write one such as /opt/toolchains; all of / can't be given",
        )),
    };
    items(text).map(absolute).collect()
}

pub(super) fn switch(text: &str) -> ParseResult<bool> {
    match text {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err(ValueError::new(quoted(text, "on or off"), "write on or off")),
    }
}

pub(super) fn user_range(text: &str) -> ParseResult<UserRange> {
    text.parse().map_err(|_| {
        ValueError::new(
            quoted(text, "a range of user ids"),
            "write first-last, from 1000 on and without 65534 and 65535",
        )
    })
}

pub(super) fn path(text: &str) -> ParseResult<PathBuf> {
    some_text(text).map(PathBuf::from)
}

pub(super) fn some_text(text: &str) -> ParseResult<String> {
    match text.trim() {
        "" => Err(ValueError::new("is empty", "write a value, or remove the setting")),
        trimmed => Ok(trimmed.to_owned()),
    }
}

pub(super) fn any_text(text: &str) -> ParseResult<String> {
    Ok(text.to_owned())
}

pub(super) fn listen(text: &str) -> ParseResult<SocketAddr> {
    text.parse().map_err(|_| {
        let hint = "write an IP address and a port, such as 127.0.0.1:7410 or 0.0.0.0:7410";
        ValueError::new(quoted(text, "an address to listen on"), hint)
    })
}

pub(super) fn secret(text: &str) -> ParseResult<Secret> {
    match text {
        "" => Err(ValueError::new("is empty", "write the secret, or remove the setting")),
        text => Ok(Secret::from(text.to_owned())),
    }
}

/// Parses a secret that people make up, and rejects a guessable one.
pub(super) fn long_secret(text: &str) -> ParseResult<Secret> {
    const LEAST: usize = 16;
    match text.chars().count() {
        LEAST.. => Ok(Secret::from(text.to_owned())),
        length => Err(ValueError::new(
            format!("has {length} characters; at least {LEAST} are needed"),
            "make one with: openssl rand -hex 32",
        )),
    }
}

/// Parses one of a few words.
pub(super) fn one_of<T: Copy>(text: &str, words: &[(&'static str, T)]) -> ParseResult<T> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let message = quoted(text, &format!("one of {}", names.join(", ")));
    let hint = match nearest(text, names.iter().copied()) {
        Some(word) => format!("did you mean \"{word}\"?"),
        None => format!("write one of {}", names.join(", ")),
    };
    Err(ValueError::new(message, hint))
}

/// The log events to write: a level for all, or for named modules. Fields of spans, which
/// `EnvFilter` adds, are left out: they add an automaton to every pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct LogFilter(Targets);

impl LogFilter {
    /// Builds the filter.
    pub fn build(&self) -> Targets {
        self.0.clone()
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: ParseError| error.to_string())
    }
}

pub(super) fn log_filter(text: &str) -> ParseResult<LogFilter> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    // The filter's own parser takes a misspelled level for the name of a module, and then shows
    // nothing at all.
    for word in items(text).filter(|word| !word.contains(['=', '[', ':']) && !is_level(word)) {
        if let Some(level) = nearest(word, LEVELS) {
            let hint = format!("did you mean \"{level}\"?");
            return Err(ValueError::new(quoted(word, "a log level"), hint));
        }
    }
    text.parse().map_err(|error| {
        let hint = "write a level such as info, or per module: info,greenline_worker=debug";
        ValueError::new(format!("\"{text}\" is not a log filter: {error}"), hint)
    })
}

pub(super) fn quoted(text: &str, wanted: &str) -> String {
    format!("\"{}\" is not {wanted}", text.escape_debug())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("7d").unwrap(), Duration::from_secs(7 * 86_400));
        assert_eq!(duration("0s").unwrap(), Duration::ZERO);
        for text in ["15", "", "fast", "-3s", "0", "99999999999999y"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
        assert!(positive_duration("0s").is_err());
    }

    #[test]
    fn sizes_need_a_unit_that_fits() {
        assert_eq!(size("256KiB").unwrap(), 262_144);
        assert_eq!(size("10 GiB").unwrap(), 10_737_418_240);
        assert_eq!(size("1MB").unwrap(), 1_000_000);
        for text in ["256", "KiB", "1.5GiB", "-1MiB", "0KiB", "99999999999TiB", "5 lb"] {
            assert!(size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(names("gpu, linux-x64,,").unwrap().len(), 2);
        for text in ["", "two words", "a/b", "ä", &"x".repeat(65)] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_misspelt_level_is_not_taken_for_a_module() {
        assert!(log_filter("info,greenline_worker=debug").is_ok());
        assert!(log_filter("hyper").is_ok());
        let fault = log_filter("inof").unwrap_err();
        assert_eq!(fault, ValueError::new("\"inof\" is not a log level", "did you mean \"info\"?"));
    }

    #[test]
    fn short_secrets_are_refused_without_repeating_them() {
        let fault = long_secret("swordfish").unwrap_err();
        assert!(!format!("{fault:?}").contains("swordfish"));
    }
}
