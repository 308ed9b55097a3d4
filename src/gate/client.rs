//! What the gate keeps for a connection.

use super::last_caller::LastCaller;
use crate::connection::Remote;

/// The client's address and its last caller, for all requests of a connection.
#[derive(Debug)]
pub struct Client {
    /// The address.
    pub(super) remote: Remote,
    /// The subject of its certificate, verified in the handshake.
    pub(super) certificate: Option<Box<str>>,
    /// The session of its last `Authorization` or `Cookie`.
    pub(super) last: LastCaller,
}

impl Client {
    /// `certificate`: the subject of the one that it has shown.
    #[must_use]
    pub fn new(remote: Remote, certificate: Option<&str>) -> Self {
        Self { remote, certificate: certificate.map(Into::into), last: LastCaller::default() }
    }
}
