//! Where the gate listens, and where the app does.

use std::{net::SocketAddr, path::PathBuf};

/// Where to accept connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// On this address; port 0 takes a free one.
    Tcp(SocketAddr),
    /// On this Unix socket.
    Unix(PathBuf),
}

/// One server of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamAddress {
    /// HTTP/1 over TCP.
    Http {
        /// As it was written: what goes into `Host` where the client's own does not.
        authority: String,
        /// A name or an IP address, IPv6 without its brackets.
        host: String,
        /// The port, 80 by default.
        port: u16,
    },
    /// HTTP/1 over this Unix socket.
    Unix(PathBuf),
}
