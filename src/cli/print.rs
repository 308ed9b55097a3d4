//! Prints answers to standard output.

use std::io::{self, Write};

use anyhow::Context;

/// Prints an answer. A closed pipe (`| head`) is not an error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot print"),
        _ => Ok(()),
    }
}

pub(super) fn print_json(json: &serde_json::Value) -> anyhow::Result<()> {
    print(&format!("{json:#}\n"))
}
