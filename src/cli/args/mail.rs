//! Commands for mails.

use std::path::PathBuf;

use clap::Subcommand;

use crate::{mail::Message, templates::Language};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum MailCommand {
    /// Show what a mail looks like, with made-up facts: confirm, reset, invite, password-changed, address-changed, new-address, new-login, name-taken, username-changed, token-made or account-deleted
    Preview {
        /// The mail
        #[arg(value_parser = message)]
        name: Message,
        /// The language: en, de, ja or zh [default: the first of pages.languages]
        #[arg(long, value_name = "L", value_parser = language)]
        language: Option<Language>,
        /// Print the HTML alone, for a browser
        #[arg(long)]
        html: bool,
    },
    /// Send a mail to an address, and tell each step: the first that fails says what to change
    Test {
        /// The recipient
        address: String,
    },
    /// Write the built-in templates into a folder, to begin your own with; files that are there stay
    Templates {
        /// The folder; created if it does not exist
        dir: PathBuf,
    },
}

fn message(name: &str) -> Result<Message, String> {
    name.parse().map_err(|unknown: crate::mail::UnknownMessage| unknown.to_string())
}

fn language(code: &str) -> Result<Language, String> {
    code.parse().map_err(|_| "write en, de, ja or zh".to_owned())
}
