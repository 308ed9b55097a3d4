//! Commands for certificates.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CertCommand {
    /// Make an authority and a certificate of it for this machine, for development
    Dev {
        /// The folder; created if it does not exist
        #[arg(default_value = "certs")]
        dir: PathBuf,
        /// One more name, such as shop.localhost or "*.shop.test"; may be repeated
        #[arg(long = "name", value_name = "NAME")]
        names: Vec<String>,
    },
}
