//! `schema`: the JSON Schemas of files that are written by hand.

use super::{Exit, args::SchemaCommand, print_json};
use crate::{config, policy};

/// Prints a schema.
pub(super) fn run(command: &SchemaCommand) -> anyhow::Result<Exit> {
    match command {
        SchemaCommand::Policy => print_json(&policy::schema())?,
        SchemaCommand::Config => print_json(&config::schema())?,
    }
    Ok(Exit::Done)
}
