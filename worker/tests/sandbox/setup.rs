//! The grounds on which each story is told.

use std::path::{Path, PathBuf};

use greenline_worker::command::{CommandReport, Confinement, ProcessExit};
use greenline_worker::egress::Egress;
use greenline_worker::sandbox::{
    Closed, Launcher, Sandbox, SandboxAccess, SandboxLayers, SandboxProbe,
};

use crate::bed::Bed;

/// The sandboxes of this machine: with all its walls, and with Landlock alone.
pub(crate) fn sandboxes() -> Vec<Sandbox> {
    [SandboxLayers::All, SandboxLayers::LandlockAlone]
        .map(|layers| sandbox(layers, Vec::new()))
        .into()
}

pub(crate) fn sandbox(layers: SandboxLayers, ports: Vec<u16>) -> Sandbox {
    found(layers, SandboxAccess { read: toolchains(), ports, ..SandboxAccess::default() }).sandbox
}

/// What is found on this machine.
pub(crate) fn found(layers: SandboxLayers, reach: SandboxAccess) -> SandboxProbe {
    Sandbox::find(launcher(), reach, layers).expect("this machine has Landlock")
}

pub(crate) fn launcher() -> Launcher {
    Launcher::program(env!("CARGO_BIN_EXE_greenline-sandbox"))
}

/// Toolchains that Landlock alone can't show to tasks' users.
pub(crate) fn closed() -> Vec<Closed> {
    found(
        SandboxLayers::LandlockAlone,
        SandboxAccess { read: toolchains(), ..SandboxAccess::default() },
    )
    .closed
}

/// With all walls, and a network of its own; nothing where this machine has no namespaces.
pub(crate) fn with_egress(egress: Egress) -> Option<Sandbox> {
    let sandbox = found(
        SandboxLayers::All,
        SandboxAccess { read: toolchains(), egress, ..SandboxAccess::default() },
    )
    .sandbox;
    if sandbox.isolation().namespaces {
        return Some(sandbox);
    }
    skip("this machine has no namespaces, so `setup` has no network of its own");
    None
}

/// Where programs are that these tests run: this build's own, and what developers install at home.
fn toolchains() -> Vec<PathBuf> {
    let own = Path::new(escape()).parent().unwrap().to_owned();
    let home = std::env::home_dir().unwrap();
    let at_home = [".cargo/bin", ".rustup", ".pyenv"].map(|name| home.join(name));
    at_home.into_iter().filter(|path| path.exists()).chain([own]).collect()
}

pub(crate) fn escape() -> &'static str {
    env!("CARGO_BIN_EXE_greenline-escape")
}

/// A bed on this ground.
pub(crate) async fn bed_on(sandbox: Option<&Sandbox>) -> Bed {
    let mut bed = Bed::new().await;
    bed.confinement = sandbox.map_or(Confinement::Open, Confinement::in_sandbox);
    bed
}

pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).exists())
}

/// Whether an attempt worked; its words are what the shell makes of `attempt`.
pub(crate) async fn gets_out(bed: &Bed, attempt: &str) -> bool {
    worked(&bed.run(&[], &[&format!("{} {attempt}", escape())]).await)
}

/// The same during `setup`, which has the network.
pub(crate) async fn gets_out_in_setup(bed: &Bed, attempt: &str) -> bool {
    worked(&bed.run(&[&format!("{} {attempt}", escape())], &[]).await)
}

fn worked(report: &CommandReport) -> bool {
    let run = report.commands.last().unwrap();
    match run.ended {
        ProcessExit::ExitCode(0) => true,
        ProcessExit::ExitCode(1) if run.tail.contains("refused: ") => false,
        _ => panic!("no attempt was made: {run:?}"),
    }
}

/// Says why something is not tried here; fails where nothing may be left out.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("GREENLINE_STRICT").is_none_or(|strict| strict != "1"), "{why}");
    println!("skipped: {why}");
}

/// Works in the open, and in no sandbox.
pub(crate) async fn stays_inside(attempt: &str) {
    assert!(gets_out(&bed_on(None).await, attempt).await, "{attempt} fails in the open, too");
    refused_everywhere(attempt).await;
}

/// In no sandbox; in the open not everyone may.
pub(crate) async fn refused_everywhere(attempt: &str) {
    for sandbox in sandboxes() {
        let bed = bed_on(Some(&sandbox)).await;
        assert!(!gets_out(&bed, attempt).await, "{attempt} works with {}", sandbox.isolation());
    }
}
