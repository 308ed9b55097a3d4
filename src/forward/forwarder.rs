//! The forwarder of a core.

use std::{cell::Cell, rc::Rc, sync::Arc, time::Duration};

use super::{
    address::Address,
    health::Health,
    pool::{Balance, Pool},
    via::Instance,
};
use crate::{
    connection::Deadlines,
    observe::LogThrottle,
    wire::{HeadLimits, ProxyVersion},
};

/// Settings of the app's servers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The servers, at least one. All cores share the results of probes.
    pub servers: Vec<(Address, Arc<Health>)>,
    /// The choice between several servers.
    pub balance: Balance,
    /// The target of health probes; `None` = no probes.
    pub health_path: Option<String>,
    /// The timeout of a connect.
    pub connect_timeout: Duration,
    /// The time from the end of the request to the head of the answer, and between two bytes of an answer with
    /// a known length. Streams have no such limit.
    pub response_timeout: Duration,
    /// Limits of the answer's head.
    pub response_head: HeadLimits,
    /// The `Host` that the app receives.
    pub host: HostName,
    /// Whether the app reads every body of POST, PUT and PATCH, so that connections can be reused after them.
    pub reads_bodies: bool,
    /// The PROXY header that a connection begins with; `None` = none. Each connection is for one client then.
    pub announce: Option<ProxyVersion>,
    /// The identification of this gate in `Via`.
    pub instance: Instance,
}

/// `[upstream] host`: the `Host` that the app receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostName {
    /// The client's.
    Client,
    /// The server's name in `servers`.
    Server,
}

/// Forwards the requests of one core.
#[derive(Debug)]
pub struct Forwarder {
    pub(super) pool: Pool,
    pub(super) settings: Settings,
    pub(super) deadlines: Rc<Deadlines>,
    /// Whether an answer has shown that the app may leave bodies unread, whatever `reads_bodies` says.
    pub(super) leaves_bodies: Cell<bool>,
    /// Throttles log lines about servers that could not be reached.
    pub(super) unreached: LogThrottle,
}
