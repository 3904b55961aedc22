//! Real Sentinels over a real master.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use greenline_store::server_program;

/// Returns a loopback port without a listener.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Sentinels over one master, which they call `greenline`; they end with their handle.
pub struct Sentinels {
    processes: Vec<Child>,
    /// As `host:port`.
    pub addresses: Vec<String>,
}

impl Sentinels {
    /// Starts `count` Sentinels with their files in `folder`. They consider a master dead after
    /// half a second without a reply.
    ///
    /// # Panics
    ///
    /// If they can't be started.
    #[must_use]
    pub fn watch(master_port: u16, count: usize, folder: &Path) -> Self {
        let mut sentinels = Self { processes: vec![], addresses: vec![] };
        for at in 0..count {
            let port = free_port();
            let file = folder.join(format!("sentinel-{at}.conf"));
            let quorum = count / 2 + 1;
            let settings = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\nlogfile sentinel-{at}.log\n\
                 sentinel monitor greenline 127.0.0.1 {master_port} {quorum}\n\
                 sentinel down-after-milliseconds greenline 500\n\
                 sentinel failover-timeout greenline 3000\n",
                folder.display()
            );
            std::fs::write(&file, settings).expect("a file for a Sentinel");
            let mut command = Command::new(server_program().expect("a redis-server"));
            command.arg(&file).arg("--sentinel");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            sentinels.processes.push(command.spawn().expect("a Sentinel"));
            sentinels.addresses.push(format!("127.0.0.1:{port}"));
        }
        sentinels
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _gone = process.kill();
            let _reaped = process.wait();
        }
    }
}
