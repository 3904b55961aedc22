//! Leads against a real Redis, asked over real connections.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can not go on has failed")]

mod bed;
mod casework;
mod election;
mod http;
mod outage;
mod outbox;
mod polling;
mod status;
mod webhooks;
