//! How much disk a tree takes: blocks, not lengths, and each hard-linked file once.
//!
//! Links are not followed. What can't be read counts as nothing, as does what lies deeper than a
//! path can name: this guards a disk against accidents, not against an opponent.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes on disk of everything at and below `path`.
pub(crate) fn disk_use(path: &Path) -> u64 {
    let mut walk = Walk::default();
    walk.add(path.to_owned());
    while let Some(dir) = walk.pending.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok) {
            walk.add(entry.path());
        }
    }
    walk.bytes
}

#[derive(Default)]
struct Walk {
    bytes: u64,
    pending: Vec<PathBuf>,
    linked: HashSet<(u64, u64)>,
}

impl Walk {
    fn add(&mut self, path: PathBuf) {
        let Ok(found) = path.symlink_metadata() else { return };
        if self.counts(&found) {
            self.bytes += found.blocks() * 512;
        }
        if found.is_dir() {
            self.pending.push(path);
        }
    }

    fn counts(&mut self, found: &Metadata) -> bool {
        found.is_dir() || found.nlink() == 1 || self.linked.insert((found.dev(), found.ino()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_link_counts_once_and_a_symbolic_link_leads_nowhere() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("big"), vec![1; 1 << 20]).unwrap();
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("one"), vec![1; 1 << 20]).unwrap();
        let once = disk_use(tree.path());
        fs::hard_link(tree.path().join("one"), tree.path().join("two")).unwrap();
        std::os::unix::fs::symlink(outside.path(), tree.path().join("out")).unwrap();
        let with_links = disk_use(tree.path());
        assert!(once >= 1 << 20);
        assert!(with_links < once + (1 << 19), "{once} became {with_links}");
    }
}
