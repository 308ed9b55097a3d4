//! Counters of connections.

use std::{
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize},
    },
    time::Instant,
};

use ipnet::IpNet;
use tokio::sync::Notify;

use crate::limit::Connections;

/// The limits.
#[derive(Debug)]
pub struct Bounds {
    /// Open connections of all cores.
    pub all: usize,
    /// Open connections of each client.
    pub per_client: Connections,
    /// The configured limit for each client, for the log.
    pub most_per_client: usize,
    /// Proxies carry the connections of many clients, so only the limit for all applies to them.
    pub trusted_proxies: Vec<IpNet>,
}

/// The counters of a core that other cores read. They have a cache line of their own, because each request
/// writes to it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(in crate::listen) struct CoreConnections {
    /// Idle connections. Only the core itself writes.
    pub(super) resting: AtomicUsize,
    /// Evictions that other cores have requested.
    pub(super) wanted: AtomicUsize,
    pub(in crate::listen) wake: Notify,
}

/// Connections that were closed at once, and not logged yet.
#[derive(Debug, Default)]
pub(in crate::listen) struct Refused {
    pub(super) full: AtomicU64,
    pub(super) per_client: AtomicU64,
    /// The last client of `per_client`.
    pub(super) client: Mutex<Option<IpAddr>>,
    /// The time of the last log line.
    pub(super) told: Mutex<Option<Instant>>,
}
