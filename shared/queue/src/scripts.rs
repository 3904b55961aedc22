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
    enqueue [""] "events" "make_runnable" "finish" "approval" "insert";
    adopt ["flags=allow-oom"] "events" "make_runnable" "finish" "approval" "insert";
    claim ["flags=allow-oom"] "events" "make_runnable" "quarantine" "approval";
    start ["flags=allow-oom"] "claim_check";
    heartbeat ["flags=allow-oom"];
    unregister_worker ["flags=allow-oom"];
    complete ["flags=allow-oom"] "events" "make_runnable" "finish" "claim_check";
    fail ["flags=allow-oom"] "events" "make_runnable" "finish" "claim_check";
    release ["flags=allow-oom"] "events" "make_runnable" "finish" "claim_check";
    quarantine ["flags=allow-oom"] "events" "make_runnable" "finish" "claim_check";
    cancel ["flags=allow-oom"] "events" "make_runnable" "finish";
    retry ["flags=allow-oom"] "events" "make_runnable" "finish" "approval";
    request_approval ["flags=allow-oom"] "events";
    resolve_approval ["flags=allow-oom"] "events" "make_runnable" "finish" "approval";
    pause ["flags=allow-oom"] "events";
    resume ["flags=allow-oom"] "events" "make_runnable";
    acknowledge ["flags=allow-oom"];
    purge ["flags=allow-oom"] "delete";
    requeue ["flags=allow-oom"] "make_runnable";
    tick ["flags=allow-oom"] "events" "make_runnable" "finish" "claim_check" "delete" "approval" "quarantine" "repair";
    lead ["flags=allow-oom"] "events";
    resign ["flags=allow-oom"];
    intent ["flags=allow-oom"];
}

impl Default for Scripts {
    fn default() -> Self {
        Self::edited(|_, text| text)
    }
}
