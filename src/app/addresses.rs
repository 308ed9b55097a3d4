//! The addresses of a running gate.

use std::net::SocketAddr;

use crate::listen;

/// An address as a URL.
#[must_use]
pub fn http_name(address: &listen::Address) -> String {
    match address {
        listen::Address::Tcp(address) => format!("http://{address}"),
        listen::Address::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// The addresses of a running gate.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The listener for clients.
    pub http: listen::Address,
    /// The listener for health and metrics, if there is one.
    pub admin: Option<SocketAddr>,
}
