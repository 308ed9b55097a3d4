//! `schema`: the JSON Schema of what people write by hand.

use super::{Exit, args::SchemaCommand, print_json};
use crate::policy;

/// Prints a schema.
pub(super) fn run(command: &SchemaCommand) -> anyhow::Result<Exit> {
    match command {
        SchemaCommand::Policy => print_json(&policy::schema())?,
    }
    Ok(Exit::Done)
}
