//! A core's way to the app.

use std::{rc::Rc, sync::Arc, time::Duration};

use super::{
    health::Health,
    pool::{Address, Balance, Pool},
    via::Instance,
};
use crate::{connection::Deadlines, observe::LogThrottle, wire::HeadLimits};

/// How the app is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its servers; at least one. All cores share what probes say of them.
    pub servers: Vec<(Address, Arc<Health>)>,
    /// How one is chosen.
    pub balance: Balance,
    /// The target of probes; none without one.
    pub health_path: Option<String>,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// To the answer's head, from the end of the request; and between two bytes of an answer that has
    /// promised its length. A stream is never cut by it.
    pub response_timeout: Duration,
    /// Bounds of the answer's head.
    pub response_head: HeadLimits,
    /// The `Host` that the app sees.
    pub host: HostName,
    /// Whether the app reads every body of POST, PUT and PATCH.
    pub reads_bodies: bool,
    /// By what this gate knows its own requests.
    pub instance: Instance,
}

/// `[upstream] host`: the `Host` that the app sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostName {
    /// The client's own.
    Client,
    /// The server's name in `servers`.
    Server,
}

/// Forwards requests from one core.
#[derive(Debug)]
pub struct Forwarder {
    pub(super) pool: Pool,
    pub(super) settings: Settings,
    pub(super) deadlines: Rc<Deadlines>,
    /// Servers that were passed over.
    pub(super) unreached: LogThrottle,
}
