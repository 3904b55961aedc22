//! `greenline`: the command line program.

fn main() -> std::process::ExitCode {
    greenline_cli::main()
}
