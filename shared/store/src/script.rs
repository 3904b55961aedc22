//! Lua scripts and their calls.

use redis::{Arg, Cmd};

/// A Lua script: an atomic transition in one round trip. It is called by its hash; the text follows
/// only if Redis does not know it.
#[derive(Debug, Clone)]
pub struct Script {
    name: &'static str,
    text: String,
    hash: String,
}

impl Script {
    /// Creates a script from its whole text, including the `#!lua` line.
    #[must_use]
    pub fn new(name: &'static str, text: &str) -> Self {
        let hash = redis::Script::new(text).get_hash().to_owned();
        Self { name, text: text.to_owned(), hash }
    }

    /// Returns the name for logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Begins a call with room for `arguments` of `bytes` in total. It names no KEYS: the scripts
    /// build their keys, and Cluster is refused.
    #[must_use]
    pub fn call(&self, arguments: usize, bytes: usize) -> Cmd {
        let mut call = Cmd::with_capacity(arguments + 3, bytes + 64);
        call.arg("EVALSHA").arg(&self.hash).arg(0);
        call
    }

    /// Replaces the hash by the text, which Redis accepts if it does not know the script, and
    /// remembers.
    pub(crate) fn by_text(&self, call: &Cmd) -> Cmd {
        let mut whole = Cmd::new();
        whole.arg("EVAL").arg(&self.text);
        for argument in call.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                whole.arg(bytes);
            }
        }
        whole
    }
}
