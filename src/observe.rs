//! Log lines and metrics for operators (docs/metrics.md).
//!
//! [`Log`] owns the only thread that writes lines, so that no other thread waits for a terminal, a pipe or a
//! disk. [`access`] has the record of each request, [`Events`] the messages of all modules and the audit lines,
//! [`metrics`] the counters.
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

/// The peer of a connection.
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
