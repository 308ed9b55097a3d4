//! Addresses of listeners and of the app's servers.

use std::{net::SocketAddr, path::PathBuf};

/// The address of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// The listener is off.
    Off,
    /// A TCP address; port 0 selects a free port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// The address of a server of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamAddress {
    /// HTTP over TCP.
    Http {
        /// The version of HTTP, with TLS or without.
        scheme: UpstreamScheme,
        /// Host and port as written. The `Host` header if the client's own is not forwarded.
        authority: String,
        /// A name or an IP address; IPv6 without brackets.
        host: String,
        /// The port, 80 by default.
        port: u16,
    },
    /// HTTP/1 over a Unix socket.
    Unix(PathBuf),
}

/// What a server of the app speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamScheme {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS.
    Https,
    /// HTTP/2 in the clear, by prior knowledge.
    H2c,
    /// HTTP/2 over TLS.
    H2,
}

impl UpstreamAddress {
    /// Whether the server speaks TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Http { scheme: UpstreamScheme::Https | UpstreamScheme::H2, .. })
    }
}

impl UpstreamScheme {
    /// As it is written in an address.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::H2c => "h2c",
            Self::H2 => "h2",
        }
    }

    /// The port of an address without one.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http | Self::H2c => 80,
            Self::Https | Self::H2 => 443,
        }
    }
}
