//! The measured pace of a client.

/// Time spent on the client so far, in ms of the core's coarse time.
#[derive(Debug, Default)]
pub(in crate::forward::exchange) struct Pace {
    /// The time of the last measurement.
    pub(super) since: u64,
    /// The total time of waiting for the body.
    pub(super) body: u64,
    /// The time of waiting for the client to read, in the current span.
    pub(super) client: u64,
    /// The bytes delivered when the current span began.
    pub(super) delivered: u64,
}
