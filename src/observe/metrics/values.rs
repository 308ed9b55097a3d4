//! All metrics of the process.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64},
};

use super::{core::CoreMetrics, gauges::CoreGauges, process::ProcessFigures};
use crate::rate::LimitName;

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    pub(super) cores: Mutex<Vec<Arc<CoreMetrics>>>,
    /// The names of the routes. The index is the label's id.
    pub(super) labels: Mutex<Vec<Label>>,
    pub(super) logins: [AtomicU64; LoginResult::NAMES.len()],
    pub(super) upstream_errors: [AtomicU64; UpstreamError::NAMES.len()],
    pub(super) handshakes: [AtomicU64; Handshake::NAMES.len()],
    pub(super) mails: [AtomicU64; MailResult::NAMES.len()],
    pub(super) limited: [[AtomicU64; LimitName::NAMES.len()]; LIMIT_MODES.len()],
    pub(super) store_errors: AtomicU64,
    pub(super) tokens_over: AtomicU64,
    pub(super) last_reload_failed: AtomicBool,
}

/// The name of a route, and of its app where there are several.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) app: Option<Box<str>>,
    pub(super) route: Box<str>,
}

/// The outcome of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginResult {
    /// A token was issued.
    Succeeded,
    /// Unknown user or wrong password.
    Failed,
    /// The email address is not confirmed yet.
    Unverified,
    /// The client's rate of logins is exceeded.
    Limited,
    /// The hashing queue is full.
    Busy,
    /// The request was malformed.
    Invalid,
    /// An error of the store or of the gate.
    Error,
}

/// How a request to the app failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamError {
    /// The connection could not be established.
    Connect,
    /// The connection was not established in time.
    ConnectTimeout,
    /// No response in time.
    ResponseTimeout,
    /// The connection was closed too early.
    Closed,
    /// The response was not valid HTTP.
    Protocol,
}

/// How a handshake of TLS ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// With new keys.
    Full,
    /// With those of an earlier session.
    Resumed,
    /// Without a connection.
    Failed,
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailResult {
    /// The server has accepted it, or its file is written.
    Sent,
    /// It is tried again later. A mail may count several times.
    Deferred,
    /// It will not be sent: the server refused it for good, or it was too old, or one of too many.
    GivenUp,
}

/// What became of requests beyond a rate limit.
pub(super) const LIMIT_MODES: [&str; 2] = ["enforced", "shadow"];

/// Values that are measured for each scrape.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// Password jobs in the queue.
    pub hash_queue_depth: u64,
    /// Valid tokens.
    pub tokens_live: u64,
    /// Log lines that were dropped.
    pub log_lines_dropped: u64,
    /// When certificates end; none without TLS.
    pub certificates: Vec<CertificateEnd>,
    /// The sums of the cores that answered.
    pub cores: CoreGauges,
    /// Whether all cores answered.
    pub is_complete: bool,
    /// Figures of the process.
    pub process: ProcessFigures,
}

/// When a certificate ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateEnd {
    /// The first name that it is for.
    pub name: String,
    /// The file that it is from.
    pub file: String,
    /// In seconds since the Unix epoch.
    pub not_after_seconds: i64,
}

impl LoginResult {
    pub(super) const NAMES: [&'static str; 7] =
        ["succeeded", "failed", "unverified", "limited", "busy", "invalid", "error"];
}

impl Handshake {
    pub(super) const NAMES: [&'static str; 3] = ["full", "resumed", "failed"];
}

impl MailResult {
    pub(super) const NAMES: [&'static str; 3] = ["sent", "deferred", "given_up"];
}

impl UpstreamError {
    /// The number of kinds.
    pub const COUNT: usize = Self::NAMES.len();
    pub(super) const NAMES: [&'static str; 5] =
        ["connect", "connect_timeout", "response_timeout", "closed", "protocol"];
}
