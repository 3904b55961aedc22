//! Removes the prefixes that programs put before the lines of the programs they run.
//!
//! A tool prints the same whether it runs alone, in `docker build`, under compose, or as one
//! package of a monorepo. Recognizers read the inner text, so they need to know only the tool. Only
//! prefixes that can't be part of a tool's output are removed: a wrong cut hides an error.

/// Returns the line as the inner program wrote it.
#[must_use]
pub(crate) fn inner(line: &str) -> &str {
    let line = line.strip_prefix("##[error]").unwrap_or(line);
    let line = after_act(line).unwrap_or(line);
    after_buildkit(line)
        .or_else(|| after_compose(line))
        .or_else(|| after_package(line))
        .unwrap_or(line)
}

/// Skips act's `[CI/test]   | `. Gitea writes only `  | `, which is also a compiler's margin and
/// stays.
fn after_act(line: &str) -> Option<&str> {
    const NEAR: usize = 200;
    let near = &line.as_bytes()[..line.len().min(NEAR)];
    let job = near.strip_prefix(b"[").and_then(|job| memchr::memchr(b']', job))? + 2;
    line[job..].strip_prefix("   | ")
}

/// Skips BuildKit's `#12 0.314 `, and `#12 ` before its own lines.
fn after_buildkit(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let rest = rest[digits..].strip_prefix(' ').filter(|_| digits > 0)?;
    let stamp = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    match rest[stamp..].strip_prefix(' ') {
        Some(content) if stamp > 2 && rest[..stamp].contains('.') => Some(content),
        _ => Some(rest),
    }
}

/// Skips Compose's `service-1  | `.
fn after_compose(line: &str) -> Option<&str> {
    let (name, content) = line.split_once(" | ")?;
    let name = name.trim_end();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let numbered = name.bytes().last().is_some_and(|byte| byte.is_ascii_digit());
    (numbered && name.contains(['-', '_']) && name.bytes().all(plain)).then_some(content)
}

/// Skips Turborepo's `@acme/web:test: `, and lerna's and pnpm's `packages/web test: `.
fn after_package(line: &str) -> Option<&str> {
    let (name, content) = line.split_once(": ")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@/:".contains(&byte);
    let turbo = name.bytes().all(plain) && name.split(':').count() == 2 && name.starts_with('@');
    let (package, script) = name.rsplit_once(' ').unwrap_or_default();
    let pnpm = package.contains('/')
        && package.bytes().all(plain)
        && matches!(script, "test" | "build" | "lint" | "typecheck" | "check" | "compile");
    (turbo || pnpm).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::inner;

    #[test]
    fn takes_off_what_runners_of_commands_add() {
        assert_eq!(inner("#12 0.314 error: no such file"), "error: no such file");
        assert_eq!(inner("#12 ERROR: process failed"), "ERROR: process failed");
        assert_eq!(inner("web-1  | FAIL src/a.test.ts"), "FAIL src/a.test.ts");
        assert_eq!(inner("[CI/test (3.12)]   | FAIL src/a.test.ts"), "FAIL src/a.test.ts");
        assert_eq!(inner("@acme/web:test: FAIL src/a.test.ts"), "FAIL src/a.test.ts");
        assert_eq!(inner("packages/web test: FAIL src/a.test.ts"), "FAIL src/a.test.ts");
        assert_eq!(inner("##[error]src/a.ts(1,2): error TS1"), "src/a.ts(1,2): error TS1");
    }

    #[test]
    fn leaves_what_tools_say_themselves() {
        for line in [
            "error: no such file",
            "# heading",
            "#12",
            " 12 | let a = 1;",
            "a | b",
            "AssertionError: x",
        ] {
            assert_eq!(inner(line), line);
        }
    }
}
