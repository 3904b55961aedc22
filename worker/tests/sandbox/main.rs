//! Getting out of the sandbox, and working in it. With real processes, files and sockets.
//!
//! Each attempt is made three times: in the open, where it has to work or the test proves nothing;
//! with all walls that this machine has; and with Landlock alone, as inside a container. Where that
//! is root, [`users`] does it all again as an ordinary user.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper that fails fails its test"
)]

#[path = "../run_command/setup.rs"]
#[allow(dead_code, reason = "shared with the tests of commands")]
mod bed;
mod egress;
mod files;
mod limits;
mod network;
mod phases;
mod processes;
mod registries;
mod setup;
mod users;
mod walls;
mod work;
