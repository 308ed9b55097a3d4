//! What is counted of connections.

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

/// The bounds.
#[derive(Debug)]
pub struct Bounds {
    /// Connections at a time, of all cores.
    pub all: usize,
    /// Connections of one client at a time.
    pub per_client: Connections,
    /// As it is configured, for the log.
    pub most_per_client: usize,
    /// Proxies, which bring the connections of many clients: only the bound for all holds for them.
    pub trusted_proxies: Vec<IpNet>,
}

/// What the other cores know of one. A cache line of its own, because each request writes to it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(in crate::listen) struct CoreConnections {
    /// Connections that rest. Only the core itself writes.
    pub(super) resting: AtomicUsize,
    /// Places that other cores want of it.
    pub(super) wanted: AtomicUsize,
    pub(in crate::listen) wake: Notify,
}

/// Connections that were closed at once, until the log tells of them.
#[derive(Debug, Default)]
pub(in crate::listen) struct Refused {
    pub(super) full: AtomicU64,
    pub(super) per_client: AtomicU64,
    /// The last one of those.
    pub(super) client: Mutex<Option<IpAddr>>,
    /// When the log was told last.
    pub(super) told: Mutex<Option<Instant>>,
}
