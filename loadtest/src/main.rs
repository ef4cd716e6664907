//! The `loadtest` command: parse, do, say what went wrong in one line.

use std::process::ExitCode;

use clap::Parser as _;
use loadtest::cli::Cli;
use loadtest::command;
use loadtest::progress::say;

/// The generator shares the machine with the bank, and allocates for every request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match command::execute(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            say(&format!("loadtest: {}", command::one_line(&error)));
            ExitCode::from(command::exit_code(&error))
        }
    }
}
