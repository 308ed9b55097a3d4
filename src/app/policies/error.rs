//! Errors of loading policies.

use std::{io, path::PathBuf};

use crate::{
    policy::{Finding, Severity},
    store::StoreError,
};

/// The reason why no ruleset could be built.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The folder or a file of it cannot be read.
    #[error("cannot read the policies in `{path}`")]
    Unreadable {
        /// The path of the folder or file.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The folder changed during every attempt to read it.
    #[error("the policies folder `{path}` changes while it is read; ask again when it is written")]
    KeepsChanging {
        /// The folder.
        path: PathBuf,
    },
    /// The folder contains more than the limits allow.
    #[error(
        "the policies folder `{path}` holds more than 100000 policies, or 256 MiB of them; keep other files elsewhere"
    )]
    TooMuch {
        /// The folder.
        path: PathBuf,
    },
    /// The folder contains no policies.
    #[error(
        "the policies folder `{path}` holds no `.json` file; put at least one there, or set `policies.dir`"
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// The files contain errors.
    #[error("the policies have mistakes:\n{}", lines(.0))]
    ConfigErrors(Vec<Finding>),
    /// The rows of the store cannot be read.
    #[error("the roles and rules in the store cannot be read")]
    Store(#[from] StoreError),
}

pub(super) fn lines(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n")
}
