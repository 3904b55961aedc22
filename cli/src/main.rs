//! `greenline`: the operator's command.
fn main() {}
