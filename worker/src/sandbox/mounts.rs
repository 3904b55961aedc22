//! Which mounts there are, and taking rights from them.
//!
//! A mount that is bound from elsewhere keeps the rights it has there. [`restrict`] leaves it no
//! more than it is given, together with everything that is mounted below it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use super::root::RootResult;

/// One line of mountinfo.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    place: PathBuf,
    flags: MsFlags,
}

/// Adds to the flags of each mount at and below `root`, seen by the mount table `table`, what
/// `more` says of its place; nothing if that is `None`. Flags that a mount has it keeps: the kernel
/// locks those that a user with more rights has set.
pub(super) fn restrict(
    table: &Path,
    root: &Path,
    more: impl Fn(&Path) -> Option<MsFlags>,
) -> RootResult<()> {
    let text = fs::read(table).map_err(|error| format!("failed to read the mounts: {error}"))?;
    let nothing = None::<&str>;
    for Mount { place, flags } in parse(&text).into_iter().filter(|it| it.place.starts_with(root)) {
        let Some(more) = more(&place) else { continue };
        let flags = flags | more | MsFlags::MS_REMOUNT | MsFlags::MS_BIND;
        mount(nothing, &place, nothing, flags, nothing).map_err(|error| {
            format!("failed to take rights from the mount {}: {error}", place.display())
        })?;
    }
    Ok(())
}

/// Reads `/proc/self/mountinfo`: the fifth word of a line is the place, the sixth its flags.
fn parse(table: &[u8]) -> Vec<Mount> {
    let lines = table.split(|byte| *byte == b'\n');
    let words = lines.map(|line| line.split(|byte| *byte == b' ').collect::<Vec<_>>());
    words
        .filter_map(|words| {
            let place = PathBuf::from(unescaped(words.get(4)?));
            Some(Mount { place, flags: flags(words.get(5)?) })
        })
        .collect()
}

/// Those that a bind mount can change. Times of access stay as they are when none is named.
fn flags(options: &[u8]) -> MsFlags {
    let known = |option: &[u8]| match option {
        b"ro" => MsFlags::MS_RDONLY,
        b"nosuid" => MsFlags::MS_NOSUID,
        b"nodev" => MsFlags::MS_NODEV,
        b"noexec" => MsFlags::MS_NOEXEC,
        _ => MsFlags::empty(),
    };
    options.split(|byte| *byte == b',').map(known).collect()
}

/// Spaces, tabs, line breaks and backslashes stand as three octal digits.
fn unescaped(word: &[u8]) -> OsString {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| *byte == b'\\');
        let code = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(code.unwrap_or(*byte));
        rest = after.get(if code.is_some() { 3 } else { 0 }..).unwrap_or_default();
    }
    OsString::from_vec(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_with_its_flags_and_odd_names() {
        let table = b"36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw\n\
            37 36 98:0 / /a\\040b\\134c ro,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw\n\
            broken\n";
        let all = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        let expected = [
            Mount { place: "/mnt".into(), flags: MsFlags::empty() },
            Mount { place: "/a b\\c".into(), flags: all },
        ];
        assert_eq!(parse(table), expected);
    }
}
