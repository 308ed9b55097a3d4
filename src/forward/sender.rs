//! The sender of a request to the app, and the PROXY header that names it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::{
    connection::Socket,
    wire::{ProxyEnds, ProxyVersion},
};

/// The sender of a request to the app.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sender<'s> {
    /// A client, with its connection.
    Client(IpAddr, &'s Socket),
    /// The gate itself, for a probe or a look-up.
    Gate,
}

impl Sender<'_> {
    /// The address that [`super::Balance::Hash`] goes by. A fixed one for the gate, so that all look-ups go to the same server.
    pub(super) fn hash_key(self) -> IpAddr {
        match self {
            Self::Client(client, _) => client,
            Self::Gate => Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// The client that a PROXY header names.
    pub(super) fn client(self) -> Option<IpAddr> {
        match self {
            Self::Client(client, _) => Some(client),
            Self::Gate => None,
        }
    }

    /// The PROXY header for a new connection.
    pub(super) fn proxy_header(self, version: ProxyVersion) -> Vec<u8> {
        let mut out = Vec::new();
        version.write(&mut out, self.endpoints());
        out
    }

    /// The endpoints for the PROXY header. Costs two system calls.
    fn endpoints(self) -> Option<ProxyEnds> {
        let Self::Client(client, socket) = self else { return None };
        let to = socket.local_address()?;
        // Behind another proxy, the connection is that proxy's, and so is its port.
        let is_own = |peer: &SocketAddr| peer.ip().to_canonical() == client.to_canonical();
        let port = socket.peer_address().filter(is_own).map_or(0, |peer| peer.port());
        Some(ProxyEnds { from: SocketAddr::new(client, port), to })
    }
}
