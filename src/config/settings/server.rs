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
    /// The folder for admin.sock, outbox, exports and the default store.
    pub data_dir: PathBuf,
    /// Cores to serve on; 0 = all.
    pub threads: usize,
    /// Peers whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether they begin with a PROXY header.
    pub proxy_protocol: bool,
    /// What links begin with, without a slash at its end.
    pub public_url: Option<String>,
    /// For the whole request head, from its first byte.
    pub header_timeout: Duration,
    /// Without a byte of a request body.
    pub body_timeout: Duration,
    /// Without a byte taken by the client.
    pub write_timeout: Duration,
    /// Between requests.
    pub idle_timeout: Duration,
    /// Bytes of a request head.
    pub max_header_bytes: usize,
    /// Header lines of a request.
    pub max_headers: usize,
    /// Connections at a time.
    pub max_connections: usize,
    /// Connections of one client at a time; 0 = no bound.
    pub max_connections_per_client: usize,
    /// Bytes a second that a body has to bring on average, once it takes longer than `body_timeout`.
    pub body_min_rate: Option<u64>,
    /// Between "not ready" and the end of the listener at SIGTERM.
    pub drain_delay: Duration,
    /// The permission bits of a Unix listener.
    pub socket_mode: u32,
    /// How long running requests may take to finish at shutdown.
    pub shutdown_grace: Duration,
}
