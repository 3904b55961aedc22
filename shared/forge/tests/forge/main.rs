//! The client against a real HTTP server of a few lines, and against what GitHub publishes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not go on has failed")]
#![allow(clippy::print_stderr, reason = "a test that skips says why")]

mod fuzzed;
mod graphql;
mod limits;
mod logs;
mod published;
mod requests;
mod scripted_server;
mod tokens;
mod writing;
