//! What the gate keeps for a connection.

use super::last_caller::LastCaller;
use crate::connection::Remote;

/// The client's address and its last caller, for all requests of a connection.
#[derive(Debug)]
pub struct Client {
    /// The address.
    pub(super) remote: Remote,
    /// The session of its last `Authorization`.
    pub(super) last: LastCaller,
}

impl From<Remote> for Client {
    fn from(remote: Remote) -> Self {
        Self { remote, last: LastCaller::default() }
    }
}
