//! Real clients fetch one small package each from the public registries, by the default list.
//!
//! `make registries` runs it; `make test` does not, so that no test depends on the internet.

use std::net::ToSocketAddrs;
use std::time::Instant;

use greenline_runtime::hosts::HostList;
use greenline_worker::egress::{Egress, Upstream};

use crate::bed::{Bed, written};
use crate::setup::{bed_on, is_installed, with_egress};
use greenline_worker::command::OutputStream;

/// Client, a host that it needs, and a command that fetches something.
const CLIENTS: [(&str, &str, &str); 5] = [
    (
        "pip",
        "pypi.org",
        "python3 -m pip --disable-pip-version-check download -q --no-deps -d out six==1.17.0 && ls out",
    ),
    (
        "npm",
        "registry.npmjs.org",
        "npm install --no-audit --no-fund --no-update-notifier is-number@7.0.0 && ls node_modules",
    ),
    (
        "cargo",
        "index.crates.io",
        "cargo init -q --vcs none --name hello --lib . && cargo add -q itoa@1.0.15 && cargo fetch && \
         ls \"$HOME\"/.cargo/registry/cache/*",
    ),
    ("go", "proxy.golang.org", "go mod init hello && go get rsc.io/quote@v1.5.2 && cat go.sum"),
    (
        "mvn",
        "repo.maven.apache.org",
        "mvn -B -q dependency:get -Dartifact=org.slf4j:slf4j-api:2.0.17 && ls \"$HOME\"/.m2/repository/org/slf4j",
    ),
];

/// Where this machine keeps certificates of its own, if it does: what an operator would pass on.
const PASSED_ON: [&str; 8] = [
    "PATH",
    "RUSTUP_HOME",
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HTTP_CAINFO",
    "CURL_CA_BUNDLE",
];

#[tokio::test]
async fn each_client_fetches_a_package_by_the_default_list() {
    if std::env::var_os("GREENLINE_REGISTRIES").is_none() {
        eprintln!("skipped: it needs the internet; `make registries` runs it");
        return;
    }
    let registries =
        Egress::new(HostList::parse(["@registries"]).unwrap(), vec![], Upstream::default());
    let Some(sandbox) = with_egress(registries) else { return };
    let Some(closed) = with_egress(Egress::default()) else { return };
    let (mut fetched, mut failed) = (0, Vec::new());
    for (client, host, command) in CLIENTS {
        if !is_installed(client) {
            eprintln!("{client}: not tried, it is not installed");
            continue;
        }
        if let Err(error) = (host, 443).to_socket_addrs() {
            eprintln!("{client}: not tried, this machine does not resolve {host}: {error}");
            continue;
        }
        let begun = Instant::now();
        let (passed, printed) = run(&bed_on(Some(&sandbox)).await, command).await;
        eprintln!(
            "{client}: {} in {:.1} s",
            if passed { "fetched" } else { "failed" },
            begun.elapsed().as_secs_f32()
        );
        fetched += usize::from(passed);
        if !passed {
            failed.push(format!("{client}: {printed}"));
        }
        // The list is what let it out.
        let (passed, printed) = run(&bed_on(Some(&closed)).await, command).await;
        assert!(
            !passed && printed.contains(&format!("{host} is not in [sandbox] hosts")),
            "{client}: {printed}"
        );
    }
    eprintln!("{fetched} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

async fn run(bed: &Bed, command: &str) -> (bool, String) {
    let home = std::env::home_dir().unwrap().join(".rustup").display().to_string();
    let value = |name: &str| match name {
        "RUSTUP_HOME" => Some(std::env::var(name).unwrap_or(home.clone())),
        _ => std::env::var(name).ok(),
    };
    let passed_on = PASSED_ON.iter().filter_map(|name| Some(format!("{name}='{}'", value(name)?)));
    let exports = passed_on.collect::<Vec<_>>().join(" ");
    let (report, events) = bed.run_logged(&[&format!("export {exports}; {command}")], &[]).await;
    let both =
        [OutputStream::Stdout, OutputStream::Stderr].map(|stream| written(&events, 0, stream));
    (report.passed(), String::from_utf8_lossy(&both.concat()).into_owned())
}
