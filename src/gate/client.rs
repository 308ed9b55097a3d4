//! The client of a connection.

use super::last_caller::LastCaller;
use crate::connection::Remote;

/// A client, for all requests of its connection.
#[derive(Debug)]
pub struct Client {
    /// Where it is.
    pub(super) remote: Remote,
    /// Whom it has spoken for.
    pub(super) last: LastCaller,
}

impl From<Remote> for Client {
    fn from(remote: Remote) -> Self {
        Self { remote, last: LastCaller::default() }
    }
}
