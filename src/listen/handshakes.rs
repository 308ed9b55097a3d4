//! State of the handshakes that is shared by all cores.

use std::sync::Arc;

use crate::{limit::Connections, observe::LogThrottle, tls::ServerTls};

/// The TLS terms, and the limit and the log of handshakes.
#[derive(Debug)]
pub(super) struct Handshakes {
    pub(super) tls: Arc<ServerTls>,
    pub(super) per_client: Connections,
    pub(super) failed: LogThrottle,
}

/// The number of handshakes of one client at once; further ones wait. Each takes a core about 200 µs, twenty times the
/// cost of a request, and a browser opens six connections for a page.
const MOST_PER_CLIENT: usize = 32;

impl Handshakes {
    pub(super) fn new(tls: Arc<ServerTls>) -> Self {
        Self { tls, per_client: Connections::new(MOST_PER_CLIENT), failed: LogThrottle::default() }
    }
}
