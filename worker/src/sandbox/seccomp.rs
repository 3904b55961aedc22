//! System calls that no build and no test needs, and that have opened sandboxes before.
//!
//! A list of what is refused, so that ordinary work runs: mounting, modules, other namespaces,
//! kernel keys, bpf, io_uring, opening files by number. What files, ports and processes may be
//! used is not decided here but by Landlock, and so all ways past its rules are closed here: to
//! connect without `connect`, or by a protocol that is not plain TCP. ptrace within the sandbox is allowed, as debuggers
//! and sanitisers want it, and Landlock keeps it inside.

use std::collections::BTreeMap;
use std::error::Error;

use nix::libc;
use seccompiler::SeccompCmpOp::{Eq, Gt, MaskedEq, Ne};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::plan::{Network, Plan};

/// Newer than the numbers that libc knows on all machines: the same everywhere.
const SYS_OPEN_TREE_ATTR: i64 = 467;
const SYS_FILE_SETATTR: i64 = 469;
const SYS_MEMFD_SECRET: i64 = 447;

/// Refused with EPERM, whatever their arguments.
const REFUSED: [i64; 52] = [
    SYS_FILE_SETATTR,
    SYS_OPEN_TREE_ATTR,
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

/// Refused as well where these are not the sandbox's own but the machine's: what is used by number
/// needs no `get` before.
const SHARED: [i64; 13] = [
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_msgctl,
    libc::SYS_msgget,
    libc::SYS_msgrcv,
    libc::SYS_msgsnd,
    libc::SYS_semctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmget,
];

/// Calls that change how another process runs, with the argument that names it. 0 is oneself.
const OF_ONE_PROCESS: [(i64, u8); 6] = [
    (libc::SYS_ioprio_set, 1),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_sched_setattr, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_setpriority, 1),
];

/// What the first argument of these two is when all processes of a user are meant.
const OF_ONE_USER: [(i64, u64); 2] = [(libc::SYS_ioprio_set, 3), (libc::SYS_setpriority, 2)];

/// libc calls SOCK_PACKET deprecated, and kernels still know it.
const OBSOLETE_PACKET: i32 = 10;

/// The part of a socket's type that is no flag.
const SOCKET_TYPE: u64 = 0xf;

/// Refused with ENOSYS, so that programs fall back to older calls. A filter can't inspect the
/// arguments of `clone3`, and nobody can count the memory of `memfd_secret`.
const UNKNOWN: [i64; 5] = [
    SYS_MEMFD_SECRET,
    libc::SYS_clone3,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
];

/// Every kind of namespace. CLONE_NEWTIME has no meaning for clone.
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;

type Calls = BTreeMap<i64, Vec<SeccompRule>>;
type SeccompResult<T> = std::result::Result<T, Box<dyn Error>>;

/// Refuses these calls from here on, in this process and all its descendants.
pub(super) fn restrict(plan: &Plan) -> SeccompResult<()> {
    apply(refused()?, libc::EPERM)?;
    if !plan.has_namespaces() {
        apply(all_of(&SHARED), libc::EPERM)?;
        if plan.user.is_none() {
            apply(of_other_processes()?, libc::EPERM)?;
        }
    }
    if !plan.own_network() {
        // A socket that listens without having been bound gets a port of the machine's.
        apply(all_of(&[libc::SYS_listen]), libc::EPERM)?;
    }
    apply(all_of(&UNKNOWN), libc::ENOSYS)?;
    apply(sockets(plan)?, libc::EAFNOSUPPORT)?;
    apply(protocols()?, libc::EPROTONOSUPPORT)?;
    apply(fast_open()?, libc::EOPNOTSUPP)?;
    apply(protocol_options()?, libc::ENOPROTOOPT)
}

/// Refuses large segments and arrays, and all message queues, where the namespace has no limits of
/// its own. The kernel's usual 4096 segments then have 256 MiB together, and its 32,000 arrays less.
pub(super) fn restrict_ipc() -> SeccompResult<()> {
    const LARGEST_SEGMENT: u64 = 64 << 10;
    const LARGEST_ARRAY: u64 = 32;
    let segment = SeccompCondition::new(1, SeccompCmpArgLen::Qword, Gt, LARGEST_SEGMENT)?;
    let calls = Calls::from([
        (libc::SYS_shmget, vec![when([segment])?]),
        (libc::SYS_semget, vec![when([number(1, Gt, LARGEST_ARRAY)?])?]),
        (libc::SYS_msgget, Vec::new()),
    ]);
    apply(calls, libc::ENOSPC)
}

fn refused() -> SeccompResult<Calls> {
    let mut calls = all_of(&REFUSED);
    // x32's own: with the bit below, and on older kernels without it.
    calls.extend(
        cfg!(target_arch = "x86_64")
            .then(|| all_of(&(512..548).collect::<Vec<_>>()))
            .into_iter()
            .flatten(),
    );
    calls.insert(libc::SYS_clone, with_any_flag(0, NAMESPACES)?);
    // Commands must not inject terminal input.
    let type_in = [libc::TIOCSTI, libc::TIOCLINUX];
    let rules = type_in.map(|request| when([number(1, Eq, request)?]));
    calls.insert(libc::SYS_ioctl, rules.into_iter().collect::<SeccompResult<_>>()?);
    // The limit on resident memory is the label that identifies a run's processes, and limits of
    // other processes are off limits.
    let label = u64::from(libc::RLIMIT_RSS);
    calls.insert(libc::SYS_setrlimit, vec![when([number(0, Eq, label)?])?]);
    let of_label = when([number(1, Eq, label)?, pointer_is_set(2)?])?;
    let of_others = when([number(0, Ne, 0)?, pointer_is_set(2)?])?;
    calls.insert(libc::SYS_prlimit64, vec![of_label, of_others]);
    Ok(calls)
}

/// What can be done to processes that are not the sandbox's, and that only a different user stops.
fn of_other_processes() -> SeccompResult<Calls> {
    let mut calls = Calls::new();
    for (call, argument) in OF_ONE_PROCESS {
        calls.insert(call, vec![when([number(argument, Ne, 0)?])?]);
    }
    for (call, all_of_a_user) in OF_ONE_USER {
        calls.entry(call).or_default().push(when([number(0, Eq, all_of_a_user)?])?);
    }
    Ok(calls)
}

/// All protocols of the internet but plain TCP and UDP: the rules on ports know no other.
fn protocols() -> SeccompResult<Calls> {
    let mut rules = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let family = || number(0, Eq, family.unsigned_abs().into());
        let kind = |kind: i32| number(1, MaskedEq(SOCKET_TYPE), kind.unsigned_abs().into());
        let is_not = |protocol: i32| number(2, Ne, protocol.unsigned_abs().into());
        let plain = [(libc::SOCK_STREAM, libc::IPPROTO_TCP), (libc::SOCK_DGRAM, libc::IPPROTO_UDP)];
        for (stream, usual) in plain {
            rules.push(when([family()?, kind(stream)?, is_not(0)?, is_not(usual)?])?);
        }
        let others = [
            libc::SOCK_RAW,
            libc::SOCK_RDM,
            libc::SOCK_SEQPACKET,
            libc::SOCK_DCCP,
            OBSOLETE_PACKET,
        ];
        for other in others {
            rules.push(when([family()?, kind(other)?])?);
        }
    }
    Ok(Calls::from([(libc::SYS_socket, rules)]))
}

/// Connecting by sending, which no rule on ports sees.
fn fast_open() -> SeccompResult<Calls> {
    let flag = u64::from(libc::MSG_FASTOPEN.unsigned_abs());
    let sends = [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)];
    sends.into_iter().map(|(call, flags)| Ok((call, with_any_flag(flags, flag)?))).collect()
}

/// Options that make a TCP socket connect later, or turn it into another kind.
fn protocol_options() -> SeccompResult<Calls> {
    let tcp = u64::from(libc::IPPROTO_TCP.unsigned_abs());
    let options = [libc::TCP_FASTOPEN_CONNECT, libc::TCP_ULP];
    let rules = options
        .map(|option| when([number(1, Eq, tcp)?, number(2, Eq, option.unsigned_abs().into())?]));
    Ok(Calls::from([(libc::SYS_setsockopt, rules.into_iter().collect::<SeccompResult<_>>()?)]))
}

/// Refuses all socket families that can't be confined.
fn sockets(plan: &Plan) -> SeccompResult<Calls> {
    let mut allowed = vec![libc::AF_NETLINK];
    if plan.socket_files {
        allowed.push(libc::AF_UNIX);
    }
    // Without a separate network, loopback and UDP can't be told from the outside.
    if plan.own_network() || matches!(plan.network, Network::Ports(_)) {
        allowed.extend([libc::AF_INET, libc::AF_INET6]);
    }
    let is_not = |family: &i32| number(0, Ne, family.unsigned_abs().into());
    let other_family = when(allowed.iter().map(is_not).collect::<SeccompResult<Vec<_>>>()?)?;
    // Of netlink, only the family about the network's addresses.
    let netlink = number(0, Eq, libc::AF_NETLINK.unsigned_abs().into())?;
    let other_news = when([netlink, number(2, Ne, libc::NETLINK_ROUTE.unsigned_abs().into())?])?;
    let mut calls = Calls::from([(libc::SYS_socket, vec![other_family, other_news])]);
    if !plan.socket_files {
        // One of a pair is connected, and a datagram can all the same be sent to any other socket.
        let datagrams = [libc::SOCK_DGRAM, libc::SOCK_RAW]
            .map(|kind| when([number(1, MaskedEq(SOCKET_TYPE), kind.unsigned_abs().into())?]));
        calls.insert(libc::SYS_socketpair, datagrams.into_iter().collect::<SeccompResult<_>>()?);
    }
    Ok(calls)
}

fn all_of(calls: &[i64]) -> Calls {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

fn with_any_flag(argument: u8, flags: u64) -> SeccompResult<Vec<SeccompRule>> {
    let each = (0..u64::BITS).map(|bit| 1 << bit).filter(|flag| flags & flag != 0);
    each.map(|flag| when([number(argument, MaskedEq(flag), flag)?])).collect()
}

fn when(all: impl Into<Vec<SeccompCondition>>) -> SeccompResult<SeccompRule> {
    Ok(SeccompRule::new(all.into())?)
}

/// Compares an argument of which the kernel reads 32 bits.
fn number(argument: u8, compare: SeccompCmpOp, value: u64) -> SeccompResult<SeccompCondition> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, value)?)
}

fn pointer_is_set(argument: u8) -> SeccompResult<SeccompCondition> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Qword, Ne, 0)?)
}

fn apply(calls: Calls, error: i32) -> SeccompResult<()> {
    let refuse = SeccompAction::Errno(error.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let calls = with_other_numbers(calls);
    let filter: BpfProgram =
        SeccompFilter::new(calls, SeccompAction::Allow, refuse, arch)?.try_into()?;
    apply_filter(&filter).map_err(|error| format!("failed to filter system calls: {error}").into())
}

/// On x86-64 each call has a second number with this bit, which a filter sees as another call.
fn with_other_numbers(calls: Calls) -> Calls {
    const X32: i64 = 0x4000_0000;
    if !cfg!(target_arch = "x86_64") {
        return calls;
    }
    let twins: Vec<_> = calls.iter().map(|(call, rules)| (call | X32, rules.clone())).collect();
    calls.into_iter().chain(twins).collect()
}
