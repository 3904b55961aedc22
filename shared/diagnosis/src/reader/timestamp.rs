//! Timestamps that CI systems put before each line.
//!
//! GitHub and Azure write `2026-05-07T11:59:42.4565285Z `, GitLab adds the stream
//! (`2024-01-01T00:00:00.000000Z 00O `), Jenkins and Buildkite use brackets, and `gh run view
//! --log` adds the names of job and step.
//!
//! A program in the job may print its own times, and a test may print a whole log. The log's first
//! lines therefore decide which kind the runner writes, and only one timestamp of that kind is
//! removed per line.

/// The kinds of timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimestampFormat {
    /// GitHub, Azure and others: `2026-05-07T11:59:42.4565285Z text`, or with an offset instead of
    /// `Z`.
    Plain,
    /// GitLab: `2024-01-01T00:00:00.000000Z 00O text`; `+` instead of the space continues a line.
    GitLab,
    /// Jenkins, Buildkite: `[2024-01-01T00:00:00.000Z] text`.
    Bracketed,
    /// `gh run view --log`: `job⇥step⇥2026-05-07T11:59:42.4565285Z text`.
    Tabbed,
}

impl TimestampFormat {
    const ALL: [Self; 4] = [Self::GitLab, Self::Plain, Self::Bracketed, Self::Tabbed];

    /// Returns the kind that at least half of these lines begin with.
    pub(super) fn of<'a>(opening: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Self> {
        let content = opening.filter(|line| !line.trim_ascii().is_empty());
        let all = content.clone().count();
        Self::ALL.into_iter().find(|timestamp| {
            let has_timestamp =
                content.clone().filter(|line| timestamp.after(line).is_some()).count();
            has_timestamp > 0 && has_timestamp * 2 >= all
        })
    }

    /// Returns the text after the timestamp, or `None` if the line has none of this kind.
    pub(super) fn after(self, line: &[u8]) -> Option<&[u8]> {
        let line = without_bom(line);
        match self {
            Self::Plain => after_time(line).and_then(after_space),
            Self::GitLab => after_time(line).and_then(after_space).and_then(after_stream),
            Self::Bracketed => {
                let rest = line.strip_prefix(b"[").and_then(after_time)?;
                rest.strip_prefix(b"]").and_then(after_space)
            }
            Self::Tabbed => after_names(line).and_then(after_time).and_then(after_space),
        }
        .map(without_bom)
    }
}

/// Removes a byte-order mark: each file that was joined into a log may begin with one.
pub(super) fn without_bom(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// Skips `2026-05-07T11:59:42`, a fraction, and `Z` or an offset.
fn after_time(line: &[u8]) -> Option<&[u8]> {
    const SHAPE: &[u8; 19] = b"0000-00-00T00:00:00";
    let (time, rest) = line.split_at_checked(SHAPE.len())?;
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        mark => byte == mark,
    };
    time.iter().zip(SHAPE).all(fits).then_some(())?;
    after_zone(after_fraction(rest))
}

fn after_fraction(rest: &[u8]) -> &[u8] {
    const LONGEST: usize = 9;
    let Some(fraction) = rest.strip_prefix(b".") else { return rest };
    let digits = fraction.iter().take(LONGEST).take_while(|byte| byte.is_ascii_digit()).count();
    &fraction[digits..]
}

fn after_zone(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'Z', rest @ ..] => Some(rest),
        [b'+' | b'-', offset @ ..] => {
            let digits = |count: usize| {
                offset.iter().take(count).filter(|byte| byte.is_ascii_digit()).count()
            };
            match offset.get(2) {
                Some(b':') => (digits(5) == 4).then(|| &offset[5..]),
                _ => (digits(4) == 4).then(|| &offset[4..]),
            }
        }
        _ => None,
    }
}

/// Skips one space, or nothing on an empty line with a trimmed space.
fn after_space(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [] | [b'\r', ..] => Some(rest),
        [b' ', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// Skips GitLab's `00O `: the stream's number in two hexadecimal digits, and output or error.
fn after_stream(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [one, two, b'O' | b'E', tail @ ..] if [one, two].iter().all(|b| b.is_ascii_hexdigit()) => {
            match tail {
                [] | [b'\r', ..] => Some(tail),
                [b' ' | b'+', content @ ..] => Some(content),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Skips `job⇥step⇥`.
fn after_names(line: &[u8]) -> Option<&[u8]> {
    const LONGEST: usize = 512;
    let near = &line[..line.len().min(LONGEST)];
    let job = memchr::memchr(b'\t', near)?;
    let step = memchr::memchr(b'\t', &near[job + 1..])?;
    Some(without_bom(&line[job + step + 2..]))
}

#[cfg(test)]
mod tests {
    use super::TimestampFormat;

    fn after(timestamp: TimestampFormat, line: &str) -> Option<&str> {
        timestamp.after(line.as_bytes()).map(|rest| std::str::from_utf8(rest).expect("text"))
    }

    fn kind(lines: &[&str]) -> Option<TimestampFormat> {
        TimestampFormat::of(lines.iter().map(|line| line.as_bytes()))
    }

    #[test]
    fn github_and_azure() {
        for line in [
            "2026-05-07T11:59:42.4565285Z said",
            "2026-05-07T11:59:42Z said",
            "2026-05-07T11:59:42.1+02:00 said",
            "2026-05-07T11:59:42.123456-0330 said",
            "\u{feff}2026-05-07T11:59:42.4565285Z said",
            "\u{feff}2026-05-07T11:59:42.4565285Z \u{feff}said",
        ] {
            assert_eq!(after(TimestampFormat::Plain, line), Some("said"), "{line}");
        }
        assert_eq!(after(TimestampFormat::Plain, "2026-05-07T11:59:42.4565285Z"), Some(""));
        assert_eq!(
            after(TimestampFormat::Plain, "2026-05-07T11:59:42.4565285Z   indented"),
            Some("  indented")
        );
    }

    #[test]
    fn gitlab_jenkins_and_the_command_line_of_github() {
        let gitlab = "2024-05-14T07:30:21.483212Z 00O Running with gitlab-runner 17.0.0";
        assert_eq!(
            after(TimestampFormat::GitLab, gitlab),
            Some("Running with gitlab-runner 17.0.0")
        );
        let on = "2024-05-14T07:30:21.483212Z 01E+more";
        assert_eq!(after(TimestampFormat::GitLab, on), Some("more"));
        let jenkins = "[2024-01-01T00:00:00.000Z] + make test";
        assert_eq!(after(TimestampFormat::Bracketed, jenkins), Some("+ make test"));
        let gh = "build (3.12)\tRun tests\t2024-01-01T00:00:00.0000000Z FAILED";
        assert_eq!(after(TimestampFormat::Tabbed, gh), Some("FAILED"));
        let first = "build\tRun tests\t\u{feff}2024-01-01T00:00:00.0000000Z FAILED";
        assert_eq!(after(TimestampFormat::Tabbed, first), Some("FAILED"));
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        for line in [
            "2026-05-07 11:59:42 said",
            "2026-05-07T11:59:42.4565285 said",
            "2026-05-07T11:59:42.4565285Zsaid",
            "2026-05-07T11:59:42.12345678901Z said",
            "2026-05-07T11:59:42+1 said",
            "2026-05-07T11:59:42+",
            "2026-05-07T",
            "",
        ] {
            assert_eq!(after(TimestampFormat::Plain, line), None, "{line}");
        }
    }

    #[test]
    fn a_logs_opening_decides() {
        let github = ["2026-05-07T11:59:42.4Z a", "2026-05-07T11:59:42.4Z b", "of the same line"];
        assert_eq!(kind(&github), Some(TimestampFormat::Plain));
        assert_eq!(kind(&["make test", "", "ok", "2026-05-07T11:59:42.4Z ERROR a"]), None);
        assert_eq!(kind(&["2024-05-14T07:30:21.483212Z 00O a"]), Some(TimestampFormat::GitLab));
        assert_eq!(kind(&[]), None);
        assert_eq!(kind(&["", "  "]), None);
    }
}
