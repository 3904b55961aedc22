//! The command line program: parse, call, print.
//!
//! - Each command is one module. It calls the queue (or a daemon), and passes the result to a
//!   formatting function that tests call without a queue.
//! - stdout carries data only; hints, questions, progress and errors go to stderr.
//! - The exit code is 0 for done, 1 for an answer that is no, 2 for wrong usage or settings, 3 for
//!   a failure outside of the program.
//!
//! The queue, the lead and the worker decide what a command does.

mod approvals;
mod args;
mod bench;
mod completions;
mod confirm;
mod connection;
mod daemon;
mod demo;
mod diagnose;
mod doctor;
mod error;
mod find_redis;
mod flaky;
mod global;
mod halt;
mod health;
mod keys;
mod lead;
mod man;
mod operator;
mod print;
mod progress;
mod queue;
mod redis_supervisor;
mod sarif;
mod session;
mod settings;
mod state_dir;
mod up;
mod why;
mod worker;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::Args;

/// The command line as clap knows it: every command, flag and help text.
#[must_use]
pub fn command() -> clap::Command {
    let mut command = Args::command();
    command.build();
    command
}

/// Runs the program and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    // This program starts sandboxed commands, and then becomes them.
    if let Some(ended) = greenline_worker::entry() {
        return ended;
    }
    // Every command may hold secrets: this comes before any setting is read.
    if let Err(error) = greenline_runtime::privacy::close() {
        return error::exit_code(Err(error.into()));
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(help_or_error) => return error::usage_exit_code(&help_or_error),
    };
    args.global.color.write_global();
    error::exit_code(args.run())
}
