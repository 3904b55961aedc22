//! What stands around the files: directories that can't be replaced, modes that can't be changed,
//! and a user who owns nothing else.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use greenline_worker::command::RunOutcome;
use greenline_worker::sandbox::{Sandbox, SandboxAccess, SandboxLayers};
use tempfile::TempDir;

use crate::bed::Bed;
use crate::setup::{bed_on, escape, found, gets_out, launcher, sandboxes};

/// A directory as one for keys is, with a key in it.
fn private() -> TempDir {
    let private = tempfile::tempdir().unwrap();
    fs::set_permissions(private.path(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(private.path().join("id_test"), "TOPSECRET-KEY\n").unwrap();
    private
}

/// From the workspace to a path anywhere.
fn detour(path: &Path) -> String {
    format!("../../../../../../../../../..{}", path.display())
}

#[tokio::test]
async fn a_directory_of_the_workspace_replaced_by_a_link_leads_nowhere() {
    for sandbox in sandboxes() {
        for part in ["tmp", "home", "work"] {
            let private = private();
            let bed = bed_on(Some(&sandbox)).await;
            let replace = format!(
                "cd \"$TMPDIR/..\"; rmdir {part} || mv {part} gone || mv {part} tmp/ || mv {part} home/; \
                 rm -rf {part}; ln -s {to} {part}; ln -sfn {to} {part}; true",
                to = detour(private.path()),
            );
            let look = "for place in /tmp /var/tmp \"$TMPDIR\" \"$HOME\" \"$PWD\"; do \
                        cat \"$place/id_test\"; echo planted > \"$place/planted\"; done; true";
            let report = bed.run(&[&replace], &[look]).await;
            let seen: String = report.commands.iter().map(|run| run.tail.as_str()).collect();
            assert!(!seen.contains("TOPSECRET"), "{part} with {}: {seen}", sandbox.isolation());
            assert!(!private.path().join("planted").exists(), "{part}: {seen}");
            assert!(report.passed(), "the commands of the task went on: {report:?}");
        }
    }
}

#[tokio::test]
async fn nothing_more_is_run_in_a_workspace_whose_directories_were_replaced() {
    // In the open, where everything may be replaced.
    for replace in
        ["rm -rf \"$TMPDIR\" && ln -s / \"$TMPDIR\"", "rmdir \"$HOME\"", "rm -rf \"$PWD\""]
    {
        let bed = bed_on(None).await;
        let report = bed.run(&[replace], &["echo ran"]).await;
        assert_eq!(report.outcome, RunOutcome::WorkspaceReplaced, "{replace}");
        assert_eq!(report.commands.len(), 1);
        assert!(report.to_string().contains("replaced a directory of the workspace"), "{report}");
    }
}

#[tokio::test]
async fn a_link_that_waits_in_tmp_leads_no_mount_elsewhere() {
    // The workspaces of these tests lie below /tmp: there the tree has a place inside `tmp`.
    for sandbox in sandboxes() {
        let private = private();
        let bed = bed_on(Some(&sandbox)).await;
        let top = bed.workspace.path().strip_prefix("/tmp");
        let top = top.ok().and_then(|path| path.components().next());
        let Some(top) = top.map(|name| name.as_os_str().to_string_lossy().into_owned()) else {
            return crate::setup::skip("temporary files are not in /tmp here");
        };
        let wait = format!(
            "rm -rf \"$TMPDIR/{top}\" /tmp/{top}; ln -s {} \"$TMPDIR/{top}\"; true",
            private.path().display()
        );
        bed.run(&[&wait], &["true"]).await;
        let below = fs::read_dir(private.path()).unwrap().count();
        assert_eq!(below, 1, "something was made there with {}", sandbox.isolation());
    }
}

/// A file and a directory of the worker's user, which all may enter.
fn outside() -> TempDir {
    let outside = tempfile::tempdir().unwrap();
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(outside.path().join("program"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(outside.path().join("program"), fs::Permissions::from_mode(0o755)).unwrap();
    outside
}

#[tokio::test]
async fn modes_times_attributes_and_owners_outside_are_not_changed() {
    let outside = outside();
    let program = outside.path().join("program");
    let before = || {
        let found = fs::metadata(&program).unwrap();
        (found.mode(), found.mtime(), found.uid())
    };
    let was = before();
    let attempts = [
        format!("mode 4755 {}", program.display()),
        format!("mode 000 {}", outside.path().display()),
        format!("times {}", program.display()),
        format!("owner {}", program.display()),
        format!("attribute {}", program.display()),
    ];
    for sandbox in sandboxes() {
        let isolation = sandbox.isolation();
        if !isolation.namespaces && !isolation.task_users {
            let gaps = isolation.gaps().join("; ");
            assert!(gaps.contains("modes, times and attributes"), "what can't be kept is named");
            continue;
        }
        let bed = bed_on(Some(&sandbox)).await;
        for attempt in &attempts {
            assert!(!gets_out(&bed, attempt).await, "{attempt} with {isolation}");
        }
        assert_eq!(before(), was, "with {isolation}");
    }
    let open = bed_on(None).await;
    for attempt in [&attempts[0], &attempts[2], &attempts[3]] {
        assert!(gets_out(&open, attempt).await, "{attempt} fails in the open, too");
    }
}

#[tokio::test]
async fn what_the_sandbox_shows_of_the_system_is_read_only_there() {
    for sandbox in sandboxes().into_iter().filter(|sandbox| sandbox.isolation().namespaces) {
        let bed = bed_on(Some(&sandbox)).await;
        for attempt in ["mode 666 /dev/null", "times /etc/passwd", "mode 755 /usr/bin", "times /"] {
            let report = bed.run(&[], &[&format!("{} {attempt}", escape())]).await;
            let refused = &report.commands[0].tail;
            assert!(refused.contains("EROFS") || refused.contains("os error 30"), "{refused}");
        }
        let flags = "awk '{ print $5, $6 }' /proc/self/mountinfo";
        let mounts = bed.run(&[], &[flags]).await.commands[0].tail.clone();
        for line in mounts.lines() {
            let (place, flags) = line.split_once(' ').unwrap();
            let has = |flag: &str| flags.split(',').any(|one| one == flag);
            assert!(has("nosuid"), "{line}");
            assert!(has("nodev") || place.starts_with("/dev/"), "{line}");
            let writable = ["/proc", "/dev/shm", "/dev/pts", "/tmp", "/var/tmp"].contains(&place)
                || Path::new(place).parent() == Some(bed.workspace.path());
            // The workspace itself is read-only where it has to be: the first story tells.
            let is_workspace = Path::new(place) == bed.workspace.path();
            assert!(is_workspace || has("ro") != writable, "{line}");
        }
    }
}

#[tokio::test]
async fn no_command_is_root_and_no_two_tasks_are_one_user() {
    let is_root = nix::unistd::geteuid().is_root();
    for sandbox in sandboxes() {
        let mut seen = Vec::new();
        let (one, other) = (bed_on(Some(&sandbox)).await, bed_on(Some(&sandbox)).await);
        for bed in [&one, &other] {
            let report = bed
                .run(
                    &["id -u; id -g; test $(id -u) -lt 100000000 || id -G"],
                    &["id -u; stat -c %u . ~ $TMPDIR"],
                )
                .await;
            assert!(report.passed(), "{report:?}");
            let ids: Vec<u32> = report.commands.iter().flat_map(|run| numbers(&run.tail)).collect();
            assert!(ids.iter().all(|id| *id == ids[0] && *id != 0), "{ids:?}");
            seen.push(ids[0]);
        }
        assert_eq!(sandbox.isolation().task_users, is_root);
        assert_eq!(seen[0] != seen[1], is_root, "{seen:?} with {}", sandbox.isolation());
    }
}

fn numbers(text: &str) -> Vec<u32> {
    text.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

#[tokio::test]
async fn another_tasks_workspace_is_not_changed() {
    for sandbox in sandboxes() {
        let isolation = sandbox.isolation();
        if !isolation.namespaces && !isolation.task_users {
            continue;
        }
        let (one, other) = (bed_on(Some(&sandbox)).await, bed_on(Some(&sandbox)).await);
        assert!(other.run(&["echo theirs > f"], &["true"]).await.passed());
        let work = other.workspace.work();
        for attempt in [
            format!("mode 000 {}", work.display()),
            format!("mode 000 {}", other.workspace.path().display()),
            format!("times {}/f", work.display()),
            format!("read {}/f", work.display()),
            format!("list {}", other.workspace.path().display()),
            format!("list {}", other.workspace.path().parent().unwrap().display()),
        ] {
            assert!(!gets_out(&one, &attempt).await, "{attempt} with {isolation}");
        }
        assert!(other.run(&[], &["cat f"]).await.passed());
    }
}

#[tokio::test]
async fn nobody_of_a_tasks_user_lives_on_or_keeps_its_files() {
    for sandbox in sandboxes().into_iter().filter(|sandbox| sandbox.isolation().task_users) {
        let bed = bed_on(Some(&sandbox)).await;
        let commands = ["id -u > user; mkdir -p a/b; touch a/b/c; chmod 000 a/b a"];
        assert!(bed.run(&[], &commands).await.passed());
        let user = numbers(&fs::read_to_string(bed.file("user")).unwrap())[0];
        // One that no run of the worker has started, and that only its user tells.
        let mut stray = std::process::Command::new("setpriv")
            .args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".into()])
            .args(["sleep", "1000"])
            .spawn()
            .unwrap();
        crate::bed::until("the stray process", || {
            let status = fs::read_to_string(format!("/proc/{}/status", stray.id())).unwrap();
            status.contains(&format!("Uid:\t{user}"))
        })
        .await;
        assert!(bed.run(&[], &["true"]).await.passed());
        assert!(!stray.wait().unwrap().success(), "it was killed");
        let path = bed.workspace.path().to_owned();
        let Bed { workspace, .. } = bed;
        workspace.remove().await.unwrap();
        assert!(!path.exists(), "with {}", sandbox.isolation());
    }
}

#[tokio::test]
async fn a_toolchain_in_a_home_that_only_root_enters_works_or_is_refused_with_the_reason() {
    if !nix::unistd::geteuid().is_root() {
        return crate::setup::skip("only root has tasks with users of their own");
    }
    let home = private();
    let tools = home.path().join("tools");
    fs::create_dir(&tools).unwrap();
    fs::write(tools.join("tool"), "#!/bin/sh\necho it works\n").unwrap();
    fs::set_permissions(tools.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    let reach = || SandboxAccess { read: vec![tools.clone()], ..SandboxAccess::default() };
    let run = format!("{}/tool", tools.display());

    let all = found(SandboxLayers::All, reach());
    let alone = found(SandboxLayers::LandlockAlone, reach());
    let by_root = all.closed.is_empty() && all.sandbox.isolation().namespaces;
    let worked = bed_on(Some(&all.sandbox)).await.run(&[], &[&run]).await.passed();
    assert_eq!(worked, by_root, "{:?}", all.closed);
    let closed = alone.closed[0].to_string();
    let home = home.path().canonicalize().unwrap();
    let expected = format!("can't be entered by tasks' users: {} has mode 0700", home.display());
    assert!(closed.ends_with(&expected), "{closed}");
    assert!(!bed_on(Some(&alone.sandbox)).await.run(&[], &[&run]).await.passed());

    // Nothing is run where the workspaces themselves are in such a place.
    let reach =
        SandboxAccess { workspaces: Some(home.join("workspaces")), ..SandboxAccess::default() };
    let refused =
        Sandbox::find(launcher(), reach.clone(), SandboxLayers::LandlockAlone).unwrap_err();
    assert!(refused.to_string().ends_with(&expected), "{refused}");
    assert_eq!(Sandbox::find(launcher(), reach, SandboxLayers::All).is_ok(), by_root);
}
