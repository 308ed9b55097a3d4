//! Generates shell completions and manual pages from the definition of the command line.

use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use super::{Exit, args::Line, print};

/// Prints the completions for a shell.
pub(super) fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Line::command(), "portcullis", &mut script);
    print(&String::from_utf8(script).context("the completions are not UTF-8")?)?;
    Ok(Exit::Done)
}

/// Writes manual pages for the program and each command.
pub(super) fn pages(dir: &Path) -> anyhow::Result<Exit> {
    let write = || {
        std::fs::create_dir_all(dir)?;
        clap_mangen::generate_to(Line::command().disable_help_subcommand(true), dir)
    };
    write().with_context(|| format!("cannot write manual pages to `{}`", dir.display()))?;
    let page = dir.join("portcullis.1");
    print(&format!("the manual pages are written; read the first with `man -l {}`\n", page.display()))?;
    Ok(Exit::Done)
}
