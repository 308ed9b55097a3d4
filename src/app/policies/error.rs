//! Why there are no rules to serve under.

use std::{io, path::PathBuf};

use crate::{
    policy::{Finding, Severity},
    store::StoreError,
};

/// Why there are no rules to serve under.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The folder or a file of it cannot be read.
    #[error("cannot read the policies in `{path}`")]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It changed whenever it was read.
    #[error("the policies folder `{path}` changes while it is read; ask again when it is written")]
    Restless {
        /// The folder.
        path: PathBuf,
    },
    /// More policies than any app has.
    #[error(
        "the policies folder `{path}` holds more than 100000 policies, or 256 MiB of them; keep other files elsewhere"
    )]
    TooMuch {
        /// The folder.
        path: PathBuf,
    },
    /// There is nothing in it.
    #[error(
        "the policies folder `{path}` holds no `.json` file; put at least one there, or set `policies.dir`"
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// The files have mistakes.
    #[error("the policies have mistakes:\n{}", lines(.0))]
    ConfigErrors(Vec<Finding>),
    /// The store's rows cannot be read.
    #[error("the roles and rules in the store cannot be read")]
    Store(#[from] StoreError),
}

pub(super) fn lines(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n")
}
