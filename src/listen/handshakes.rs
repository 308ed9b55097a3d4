//! The state of handshakes that all cores share.

use std::sync::Arc;

use crate::{limit::Connections, observe::LogThrottle, tls::ServerTls};

/// What the handshakes of all cores share.
#[derive(Debug)]
pub(super) struct Handshakes {
    pub(super) tls: Arc<ServerTls>,
    pub(super) per_client: Connections,
    pub(super) failed: LogThrottle,
}

/// So many handshakes of one client are under way at once; the next wait for their turn. Each costs a core some
/// 200 us, a hundred times what a request does, and a page that a browser opens needs six.
const MOST_PER_CLIENT: usize = 32;

impl Handshakes {
    pub(super) fn new(tls: Arc<ServerTls>) -> Self {
        Self { tls, per_client: Connections::new(MOST_PER_CLIENT), failed: LogThrottle::default() }
    }
}
