//! All numbers of the process.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64},
};

use super::core::CoreMetrics;

/// All numbers of the process.
#[derive(Debug)]
pub struct Metrics {
    pub(super) cores: Mutex<Vec<Arc<CoreMetrics>>>,
    /// The names of the routes; an index is a label's id.
    pub(super) labels: Mutex<Vec<Box<str>>>,
    pub(super) logins: [AtomicU64; LoginResult::NAMES.len()],
    pub(super) upstream_errors: [AtomicU64; UpstreamError::NAMES.len()],
    pub(super) store_errors: AtomicU64,
    pub(super) tokens_over: AtomicU64,
    pub(super) last_reload_failed: AtomicBool,
}

/// What a login came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginResult {
    /// A token was made.
    Succeeded,
    /// Unknown user or wrong password.
    Failed,
    /// The address is not confirmed yet.
    Unverified,
    /// Too many from this client.
    Limited,
    /// Too many passwords were waiting.
    Busy,
    /// The request made no sense.
    Invalid,
    /// The store or something else broke.
    Error,
}

/// How a request to the app failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamError {
    /// No connection.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// No response in time.
    ResponseTimeout,
    /// The connection ended too early.
    Closed,
    /// The response was no HTTP, or broke its rules.
    Protocol,
}

/// What is measured for each reading, not counted before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
    /// Password jobs that wait.
    pub hash_queue_depth: u64,
    /// Live tokens.
    pub tokens_live: u64,
    /// Log lines that were given up.
    pub log_lines_dropped: u64,
    /// When the first certificate ends, in seconds since the Unix epoch; `None` without TLS.
    pub cert_not_after_seconds: Option<i64>,
}

impl LoginResult {
    pub(super) const NAMES: [&'static str; 7] =
        ["succeeded", "failed", "unverified", "limited", "busy", "invalid", "error"];
}

impl UpstreamError {
    /// How many there are.
    pub const COUNT: usize = Self::NAMES.len();
    pub(super) const NAMES: [&'static str; 5] =
        ["connect", "connect_timeout", "response_timeout", "closed", "protocol"];
}
