//! Lua scripts and the calls of them.

use redis::{Arg, Cmd};

/// One Lua script: a transition that happens whole, in one round trip.
///
/// It is called by its hash; the text follows only when Redis does not know it.
#[derive(Debug, Clone)]
pub struct Script {
    name: &'static str,
    text: String,
    hash: String,
}

impl Script {
    /// A script from its whole text, `#!lua` line included.
    #[must_use]
    pub fn new(name: &'static str, text: &str) -> Self {
        let hash = redis::Script::new(text).get_hash().to_owned();
        Self { name, text: text.to_owned(), hash }
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
        call.arg("EVALSHA").arg(&self.hash).arg(0);
        call
    }

    /// The same call with the text in the place of its hash: what Redis takes
    /// though it has forgotten the script, and knows it by from then on.
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
