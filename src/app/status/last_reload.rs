//! How the last reload went, as it is told.

use serde::{Deserialize, Serialize};

/// The last reload of the configuration and the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// When: ISO 8601, UTC. `None` = not since the start.
    pub at: Option<String>,
    /// Why it was refused.
    pub failure: Option<String>,
}
