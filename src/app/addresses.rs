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

impl Addresses {
    /// The listeners for clients, as people write them. There is at least one.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let https = self.https.map(|address| format!("https://{address}"));
        https.into_iter().chain(self.http.as_ref().map(http_name)).collect()
    }

    /// Tells where the gate serves.
    pub(super) fn log(&self) {
        let http = self.http.as_ref().map(http_name).map(tracing::field::display);
        let https = self.https.map(|address| tracing::field::display(format!("https://{address}")));
        let forward_auth = self.forward_auth.map(tracing::field::display);
        tracing::info!(http, https, forward_auth, admin = self.admin.map(tracing::field::display), "serving");
    }
}

/// The addresses of a running gate.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The listener for clients that speak plain HTTP, if there is one.
    pub http: Option<listen::Address>,
    /// The listener for those that speak TLS, if there is one.
    pub https: Option<SocketAddr>,
    /// The listener that judges requests for proxies, if there is one.
    pub forward_auth: Option<SocketAddr>,
    /// The listener for health and metrics, if there is one.
    pub admin: Option<SocketAddr>,
}
