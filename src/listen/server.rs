//! The state that all cores share, and that of one core.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
};

use tokio::sync::Notify;

use super::{
    connection_limits::{Bounds, CoreConnections, Refused},
    handshakes::Handshakes,
    spares::Spares,
};
use crate::{
    connection::{Deadlines, Times},
    gate::{Core, Gate},
    observe::LogThrottle,
    wire::HeadLimits,
};

/// Settings of connections.
#[derive(Debug)]
pub struct Settings {
    /// Limits of a request head.
    pub head: HeadLimits,
    /// The timeouts.
    pub times: Times,
    /// Limits of open connections.
    pub bounds: Bounds,
    /// The memory that buffers of all cores may take beyond what each connection has anyway, in bytes.
    pub max_buffer_bytes: usize,
    /// Whether connections of trusted proxies begin with a PROXY header.
    pub proxy_protocol: bool,
    /// The value of `Strict-Transport-Security` over TLS.
    pub strict_transport: Option<Arc<str>>,
}

/// The state that all cores share.
#[derive(Debug)]
pub struct Shared {
    pub(super) settings: Settings,
    /// `None` = no listener speaks TLS.
    pub(super) handshakes: Option<Handshakes>,
    pub(super) open: AtomicUsize,
    pub(super) leaving: AtomicBool,
    pub(super) draining: AtomicBool,
    pub(super) per_core: Box<[CoreConnections]>,
    pub(super) refused: Refused,
    pub(super) not_accepted: LogThrottle,
    pub(super) unannounced: LogThrottle,
    pub(super) panicked: LogThrottle,
}

/// The server of one core.
pub struct Server {
    pub(super) gate: Arc<Gate>,
    pub(super) core: Core,
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
    pub(super) deadlines: Rc<Deadlines>,
    pub(super) spares: Spares,
    /// A head of HTTP/2 while it is written as one of HTTP/1.1.
    pub(super) head: RefCell<Vec<u8>>,
    pub(super) times: Rc<Times>,
    pub(super) running: Cell<usize>,
    /// Streams of HTTP/2 under way.
    pub(super) streams: Cell<usize>,
    pub(super) idle: Notify,
}
