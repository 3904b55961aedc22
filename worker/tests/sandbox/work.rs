//! Ordinary work goes on as if nothing was there.

use greenline_worker::command::CommandReport;
use greenline_worker::sandbox::Sandbox;

use crate::setup::{self, bed_on, sandboxes};

/// Runs the command in each sandbox of this machine, if its program is installed.
async fn works(program: &str, command: &str) -> Vec<CommandReport> {
    works_where(|_| true, program, command).await
}

/// The same in those sandboxes that can show the program.
async fn works_where(
    can: impl Fn(&Sandbox) -> bool,
    program: &str,
    command: &str,
) -> Vec<CommandReport> {
    let mut reports = Vec::new();
    for sandbox in sandboxes().into_iter().filter(can) {
        let bed = bed_on(Some(&sandbox)).await;
        let path = std::env::var_os("PATH").unwrap_or_default();
        if std::env::split_paths(&path).any(|dir| dir.join(program).exists()) {
            let report = bed.run(&[], &[command]).await;
            assert!(report.passed(), "with {}: {report:?}", sandbox.isolation());
            reports.push(report);
        }
    }
    reports
}

#[tokio::test]
async fn a_shell_finds_its_own_and_the_systems() {
    let reports = works(
        "sh",
        "echo a > a && mv a b && ln b c && ln -s c d && cat d && mkdir -p x/y && mv d x/y/ \
         && echo t > \"$TMPDIR/t\" && touch \"$HOME/.rc\" && date > /dev/null && ls /usr > /dev/null \
         && [ -z \"$(env | grep -i -E 'redis|token|github')\" ] && ls -l /proc/self/fd | grep -c pipe \
         && echo x >/dev/stdout && echo x >/dev/stderr",
    )
    .await;
    assert_eq!(reports.len(), 2);
}

#[tokio::test]
async fn exit_codes_and_signals_come_through() {
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        for (command, expected) in [("exit 7", "exited with 7"), ("exit 125", "exited with 125")] {
            let report = bed.run(&[], &[command]).await;
            assert_eq!(report.commands[0].ended.to_string(), expected);
        }
        let killed = bed.run(&[], &["kill -SEGV $$"]).await.commands[0].ended.to_string();
        assert_eq!(killed, "exited with 139");
    }
}

#[tokio::test]
async fn limits_of_the_kernel_are_set_here_too() {
    for sandbox in sandboxes() {
        let mut bed = bed_on(Some(&sandbox)).await;
        bed.limits.open_files = 123;
        bed.limits.file_bytes = 1 << 20;
        let report = bed.run(&[], &["ulimit -c; ulimit -n; ulimit -f; umask"]).await;
        assert_eq!(report.commands[0].tail, "0\n123\n2048\n0022\n");
    }
}

#[tokio::test]
async fn git_works() {
    works(
        "git",
        "git init -q r && cd r && echo x > f && git add f \
         && git -c user.name=t -c user.email=t@example.org commit -q -m x && git clone -q . ../s \
         && git log --oneline",
    )
    .await;
}

#[tokio::test]
async fn python_works() {
    works(
        "python3",
        "python3 -c 'import subprocess, tempfile, json, ssl, threading; \
         print(subprocess.check_output([\"echo\", \"out\"]), tempfile.mkdtemp())'",
    )
    .await;
}

#[tokio::test]
async fn node_works() {
    works("node", "node -e 'require(\"child_process\").execSync(\"ls\"); require(\"fs\").promises.stat(\".\")'")
        .await;
}

#[tokio::test]
async fn a_c_compiler_works() {
    works("cc", "echo 'int main(void){return 0;}' > m.c && cc m.c -o m && ./m").await;
}

#[tokio::test]
async fn cargo_builds_and_tests_without_network() {
    let home = std::env::home_dir().unwrap();
    let path = std::env::var("PATH").unwrap();
    let rustup =
        std::env::var("RUSTUP_HOME").unwrap_or_else(|_| home.join(".rustup").display().to_string());
    let command = "cargo init -q --vcs none --name hello --lib . && cargo test -q --offline";
    // A task's user may not enter root's home; there, walls.rs looks at what is said of it.
    let closed = setup::closed();
    let works_with = |sandbox: &Sandbox| sandbox.isolation().namespaces || closed.is_empty();
    works_where(
        works_with,
        "cargo",
        &format!("export PATH='{path}' RUSTUP_HOME='{rustup}'; {command}"),
    )
    .await;
}
