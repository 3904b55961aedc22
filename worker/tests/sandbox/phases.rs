//! One phase of a task and the next: nothing that runs in one lives on into the other.

use std::net::TcpListener;

use crate::setup::{bed_on, sandbox, sandboxes};
use greenline_worker::sandbox::SandboxLayers;

/// Answers through two FIFOs in the workspace, with the network that it was started with.
fn answering(port: u16) -> String {
    let connect = format!(
        "use Socket; socket(S, PF_INET, SOCK_STREAM, 6) && \
         connect(S, pack_sockaddr_in({port}, inet_aton(q(127.0.0.1)))) && print q(reached)"
    );
    format!(
        "mkfifo ask answer; (while read line <ask; do perl -e '{connect}' >answer; done) \
         >/dev/null 2>&1 &"
    )
}

/// Asks for as long as somebody may be there to answer, and no longer.
const ASK: &str = "(echo ask >ask; cat answer) & sleep 1; kill $! 2>/dev/null; wait; true";

#[tokio::test]
async fn validation_has_no_network_through_what_setup_left_running() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let setup = answering(port);
    // In the open it works, or this proves nothing.
    let report = bed_on(None).await.run(&[&setup], &[ASK]).await;
    assert!(report.commands[1].tail.contains("reached"), "{report:?}");
    for layers in [SandboxLayers::LandlockAlone, SandboxLayers::All] {
        let sandbox = sandbox(layers, vec![port]);
        let report = bed_on(Some(&sandbox)).await.run(&[&setup], &[ASK]).await;
        let seen = &report.commands[1].tail;
        assert!(!seen.contains("reached"), "with {}: {report:?}", sandbox.isolation());
    }
}

#[tokio::test]
async fn nobody_waits_for_the_next_command_however_hidden() {
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        let hide = format!(
            "(env -i setsid nohup sh -c 'trap \"\" HUP INT TERM; echo $$ > {pid}; \
              (exec {sleeper}) & wait' >/dev/null 2>&1 &) ; while [ ! -s {pid} ]; do sleep 0.02; done",
            pid = bed.file("pid").display(),
            sleeper = bed.sleeper(),
        );
        // Numbers of processes mean nothing from one namespace to another: by their name.
        let look = format!("ps axo args | grep -c '^{}' || true", bed.sleeper());
        let report = bed.run(&[&hide, &look], &[&look]).await;
        let seen: Vec<&str> = report.commands[1..].iter().map(|run| run.tail.trim()).collect();
        assert_eq!(seen, ["0", "0"], "with {}: {report:?}", sandbox.isolation());
    }
}

/// Forks without a pause, each time as the leader of a new session, for three seconds.
const HOPPER: &str = "perl -MPOSIX=setsid -e '\
    my $end = time + 3; \
    while (time < $end) { exit 0 if fork; setsid; open(my $beat, q(>), q(beat)); }' & sleep 0.3";

/// Passes where nothing beats any more.
const LISTEN: &str = "rm -f beat; sleep 0.3; test ! -e beat";

#[tokio::test]
async fn a_process_that_never_stops_forking_ends_with_its_command() {
    // In the open it lives on, or this proves nothing.
    let report = bed_on(None).await.run(&[HOPPER], &[LISTEN]).await;
    assert!(!report.passed(), "{report:?}");
    for sandbox in sandboxes() {
        for _ in 0..3 {
            let report = bed_on(Some(&sandbox)).await.run(&[HOPPER], &[LISTEN]).await;
            assert!(report.passed(), "with {}: {report:?}", sandbox.isolation());
        }
    }
}

#[tokio::test]
async fn a_sandbox_is_made_within_the_runs_control_group() {
    for sandbox in sandboxes() {
        let mut bed = bed_on(Some(&sandbox)).await;
        bed.in_groups();
        let report = bed.run(&[], &["echo inside"]).await;
        assert_eq!(report.commands[0].tail, "inside\n", "{report:?}");
        assert_eq!(bed.joined(), ["0"], "with {}", sandbox.isolation());
    }
}
