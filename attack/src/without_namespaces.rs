//! A machine that refuses namespaces, made of this one by a filter on a thread and all it starts.

use std::collections::BTreeMap;
use std::io;

use nix::libc;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// Starts something there.
pub(crate) fn stand<T: Send>(start: impl FnOnce() -> io::Result<T> + Send) -> anyhow::Result<T> {
    let there = || -> anyhow::Result<T> {
        let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let arch = TargetArch::try_from(std::env::consts::ARCH)?;
        let calls = BTreeMap::from([(libc::SYS_unshare, Vec::new())]);
        let filter = SeccompFilter::new(calls, SeccompAction::Allow, refuse, arch)?;
        apply_filter(&BpfProgram::try_from(filter)?)?;
        Ok(start()?)
    };
    std::thread::scope(|scope| {
        scope.spawn(there).join().map_err(|_| anyhow::anyhow!("the thread panicked"))?
    })
}
