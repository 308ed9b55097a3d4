//! How fast a body comes.

/// What the client has cost so far, in ms of the core's coarse time.
#[derive(Debug, Default)]
pub(in crate::forward::exchange) struct Pace {
    /// When it was last looked.
    pub(super) since: u64,
    /// All the time in which more of the body was waited for.
    pub(super) body: u64,
    /// The time in which the client was to take what there was, of the span at hand.
    pub(super) client: u64,
    /// What had been delivered when that span began.
    pub(super) delivered: u64,
}
