//! The sources of a configuration.

use std::{fmt, path::PathBuf, sync::Arc};

use crate::config::{AppSettings, Sources, keys::RawConfig};

/// The sources of a configuration, so that it can be read again.
#[derive(Clone, Default)]
pub(in crate::config) struct Provenance {
    pub(in crate::config) folder: PathBuf,
    pub(in crate::config) sources: Sources,
    /// The path of the file. It need not exist.
    pub(in crate::config) file: PathBuf,
    /// The values at the start.
    pub(in crate::config) started: Option<Arc<RawConfig>>,
    /// The values that were read last.
    pub(in crate::config) keys: Option<Arc<RawConfig>>,
    /// The apps that were read last.
    pub(in crate::config) apps: Vec<AppSettings>,
}

impl fmt::Debug for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not shown: variables and flags may contain secrets.
        f.write_str("Provenance")
    }
}
