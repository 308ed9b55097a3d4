//! Where a configuration came from.

use std::{fmt, path::PathBuf, sync::Arc};

use crate::config::{Sources, keys::RawConfig};

/// Where a configuration came from, so that it can be read again.
#[derive(Clone, Default)]
pub(in crate::config) struct Origin {
    pub(in crate::config) folder: PathBuf,
    pub(in crate::config) sources: Sources,
    /// The file; it may not be there.
    pub(in crate::config) file: PathBuf,
    /// Every key as it was read at the start.
    pub(in crate::config) started: Option<Arc<RawConfig>>,
    /// Every key as it was read last.
    pub(in crate::config) keys: Option<Arc<RawConfig>>,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Variables and flags hold secrets.
        f.write_str("Origin")
    }
}
