//! Files outside: to read, to change, to reach by a detour.

use std::fs;
use std::os::unix::fs::symlink;

use crate::bed::Bed;
use crate::setup::{bed_on, gets_out, sandboxes, stays_inside};

#[tokio::test]
async fn files_outside_are_not_read_listed_or_changed() {
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("file");
    fs::write(&file, "theirs").unwrap();
    let (dir, file) = (outside.path().display(), file.display());
    for attempt in [
        format!("read {file}"),
        format!("list {dir}"),
        format!("write {file}"),
        format!("read $PWD/../../../../../../../../../../{file}"),
    ] {
        stays_inside(&attempt).await;
    }
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        for attempt in [
            format!("create {dir}/new"),
            format!("cut {file}"),
            format!("remove {file}"),
            format!("hard-link {file} linked"),
            format!("move {file} moved"),
        ] {
            let out = gets_out(&bed, &attempt).await;
            assert!(!out, "{attempt} works with {}", sandbox.isolation());
        }
    }
    assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "xheirs");
}

#[tokio::test]
async fn links_lead_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("file");
    fs::write(&file, "theirs").unwrap();
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        symlink(&file, bed.file("to-file")).unwrap();
        symlink(outside.path(), bed.file("to-dir")).unwrap();
        for attempt in ["read to-file", "write to-file", "read to-dir/file", "create to-dir/new"] {
            assert!(!gets_out(&bed, attempt).await, "{attempt} with {}", sandbox.isolation());
        }
    }
}

#[tokio::test]
async fn another_tasks_workspace_is_outside() {
    let other = Bed::new().await;
    fs::write(other.file("secret"), "theirs").unwrap();
    stays_inside(&format!("read {}", other.file("secret").display())).await;
    stays_inside(&format!("list {}", other.workspace.path().display())).await;
}

#[tokio::test]
async fn homes_and_secrets_of_the_system_are_outside() {
    let home = std::env::home_dir().unwrap();
    stays_inside(&format!("list {}", home.display())).await;
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        for path in ["/etc/shadow", "/etc/ssh", "/var/lib", "/var/log", "/root/.ssh", "/boot"] {
            let read = gets_out(&bed, &format!("read {path}")).await;
            let list = gets_out(&bed, &format!("list {path}")).await;
            assert!(!read && !list, "{path} with {}", sandbox.isolation());
        }
    }
}

#[tokio::test]
async fn the_system_is_not_written_to() {
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        for attempt in [
            "create /usr/bin/greenline-was-here",
            "create /etc/greenline-was-here",
            "create /greenline-was-here",
            "write /etc/passwd",
            "write /proc/sys/kernel/core_pattern",
            "write /proc/sysrq-trigger",
            "read /dev/mem",
            "read /dev/kmsg",
        ] {
            assert!(!gets_out(&bed, attempt).await, "{attempt} with {}", sandbox.isolation());
        }
    }
}

#[tokio::test]
async fn a_full_workspace_ends_the_run_here_too() {
    for sandbox in sandboxes() {
        let mut bed = bed_on(Some(&sandbox)).await;
        bed.limits.disk_bytes = 20 << 20;
        let report = bed.run(&[], &["head -c 64000000 /dev/zero > big; sleep 1000"]).await;
        let full = matches!(report.outcome, greenline_worker::command::RunOutcome::DiskFull { .. });
        assert!(full, "{report:?}");
    }
}
