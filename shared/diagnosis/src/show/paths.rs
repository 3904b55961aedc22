//! Maps a path that a tool on some runner wrote to a path in the repository.

/// The checkout directories of CI systems, up to the repository's directory. `*` stands for one
/// name. GitHub's have a rule of their own: see [`after_twice_named`].
const CHECKOUTS: [&[&str]; 11] = [
    &["github", "workspace"],
    &["builds", "*", "*"],
    &["home", "circleci", "project"],
    &["root", "project"],
    &["home", "travis", "build", "*", "*"],
    &["home", "vsts", "work", "1", "s"],
    &["a", "1", "s"],
    &["opt", "atlassian", "pipelines", "agent", "build"],
    &["var", "jenkins_home", "workspace", "*"],
    &["workspaces", "*"],
    &["workspace"],
];

/// Returns the path within the repository, separated by `/`. Returns `None` for a path outside of
/// it: a system library, a temporary file, a name in `<brackets>`, an address.
#[must_use]
pub fn in_repository(file: &str) -> Option<String> {
    let file = file.trim();
    if file.is_empty() || file.starts_with('<') || super::stripped(file) != file {
        return None;
    }
    let path = with_slashes(file.strip_prefix("file://").unwrap_or(file));
    let (absolute, path) = without_root(&path);
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    let inside = match (absolute, checkout(&names)) {
        (true, None) => return None,
        (true, Some(length)) => &names[length..],
        (false, _) => &names[..],
    };
    // The rest of an address (`node:internal/…`, `webpack://…`).
    if inside.first().is_some_and(|name| name.contains(':')) {
        return None;
    }
    without_parents(inside)
}

/// Windows separates by `\`; elsewhere it is a valid but unused character.
fn with_slashes(path: &str) -> String {
    if path.contains('/') && !has_drive(path) { path.to_owned() } else { path.replace('\\', "/") }
}

fn has_drive(path: &str) -> bool {
    let bytes = path.as_bytes();
    matches!(bytes, [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic())
}

/// Returns `true` for an absolute path, with the text after its root.
fn without_root(path: &str) -> (bool, &str) {
    let path_of_uri = path.strip_prefix('/').filter(|rest| has_drive(rest)).unwrap_or(path);
    if has_drive(path_of_uri) { (true, &path_of_uri[3..]) } else { (path.starts_with('/'), path) }
}

/// Returns the number of names before the repository's content.
fn checkout(names: &[&str]) -> Option<usize> {
    let leads = |place: &&&[&str]| {
        names.len() > place.len()
            && place.iter().zip(names).all(|(want, name)| *want == "*" || want == name)
    };
    after_twice_named(names).or_else(|| CHECKOUTS.iter().find(leads).map(|place| place.len()))
}

/// GitHub's runners repeat the repository's name: `/home/runner/work/app/app/`, `D:\a\app\app\`,
/// `/__w/app/app/`, `/opt/actions-runner/_work/app/app/`.
fn after_twice_named(names: &[&str]) -> Option<usize> {
    let at = names.windows(3).position(|three| {
        matches!(three[0], "work" | "_work" | "__w" | "a") && three[1] == three[2]
    })?;
    (names.len() > at + 3).then_some(at + 3)
}

fn without_parents(names: &[&str]) -> Option<String> {
    let mut kept: Vec<&str> = Vec::with_capacity(names.len());
    for name in names {
        if *name == ".." {
            kept.pop()?;
        } else {
            kept.push(name);
        }
    }
    (!kept.is_empty()).then(|| kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::in_repository;

    #[test]
    fn paths_of_runners_become_paths_of_the_repository() {
        for path in [
            "src/x.rs",
            "./src/x.rs",
            "src/y/../x.rs",
            "src\\x.rs",
            "/home/runner/work/app/app/src/x.rs",
            "/Users/runner/work/app/app/src/x.rs",
            "D:\\a\\app\\app\\src\\x.rs",
            "D:/a/app/app/src/x.rs",
            "file:///D:/a/app/app/src/x.rs",
            "file:///home/runner/work/app/app/src/x.rs",
            "/__w/app/app/src/x.rs",
            "/opt/actions-runner/_work/app/app/src/x.rs",
            "/github/workspace/src/x.rs",
            "/builds/acme/app/src/x.rs",
            "/home/circleci/project/src/x.rs",
            "D:\\a\\1\\s\\src\\x.rs",
        ] {
            assert_eq!(in_repository(path).as_deref(), Some("src/x.rs"), "{path}");
        }
    }

    #[test]
    fn what_is_outside_has_no_place() {
        for path in [
            "",
            "/",
            "..",
            "../x.rs",
            "src/../../x.rs",
            "/usr/lib/python3.12/unittest/case.py",
            "/home/runner/work/app/app",
            "/home/runner/work/app/app/../../other/x.rs",
            "C:\\Program Files\\x.cs",
            "<frozen importlib._bootstrap>",
            "node:internal/modules/cjs/loader",
            "webpack://app/./x.ts",
            "https://example.com/x.js",
            "src/\u{202e}x.rs",
        ] {
            assert_eq!(in_repository(path), None, "{path}");
        }
    }
}
