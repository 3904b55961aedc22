//! The same stories as other users than this one, where it is root.
//!
//! Each test starts this program again. So it is as root that root's grounds are seen, and nobody
//! has to run everything twice.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, id};

use crate::setup::skip;

/// Somebody to be.
enum User {
    /// One without any right.
    Ordinary,
    /// The root of docker-compose.yml's worker, with the capabilities that it has there.
    OfCompose,
}

impl User {
    /// The program that starts another one as this user, with its arguments.
    fn becomes(&self, id: u32) -> Command {
        let mut setpriv = Command::new("setpriv");
        match self {
            Self::Ordinary => setpriv
                .args([format!("--reuid={id}"), format!("--regid={id}")])
                .args(["--clear-groups", "--inh-caps=-all"]),
            Self::OfCompose => setpriv
                .arg("--bounding-set=-all,+chown,+dac_override,+fowner,+kill,+setgid,+setuid"),
        };
        setpriv
    }

    /// Runs the tests whose name starts with one of these, and expects all to pass.
    fn runs(&self, tests: &[&str]) {
        self.runs_in(&std::env::temp_dir(), tests);
    }

    /// The same with all workspaces and files in directories below `place`.
    fn runs_in(&self, place: &Path, tests: &[&str]) {
        if !nix::unistd::geteuid().is_root() {
            return skip("only root can be somebody else");
        }
        // Nobody else's, and not the one of a test beside this.
        let id = 1_800_000_000 + id();
        let own = tempfile::tempdir_in(place).unwrap();
        let (home, tmp) = (own.path().join("home"), own.path().join("tmp"));
        for dir in [&home, &tmp] {
            fs::create_dir(dir).unwrap();
            if matches!(self, Self::Ordinary) {
                chown(dir, Some(id), Some(id)).unwrap();
            }
        }
        let program = std::env::current_exe().unwrap();
        let may = self.becomes(id).arg("test").arg("-x").arg(&program).status();
        if !may.is_ok_and(|status| status.success()) {
            return skip("setpriv is not here, or others may not run this program");
        }
        let mut again = self.becomes(id);
        again.arg(program).args(tests).args(["--test-threads", "4"]);
        let output = again.env("HOME", &home).env("TMPDIR", &tmp).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
        assert!(!printed.contains(" 0 passed"), "{printed}");
    }
}

#[test]
fn files_as_an_ordinary_user() {
    User::Ordinary.runs(&["files::"]);
}

#[test]
fn network_as_an_ordinary_user() {
    User::Ordinary.runs(&["network::"]);
}

#[test]
fn egress_as_an_ordinary_user() {
    User::Ordinary.runs(&["egress::"]);
}

#[test]
fn processes_as_an_ordinary_user() {
    User::Ordinary.runs(&["processes::"]);
}

#[test]
fn limits_as_an_ordinary_user() {
    User::Ordinary.runs(&["limits::"]);
}

#[test]
fn walls_as_an_ordinary_user() {
    // Where they usually are, and below /tmp, where rules on that count too.
    User::Ordinary.runs_in(Path::new(env!("CARGO_TARGET_TMPDIR")), &["walls::"]);
    User::Ordinary.runs(&["walls::a_"]);
}

#[test]
fn work_as_an_ordinary_user() {
    User::Ordinary.runs(&["work::"]);
}

#[test]
fn walls_and_work_as_the_root_of_compose() {
    User::OfCompose.runs(&[
        "walls::",
        "work::a_shell",
        "processes::privileges",
        "processes::nobody",
    ]);
}
