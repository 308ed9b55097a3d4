//! Runs the command line, prints an error with its causes, and sets the exit code.

use std::process::ExitCode;

use portcullis::cli;

/// About a tenth off the cost of a forwarded request (docs/decisions.md section 1).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let code = match cli::run(std::env::args_os()) {
        Ok(exit) => exit.code(),
        Err(error) => {
            cli::print_error(&error);
            cli::Exit::Failed.code()
        }
    };
    ExitCode::from(code)
}
