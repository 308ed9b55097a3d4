//! `[server]`: listeners, deadlines and limits towards clients.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;

use super::Listen;

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The listener for HTTP.
    pub http: Listen,
    /// The listener for TLS.
    pub https: Option<SocketAddr>,
    /// The folder of the admin socket, the outbox, exports and the default store.
    pub data_dir: PathBuf,
    /// Number of cores to serve on; 0 = all.
    pub threads: usize,
    /// Peers whose `X-Forwarded-*` headers are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether their connections begin with a PROXY header.
    pub proxy_protocol: bool,
    /// The prefix of links, without a trailing slash.
    pub public_url: Option<String>,
    /// Time limit for a complete request head, from its first byte.
    pub header_timeout: Duration,
    /// Maximum pause within a request body.
    pub body_timeout: Duration,
    /// Maximum time during which the client accepts no byte.
    pub write_timeout: Duration,
    /// Maximum time between two requests.
    pub idle_timeout: Duration,
    /// Maximum size of a request head in bytes.
    pub max_header_bytes: usize,
    /// The memory that buffers may take beyond what each connection has anyway, in bytes.
    pub max_buffer_bytes: usize,
    /// Maximum number of header lines of a request.
    pub max_headers: usize,
    /// Maximum number of connections.
    pub max_connections: usize,
    /// Maximum number of connections of a client; 0 = unlimited.
    pub max_connections_per_client: usize,
    /// Minimum average rate of a body in bytes per second, once it takes longer than `body_timeout`.
    pub body_min_rate: Option<u64>,
    /// The time between "not ready" and the end of the listener at SIGTERM.
    pub drain_delay: Duration,
    /// The permission bits of a Unix listener.
    pub socket_mode: u32,
    /// The time that running requests have to finish at a shutdown.
    pub shutdown_grace: Duration,
}
