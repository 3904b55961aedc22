//! What is done outside: each action, its refusals, and that killing it repeats and forgets nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not go on has failed")]

mod actions;
mod bed;
mod comment_commands;
mod github;
mod guards;
mod intents;
mod killed;
