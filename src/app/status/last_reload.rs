//! The result of the last reload.

use serde::{Deserialize, Serialize};

/// The last reload of the configuration and the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// The time: ISO 8601, UTC. `None` = not since the start.
    pub at: Option<String>,
    /// The reason why it failed.
    pub failure: Option<String>,
}
