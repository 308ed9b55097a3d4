//! What the gate keeps for a connection.

use super::last_caller::LastCaller;
use crate::connection::Remote;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A client, or a proxy that forwards its requests.
    Client,
    /// A proxy that describes requests, which are judged and not forwarded.
    Proxy,
}

/// The client's address and its last caller, for all requests of a connection.
#[derive(Debug)]
pub struct Client {
    /// The address.
    pub(super) remote: Remote,
    /// The subject of its certificate, verified in the handshake.
    pub(super) certificate: Option<Box<str>>,
    pub(super) role: Role,
    /// The session of its last `Authorization` or `Cookie`.
    pub(super) last: LastCaller,
}

impl Client {
    /// `certificate`: the subject of the one that it has shown.
    #[must_use]
    pub fn new(remote: Remote, certificate: Option<&str>, role: Role) -> Self {
        Self { remote, certificate: certificate.map(Into::into), role, last: LastCaller::default() }
    }
}
