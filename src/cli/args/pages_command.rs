//! Commands for the pages.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PagesCommand {
    /// Write the built-in templates and the style sheet into a folder, to begin your own with; files that are there stay
    Templates {
        /// The folder; created if it does not exist
        dir: PathBuf,
    },
}
