//! Machines that a sandbox meets, made of this one: what a kernel or a container engine would
//! refuse, a filter refuses here.
//!
//! A filter belongs to a thread and to all that the thread starts, so each ground is a thread.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// A machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KernelRestriction {
    /// As it is.
    Here,
    /// Where namespaces are refused, as inside of containers.
    WithoutNamespaces,
    /// Whose kernel has no Landlock, as those before 5.13.
    WithoutLandlock,
}

impl KernelRestriction {
    /// Does something there. What it starts stays there.
    pub(crate) fn run_under<T: Send>(self, act: impl FnOnce() -> T + Send) -> T {
        let there = || {
            self.refuse();
            act()
        };
        std::thread::scope(|scope| scope.spawn(there).join().expect("it went well"))
    }

    fn refuse(self) {
        match self {
            Self::Here => {}
            Self::WithoutNamespaces => answer(libc::SYS_unshare, libc::EPERM),
            Self::WithoutLandlock => answer(libc::SYS_landlock_create_ruleset, libc::ENOSYS),
        }
    }
}

/// Lets this thread's calls of that number fail with `error`.
fn answer(call: i64, error: i32) {
    let refuse = SeccompAction::Errno(error.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let calls = BTreeMap::from([(call, Vec::new())]);
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, refuse, arch).unwrap();
    apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}
