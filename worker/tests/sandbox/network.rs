//! Sockets: TCP, UDP, unix by path and by abstract name.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use greenline_worker::sandbox::Layers;

use crate::ground::{
    bed_on, escape, gets_out, gets_out_in_setup, sandbox, sandboxes, stays_inside,
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
async fn setup_reaches_the_ports_it_was_given_and_no_others() {
    let (allowed, other) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = allowed.local_addr().unwrap().port();
    for layers in [Layers::All, Layers::LandlockAlone] {
        let sandbox = sandbox(layers, vec![port]);
        let bed = bed_on(Some(&sandbox)).await;
        let reached = gets_out_in_setup(&bed, &format!("tcp 127.0.0.1:{port}")).await;
        assert!(reached, "setup has no network with {}", sandbox.isolation());
        let attempt = format!("tcp {}", other.local_addr().unwrap());
        assert!(!gets_out_in_setup(&bed, &attempt).await, "{attempt} with {}", sandbox.isolation());
    }
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
    let sandbox = sandbox(Layers::All, Vec::new());
    let bed = bed_on(Some(&sandbox)).await;
    let own = gets_out(&bed, "listen 127.0.0.1:8080").await;
    assert_eq!(own, sandbox.isolation().namespaces);
    let report = bed.run(&[], &[&format!("{} udp 203.0.113.1:9", escape())]).await;
    assert!(!report.passed(), "there is a way out: {report:?}");
}
