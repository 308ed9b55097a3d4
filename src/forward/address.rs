//! The address of a server of the app.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use rustls::pki_types::ServerName;

use crate::tls::{ClientTls, Protocol};

/// The address of a server.
#[derive(Clone, Debug)]
pub enum Address {
    /// `host:port`. A name is resolved at each connect.
    Tcp(String),
    /// The same for a server that speaks HTTP/2 without TLS, by prior knowledge (RFC 9113 section 3.3).
    Http2(String),
    /// The same over TLS.
    Tls {
        /// `host:port`.
        authority: String,
        /// The name that the server's certificate has to be for.
        name: ServerName<'static>,
        /// The version of HTTP that it must choose.
        protocol: Protocol,
        /// How it is verified.
        terms: Arc<ClientTls>,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// The name in logs.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Tcp(authority) | Self::Http2(authority) | Self::Tls { authority, .. } => authority.clone(),
            Self::Unix(path) => format!("unix:{}", path.display()),
        }
    }

    /// Whether the server speaks HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_) | Self::Tls { protocol: Protocol::Http2, .. })
    }

    /// The scheme of requests to the server.
    pub(super) fn scheme(&self) -> &'static str {
        if matches!(self, Self::Tls { .. }) { "https" } else { "http" }
    }

    /// Whether it has a name, which may get other addresses.
    pub(super) fn is_named(&self) -> bool {
        match self {
            Self::Tcp(authority) | Self::Http2(authority) | Self::Tls { authority, .. } => {
                authority.parse::<SocketAddr>().is_err()
            }
            Self::Unix(_) => false,
        }
    }
}
