//! Commands for the configuration.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigCommand {
    /// Every setting and its value, as portcullis.toml would write it (secrets masked)
    Show {
        /// Say where each value came from: a line, a variable, a flag, or a default
        #[arg(long)]
        origin: bool,
    },
}
