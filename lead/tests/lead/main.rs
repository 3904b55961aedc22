//! Leads against a real Redis, asked over real connections.
// A world of a test holds a lead, which holds all of its loops: futures within futures.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not go on has failed")]

mod bad_input;
mod bed;
mod election;
mod fuzzed;
mod handlers;
mod http;
mod killed;
mod outage;
mod outbox;
mod polling;
mod prism;
mod published;
mod redis_link;
mod status;
mod webhooks;
