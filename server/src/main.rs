//! Starts castle-server. See `cli.rs`.

fn main() -> std::process::ExitCode {
    castle_server::cli::main(std::env::args_os().collect())
}
