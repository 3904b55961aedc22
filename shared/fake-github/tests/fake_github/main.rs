//! The fake GitHub, seen from outside: by HTTP, by git, by webhooks.
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

mod apps;
mod bed;
mod client;
mod faults;
mod git;
mod graphql;
mod limits;
mod project;
mod published;
mod rules;
mod webhooks;
