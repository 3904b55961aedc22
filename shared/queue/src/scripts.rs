//! The Lua scripts, each composed of its parts.

use greenline_store::Script;

/// Declares the scripts: a field for each, its flags, and its parts in order.
macro_rules! scripts {
    ($($name:ident [$flags:literal] $($part:literal)*;)*) => {
        /// One script per transition. The top of each file documents it.
        #[derive(Clone)]
        pub struct Scripts {
            $(pub(crate) $name: Script,)*
        }

        impl Scripts {
            /// Composes all scripts; `edit` may change the text of one, as tests do that break a
            /// guard on purpose.
            #[must_use]
            pub fn edited(edit: impl Fn(&str, String) -> String) -> Self {
                Self {
                    $($name: {
                        let parts: &[&str] = &[
                            include_str!("lua/parts/base.lua"),
                            $(include_str!(concat!("lua/parts/", $part, ".lua")),)*
                            include_str!(concat!("lua/", stringify!($name), ".lua")),
                        ];
                        let text = format!("#!lua {}\n{}", $flags, parts.join("\n"));
                        Script::new(stringify!($name), &edit(stringify!($name), text))
                    },)*
                }
            }
        }
    };
}

// Every script except those that add work may run when Redis is full, because they free memory.
scripts! {
    enqueue [""] "say" "ready" "finish" "approval" "file";
    adopt ["flags=allow-oom"] "say" "ready" "finish" "approval" "file";
    claim ["flags=allow-oom"] "say" "ready" "aside" "approval";
    start ["flags=allow-oom"] "held";
    heartbeat ["flags=allow-oom"];
    leave ["flags=allow-oom"];
    complete ["flags=allow-oom"] "say" "ready" "finish" "held";
    fail ["flags=allow-oom"] "say" "ready" "finish" "held";
    release ["flags=allow-oom"] "say" "ready" "finish" "held";
    quarantine ["flags=allow-oom"] "say" "ready" "finish" "held";
    cancel ["flags=allow-oom"] "say" "ready" "finish";
    retry ["flags=allow-oom"] "say" "ready" "finish" "approval";
    ask ["flags=allow-oom"] "say";
    answer ["flags=allow-oom"] "say" "ready" "finish" "approval";
    pause ["flags=allow-oom"] "say";
    resume ["flags=allow-oom"] "say" "ready";
    acknowledge ["flags=allow-oom"];
    purge ["flags=allow-oom"] "forget";
    requeue ["flags=allow-oom"] "ready";
    tick ["flags=allow-oom"] "say" "ready" "finish" "held" "forget" "approval" "aside" "sweep";
    lead ["flags=allow-oom"] "say";
    resign ["flags=allow-oom"];
    intent ["flags=allow-oom"];
}

impl Default for Scripts {
    fn default() -> Self {
        Self::edited(|_, text| text)
    }
}
