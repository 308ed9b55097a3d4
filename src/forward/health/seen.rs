//! How a server of the app was seen.

use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64},
    time::{Duration, Instant},
};

/// What the last probe of a server said, shared by all cores. Without probes it is up.
#[derive(Debug)]
pub struct Health {
    pub(super) probed_up: AtomicBool,
    /// Whether a probe has ended: from then on connections of requests say nothing.
    pub(super) is_probed: AtomicBool,
    /// What was seen last: `UNSEEN`, `UP` or `DOWN`.
    pub(super) seen: AtomicU8,
    /// Since when it is so: milliseconds after `begun`.
    pub(super) since_ms: AtomicU64,
    pub(super) begun: Instant,
}

/// What was seen of a server last, for `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whether it answered its probe well or, without probes, took a connection.
    pub up: bool,
    /// Whether a probe says so, rather than the last connection.
    pub by_probe: bool,
    /// How long it has been so.
    pub ago: Duration,
}
