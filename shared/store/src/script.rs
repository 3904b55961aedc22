//! Lua scripts and the calls of them.

use redis::Cmd;

/// One Lua script: a transition that happens whole, in one round trip.
///
/// It is called by its hash; the text follows only when Redis does not know it.
pub struct Script {
    name: &'static str,
    inner: redis::Script,
}

impl Script {
    /// A script from its whole text, `#!lua` line included.
    #[must_use]
    pub fn new(name: &'static str, text: &str) -> Self {
        Self { name, inner: redis::Script::new(text) }
    }

    /// The name it is known by in logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A call of it with room for `arguments` of `bytes` in all. It names no
    /// KEYS: the scripts build their keys, and Cluster is refused.
    #[must_use]
    pub fn call(&self, arguments: usize, bytes: usize) -> Cmd {
        let mut call = Cmd::with_capacity(arguments + 3, bytes + 64);
        call.arg("EVALSHA").arg(self.inner.get_hash()).arg(0);
        call
    }

    /// What makes Redis know it.
    pub(crate) fn load(&self) -> &redis::Script {
        &self.inner
    }
}
