//! System calls that no build and no test needs, and that have opened sandboxes before.
//!
//! A list of what is refused, so that ordinary work runs: mounting, modules, other namespaces,
//! kernel keys, bpf, io_uring, opening files by number. What files, ports and processes may be
//! used is not decided here but by Landlock; ptrace within the sandbox is allowed, as debuggers
//! and sanitisers want it, and Landlock keeps it inside.

use std::collections::BTreeMap;
use std::error::Error;

use nix::libc;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::plan::{Network, Plan};

/// Refused with EPERM, whatever their arguments.
const REFUSED: [i64; 50] = [
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_migrate_pages,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// Refused as well where these are not the sandbox's own but the machine's.
const SHARED: [i64; 4] = [libc::SYS_mq_open, libc::SYS_msgget, libc::SYS_semget, libc::SYS_shmget];

/// Said not to exist, so that programs do what they did before these were invented. What `clone3`
/// is asked for can't be looked at by a filter.
const UNKNOWN: [i64; 4] = [
    libc::SYS_clone3,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
];

/// Every kind of namespace: CLONE_NEWTIME has no meaning for clone.
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;

type Calls = BTreeMap<i64, Vec<SeccompRule>>;
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Refuses them from here on, in this process and all that it starts.
pub(super) fn restrict(plan: &Plan) -> Result<()> {
    apply(refused()?, libc::EPERM)?;
    if !plan.has_namespaces() {
        apply(all_of(&SHARED), libc::EPERM)?;
    }
    apply(all_of(&UNKNOWN), libc::ENOSYS)?;
    apply(sockets(plan)?, libc::EAFNOSUPPORT)
}

fn refused() -> Result<Calls> {
    let mut calls = all_of(&REFUSED);
    calls.insert(libc::SYS_clone, with_any_flag(0, NAMESPACES)?);
    // Nobody types into a terminal from in here.
    let type_in = [libc::TIOCSTI, libc::TIOCLINUX];
    let rules = type_in.map(|request| when([number(1, Eq, request)?]));
    calls.insert(libc::SYS_ioctl, rules.into_iter().collect::<Result<_>>()?);
    // The limit on resident memory is the label by which a run's processes are found, and limits of
    // others are theirs.
    let label = u64::from(libc::RLIMIT_RSS);
    calls.insert(libc::SYS_setrlimit, vec![when([number(0, Eq, label)?])?]);
    let of_label = when([number(1, Eq, label)?, pointer_is_set(2)?])?;
    let of_others = when([number(0, Ne, 0)?, pointer_is_set(2)?])?;
    calls.insert(libc::SYS_prlimit64, vec![of_label, of_others]);
    Ok(calls)
}

/// All families of sockets but those that can be kept inside.
fn sockets(plan: &Plan) -> Result<Calls> {
    let mut allowed = vec![libc::AF_NETLINK];
    if plan.socket_files {
        allowed.push(libc::AF_UNIX);
    }
    // Without a network of its own, loopback and UDP can't be told from the world.
    if plan.own_network() || matches!(plan.network, Network::Ports(_)) {
        allowed.extend([libc::AF_INET, libc::AF_INET6]);
    }
    let is_not = |family: &i32| number(0, Ne, family.unsigned_abs().into());
    let other_family = when(allowed.iter().map(is_not).collect::<Result<Vec<_>>>()?)?;
    // Of the kernel's own news, those about the network's addresses and no others.
    let netlink = number(0, Eq, libc::AF_NETLINK.unsigned_abs().into())?;
    let other_news = when([netlink, number(2, Ne, libc::NETLINK_ROUTE.unsigned_abs().into())?])?;
    Ok(BTreeMap::from([(libc::SYS_socket, vec![other_family, other_news])]))
}

fn all_of(calls: &[i64]) -> Calls {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

fn with_any_flag(argument: u8, flags: u64) -> Result<Vec<SeccompRule>> {
    let each = (0..u64::BITS).map(|bit| 1 << bit).filter(|flag| flags & flag != 0);
    each.map(|flag| when([number(argument, MaskedEq(flag), flag)?])).collect()
}

fn when(all: impl Into<Vec<SeccompCondition>>) -> Result<SeccompRule> {
    Ok(SeccompRule::new(all.into())?)
}

/// An argument of which the kernel looks at 32 bits.
fn number(argument: u8, compare: SeccompCmpOp, value: u64) -> Result<SeccompCondition> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, value)?)
}

fn pointer_is_set(argument: u8) -> Result<SeccompCondition> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Qword, Ne, 0)?)
}

fn apply(calls: Calls, error: i32) -> Result<()> {
    let refuse = SeccompAction::Errno(error.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let calls = with_other_numbers(calls);
    let filter: BpfProgram =
        SeccompFilter::new(calls, SeccompAction::Allow, refuse, arch)?.try_into()?;
    apply_filter(&filter).map_err(|error| format!("failed to filter system calls: {error}").into())
}

/// On x86-64 each call has a second number, with this bit, which a filter sees as another call.
fn with_other_numbers(calls: Calls) -> Calls {
    const X32: i64 = 0x4000_0000;
    if !cfg!(target_arch = "x86_64") {
        return calls;
    }
    let twins: Vec<_> = calls.iter().map(|(call, rules)| (call | X32, rules.clone())).collect();
    calls.into_iter().chain(twins).collect()
}
