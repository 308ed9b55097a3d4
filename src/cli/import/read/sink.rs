//! The receiver of rows, and the errors of files.

use std::io;

use crate::cli::import::{Kind, Raw};

/// A receiver of rows. Returns `false` when it wants no more.
pub(in crate::cli::import) type Sink<'s> = &'s mut dyn FnMut(Raw) -> bool;

/// An error of a file.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli::import) enum ReadError {
    #[error("cannot read `{path}`")]
    File {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("`{path}:{line}:{column}`: broken JSON: {message}")]
    Json { path: String, line: usize, column: usize, message: String },
    #[error(
        "`{path}` is not the memory connector's file: {why}; a file of one collection goes to --users, --tokens, --roles, --role-mappings or --acls"
    )]
    NotMemory { path: String, why: &'static str },
    #[error("`{path}` has no collection `{name}`, only {}; --user-model says what the accounts are called", listed(.has))]
    NoUsers { path: String, name: String, has: Vec<String> },
    #[error(
        "`{path}` has several collections that could hold the {}: {}; give the right one a file of its own, or say in the \
         policies which model it is", .kind.name(), listed(.names)
    )]
    Ambiguous { path: String, kind: Kind, names: Vec<String> },
    #[error("cannot start a thread that reads")]
    Thread(#[source] io::Error),
}

pub(super) fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none at all".into();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
