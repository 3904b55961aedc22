//! The files that a command may use, and the Landlock rules that enforce it.
//!
//! This is an allow list: the system's programs and libraries, and the parts of /etc that they
//! need; no home directory, no /var, no /run, no other part of /etc.

use std::error::Error;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::plan::{Network, Plan};
use crate::workspace::Parts;

/// The newest rules to request; the kernel ignores those it does not know.
pub(super) const NEWEST: ABI = ABI::V9;

/// Programs and libraries.
const SYSTEM: [&str; 9] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/sys/devices/system/cpu",
];

/// Configuration that programs read: names, certificates, times, alternatives.
const LOOKED_UP: [&str; 34] = [
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "debian_version",
    "fonts",
    "gai.conf",
    "group",
    "host.conf",
    "hosts",
    "inputrc",
    "java",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "localtime",
    "lsb-release",
    "magic",
    "maven",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "perl",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "resolv.conf",
    "services",
    "shells",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
];

/// Devices without content.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// The port of name servers, which every network allows.
const NAMES: u16 = 53;

/// Returns the existing paths that may be read and executed.
pub(super) fn readable(plan: &Plan) -> Vec<PathBuf> {
    let system = SYSTEM.map(PathBuf::from).into_iter();
    let looked_up = LOOKED_UP.map(|name| Path::new("/etc").join(name)).into_iter();
    let all = system.chain(looked_up).chain(java()).chain(plan.read.iter().cloned());
    all.filter(|path| path.exists()).collect()
}

/// Settings of Debian's Java, without which it does not start: a directory for each version.
fn java() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/etc").into_iter().flatten().filter_map(Result::ok);
    let ours = entries.filter(|entry| entry.file_name().as_bytes().starts_with(b"java-"));
    ours.map(|entry| entry.path())
}

pub(super) fn devices() -> Vec<PathBuf> {
    DEVICES.map(|name| Path::new("/dev").join(name)).into_iter().collect()
}

/// Confines this process's signals to itself and its descendants. Returns false where the kernel is
/// too old for that.
pub(super) fn scope_signals() -> Result<bool, Box<dyn Error>> {
    let rules = Ruleset::default().scope(Scope::Signal)?.create()?;
    Ok(rules.restrict_self()?.ruleset == RulesetStatus::FullyEnforced)
}

/// Confines this process and all its descendants to the plan.
pub(super) fn restrict(plan: &Plan) -> Result<(), Box<dyn Error>> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?;
    // A separate network needs no rules; without one, loopback can't be told from the outside.
    if !plan.own_network() {
        rules = rules.handle_access(AccessNet::from_all(NEWEST))?;
    }
    let mut rules = allow_files(rules.create()?, plan)?;
    if let Network::Ports(ports) = &plan.network {
        for port in ports.iter().chain([&NAMES]) {
            rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
    }
    match rules.restrict_self()?.ruleset {
        RulesetStatus::NotEnforced => Err("this kernel has no Landlock".into()),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}

fn allow_files(rules: RulesetCreated, plan: &Plan) -> Result<RulesetCreated, Box<dyn Error>> {
    let read = AccessFs::from_read(NEWEST);
    let look = AccessFs::ReadFile | AccessFs::ReadDir;
    let use_device = look | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    let own = AccessFs::from_all(NEWEST) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    let mut rules = allow(rules, readable(plan), read)?;
    rules = allow(rules, ["/proc".into()], look)?;
    // Whoever could make or remove something in the workspace itself could replace these.
    let parts = Parts::open(&plan.workspace)
        .map_err(|error| format!("{error}: {}", plan.workspace.display()))?;
    rules = rules.add_rule(PathBeneath::new(&parts.workspace, AccessFs::ReadDir))?;
    for part in [&parts.work, &parts.home, &parts.tmp] {
        rules = rules.add_rule(PathBeneath::new(part, own))?;
    }
    if plan.has_namespaces() {
        // /tmp and /var/tmp are `tmp`, and have its rule.
        let (devices, memory) = ("/dev".into(), "/dev/shm".into());
        rules = allow(rules, [devices], use_device)?;
        allow(rules, [memory], own)
    } else {
        allow(rules, devices(), use_device)
    }
}

fn allow(
    mut rules: RulesetCreated,
    paths: impl IntoIterator<Item = PathBuf>,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, Box<dyn Error>> {
    for path in paths {
        let is_dir = path.is_dir();
        let opened = PathFd::new(&path)
            .map_err(|error| format!("failed to allow {}: {error}", path.display()))?;
        let access = if is_dir { access } else { access & AccessFs::from_file(NEWEST) };
        rules = rules.add_rule(PathBeneath::new(opened, access))?;
    }
    Ok(rules)
}
