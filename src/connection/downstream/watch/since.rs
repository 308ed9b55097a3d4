//! Since when a client is watched.

use crate::wire::OverrideScanner;

/// What looks, and how far it has.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(super) scanner: OverrideScanner,
    /// Bytes at the front of the input that have been looked at, and not gone on yet.
    pub(super) seen: usize,
}
