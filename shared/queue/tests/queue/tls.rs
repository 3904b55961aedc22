//! TLS: a real server, certificates made for the test, and what is refused.

use std::path::{Path, PathBuf};
use std::process::Command;

use greenline_queue::Settlement;
use greenline_store::{Store, StoreConfig, StoreError, TlsFiles};
use greenline_testbed::{BedOptions, TestBed, free_port};

use crate::tasks::task;

/// An authority, and certificates that it signed.
struct Authority {
    folder: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).unwrap();
        let authority = Self { folder };
        authority.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
             -keyout ca.key -out ca.crt -subj /CN={name}"
        ));
        for holder in ["server", "client"] {
            std::fs::write(authority.file("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
            authority.openssl(&format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {holder}.key \
                 -out {holder}.csr -subj /CN={holder}"
            ));
            authority.openssl(&format!(
                "x509 -req -in {holder}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
                 -extfile names -out {holder}.crt"
            ));
        }
        authority
    }

    fn openssl(&self, line: &str) {
        let made = Command::new("openssl")
            .args(line.split_whitespace())
            .current_dir(&self.folder)
            .output()
            .expect("openssl makes the test's certificates");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    fn client(&self) -> (PathBuf, PathBuf) {
        (self.file("client.crt"), self.file("client.key"))
    }
}

fn has_tls() -> bool {
    let asked = Command::new(greenline_store::server_program().unwrap())
        .args(["--tls-port", "0", "--port", "0", "--test-memory-is-no-setting", "1"])
        .output()
        .unwrap();
    // The unknown setting ends it in any case; the first one named is the first
    // that it does not know.
    let printed = String::from_utf8_lossy(&asked.stderr).into_owned();
    !printed.contains("tls-port")
}

#[tokio::test]
async fn a_client_and_a_server_have_to_show_who_they_are() {
    if !has_tls() {
        println!("skipped: this redis-server was built without TLS");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ours");
    let strange = Authority::new(folder.path(), "strange");
    let port = free_port();
    let settings = vec![
        ("tls-port", port.to_string()),
        ("tls-cert-file", ours.text("server.crt")),
        ("tls-key-file", ours.text("server.key")),
        ("tls-ca-cert-file", ours.text("ca.crt")),
        ("tls-auth-clients", "yes".to_owned()),
    ];
    let bed = TestBed::on(BedOptions { settings, ..BedOptions::default() }).await;
    let config = |ca: Option<PathBuf>, client: Option<(PathBuf, PathBuf)>| StoreConfig {
        tls: TlsFiles { ca, client },
        ..StoreConfig::at(format!("rediss://127.0.0.1:{port}"))
    };

    let queue = bed.queue_by(config(Some(ours.file("ca.crt")), Some(ours.client()))).await;
    queue.enqueue(task("a")).await.unwrap();
    let mut manual_worker = bed.manual_worker("w").await;
    let claim = manual_worker.claim_one().await;
    assert_eq!(manual_worker.complete(&claim).await, Settlement::Accepted);

    for (what, refused) in [
        ("another authority", config(Some(strange.file("ca.crt")), Some(ours.client()))),
        ("no authority of ours", config(None, Some(ours.client()))),
        ("no certificate", config(Some(ours.file("ca.crt")), None)),
        ("a strange certificate", config(Some(ours.file("ca.crt")), Some(strange.client()))),
    ] {
        let Err(error) = Store::connect(refused).await else { panic!("{what} was let in") };
        assert!(matches!(error, StoreError::Unavailable { .. }), "{what}: {error:?}");
        let reported = error.to_string().to_lowercase();
        println!("{what}: {error}");
        assert!(
            reported.contains("certificate") || reported.contains("unknownca"),
            "{what}: {error}"
        );
    }
    let missing = config(Some(folder.path().join("nowhere.crt")), None);
    let Err(error) = Store::connect(missing).await else { panic!("a missing file was read") };
    assert!(error.to_string().contains("nowhere.crt"), "{error}");
}
