//! The address of a server of the app.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use rustls::pki_types::ServerName;

use crate::tls::ClientTls;

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
