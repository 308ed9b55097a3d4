//! What the gate tells its operators: log lines and metrics (docs/metrics.md).
//!
//! [`Log`] owns one thread that writes; no other ever waits for a terminal, a pipe or a disk. [`access`] holds the
//! one record a request, [`Events`] what the parts say and what happens to accounts, [`metrics`] the numbers.
//!
//! INVARIANT: a line holds no credential and no query string.

pub mod access;
#[cfg(test)]
mod docs;
mod events;
mod line;
mod log;
mod log_throttle;
pub mod metrics;

use std::net::IpAddr;

pub use self::{
    events::Events,
    log::{Format, Log, Settings},
    log_throttle::LogThrottle,
};

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A client with an address.
    Ip(IpAddr),
    /// A client of a Unix socket.
    Unix,
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}
