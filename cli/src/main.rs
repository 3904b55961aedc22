//! `greenline`: the operator's command.

fn main() -> std::process::ExitCode {
    greenline_cli::main()
}
