//! Runs the command line, prints an error with its causes, and sets the exit code.

use std::process::ExitCode;

use portcullis::cli;

/// About a tenth off the cost of a forwarded request (docs/decisions.md section 1).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // An idle gate touches a little of many megabytes, and a huge page makes all of them resident (docs/decisions.md
    // section 8). An older kernel may refuse; then it only costs memory.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let code = match cli::run(std::env::args_os()) {
        Ok(exit) => exit.code(),
        Err(error) => {
            cli::print_error(&error);
            cli::Exit::Failed.code()
        }
    };
    ExitCode::from(code)
}
