//! The observed state of a server.

use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64},
    time::{Duration, Instant},
};

/// The result of the last probe of a server, shared by all cores. Without probes a server counts as up.
#[derive(Debug)]
pub struct Health {
    pub(super) probed_up: AtomicBool,
    /// Whether a probe has completed. Connections of requests do not count from then on.
    pub(super) is_probed: AtomicBool,
    /// The last observation: `UNSEEN`, `UP` or `DOWN`.
    pub(super) seen: AtomicU8,
    /// The time of its change, in milliseconds after `begun`.
    pub(super) since_ms: AtomicU64,
    /// The time at which probes found it up again, in the same unit; 0 = they have never found it down.
    pub(super) back_ms: AtomicU64,
    pub(super) begun: Instant,
}

/// The last observation of a server, for `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whether its probe succeeded or, without probes, it accepted a connection.
    pub up: bool,
    /// Whether the observation is from a probe.
    pub by_probe: bool,
    /// The time since it changed.
    pub ago: Duration,
}
