//! Sockets: TCP, UDP, unix by path and by abstract name.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

use greenline_worker::sandbox::SandboxLayers;

use crate::setup::{
    bed_on, escape, gets_out, gets_out_in_setup, sandbox, sandboxes, skip, stays_inside,
};

#[tokio::test]
async fn validation_reaches_no_service_of_this_machine() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_nonblocking(true).unwrap();
    stays_inside(&format!("tcp {}", tcp.local_addr().unwrap())).await;
    let attempt = format!("udp {}", udp.local_addr().unwrap());
    assert!(gets_out(&bed_on(None).await, &attempt).await);
    assert_eq!(udp.recv(&mut [0; 8]).unwrap(), 1);
    for sandbox in sandboxes() {
        // Into its own loopback it may send; nothing comes out of there.
        gets_out(&bed_on(Some(&sandbox)).await, &attempt).await;
        assert!(udp.recv(&mut [0; 8]).is_err(), "UDP got out with {}", sandbox.isolation());
    }
}

#[tokio::test]
async fn with_landlock_alone_setup_reaches_the_ports_it_was_given_and_no_others() {
    let (allowed, other) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = allowed.local_addr().unwrap().port();
    let sandbox = sandbox(SandboxLayers::LandlockAlone, vec![port]);
    let bed = bed_on(Some(&sandbox)).await;
    let reached = gets_out_in_setup(&bed, &format!("tcp 127.0.0.1:{port}")).await;
    assert!(reached, "setup has no network with {}", sandbox.isolation());
    let attempt = format!("tcp {}", other.local_addr().unwrap());
    assert!(!gets_out_in_setup(&bed, &attempt).await, "{attempt} with {}", sandbox.isolation());
}

#[tokio::test]
async fn no_port_is_reached_by_another_way_than_plain_tcp() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = service.local_addr().unwrap();
    for way in ["fast-open", "mptcp"] {
        let attempt = format!("{way} {address}");
        if !gets_out(&bed_on(None).await, &attempt).await {
            skip(&format!("this machine has no {way}"));
            continue;
        }
        for sandbox in sandboxes() {
            let bed = bed_on(Some(&sandbox)).await;
            let setup = gets_out_in_setup(&bed, &attempt).await;
            let validation = gets_out(&bed, &attempt).await;
            assert!(!setup && !validation, "{attempt} with {}", sandbox.isolation());
        }
    }
    // Not in every kernel: the filter refuses them before they could be looked for.
    let others =
        ["2 1 132", "2 1 256", "2 5 132", "2 5 0", "10 1 262", "2 3 6", "2 2 136", "43 1 0"];
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        for other in others {
            let attempt = format!("socket {other}");
            let setup = gets_out_in_setup(&bed, &attempt).await;
            assert!(!setup, "{attempt} with {}", sandbox.isolation());
        }
        assert!(gets_out_in_setup(&bed, "socket 2 1 6").await, "plain TCP is left");
        assert!(gets_out_in_setup(&bed, "socket 10 526338 17").await, "so is UDP, with flags");
    }
}

#[tokio::test]
async fn no_news_of_the_kernel_but_those_of_routes_are_read() {
    const UEVENTS: &str = "socket 16 3 15";
    assert!(gets_out(&bed_on(None).await, UEVENTS).await);
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        assert!(!gets_out(&bed, UEVENTS).await, "with {}", sandbox.isolation());
        assert!(gets_out(&bed, "socket 16 3 0").await, "routes, with {}", sandbox.isolation());
    }
}

#[tokio::test]
async fn nobody_listens_on_a_port_of_the_machine_in_setup() {
    let attempt = "listen-unbound";
    assert!(gets_out_in_setup(&bed_on(None).await, attempt).await);
    let sandbox = sandbox(SandboxLayers::LandlockAlone, Vec::new());
    assert!(!gets_out_in_setup(&bed_on(Some(&sandbox)).await, attempt).await);
}

#[tokio::test]
async fn one_of_a_pair_sends_nothing_to_others() {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("log");
    let service = UnixDatagram::bind(&path).unwrap();
    service.set_nonblocking(true).unwrap();
    // Whoever the command runs as may enter and write: only the sandbox is in the way.
    for (path, mode) in [(outside.path(), 0o755), (path.as_path(), 0o777)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let attempt = format!("send-from-pair {}", path.display());
    stays_inside(&attempt).await;
    assert_eq!(service.recv(&mut [0; 8]).unwrap(), 1, "in the open");
    assert!(service.recv(&mut [0; 8]).is_err(), "from a sandbox");
}

#[tokio::test]
async fn sockets_of_other_services_are_out_of_reach() {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("socket");
    let _by_path = UnixListener::bind(&path).unwrap();
    let name = format!("greenline-{}", path.display());
    let _by_name =
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    for attempt in [format!("unix {}", path.display()), format!("abstract {name}")] {
        stays_inside(&attempt).await;
        for sandbox in sandboxes() {
            let bed = bed_on(Some(&sandbox)).await;
            let out = gets_out_in_setup(&bed, &attempt).await;
            assert!(!out, "{attempt} in setup with {}", sandbox.isolation());
        }
    }
}

#[tokio::test]
async fn with_namespaces_validation_has_a_loopback_of_its_own() {
    let sandbox = sandbox(SandboxLayers::All, Vec::new());
    let bed = bed_on(Some(&sandbox)).await;
    let own = gets_out(&bed, "listen 127.0.0.1:8080").await;
    assert_eq!(own, sandbox.isolation().namespaces);
    let report = bed.run(&[], &[&format!("{} udp 203.0.113.1:9", escape())]).await;
    assert!(!report.passed(), "there is a way out: {report:?}");
}
