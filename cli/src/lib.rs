//! The operator's command: parse, call, print.
//!
//! - Each command is one module. It calls the queue (or a daemon), and hands what it got to a
//!   function that knows how it is shown: what is shown can be tested without a queue.
//! - stdout carries data and nothing else; hints, questions, progress and errors go to stderr.
//! - The exit code is 0 for done, 1 for an answer that is no, 2 for wrong usage or settings, 3 for
//!   something outside that failed.
//!
//! What a command does is not decided here: that is the queue's, the lead's and the worker's.

mod approvals;
mod args;
mod ask;
mod bench;
mod completions;
mod connection;
mod daemon;
mod demo;
mod diagnose;
mod doctor;
mod ending;
mod flaky;
mod halt;
mod health;
mod home;
mod keys;
mod lead;
mod man;
mod operator;
mod print;
mod progress;
mod queue;
mod redis_here;
mod sarif;
mod session;
mod settings;
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

/// Runs the program: its arguments in, its exit code out.
#[must_use]
pub fn main() -> ExitCode {
    // A command in a sandbox is started by this program, which then becomes it.
    if let Some(ended) = greenline_worker::entry() {
        return ended;
    }
    // Every command may hold secrets: this comes before any setting is read.
    if let Err(error) = greenline_runtime::privacy::close() {
        return ending::code(Err(error.into()));
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(help_or_error) => return ending::of_usage(&help_or_error),
    };
    args.global.color.write_global();
    ending::code(args.run())
}
