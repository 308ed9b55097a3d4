//! The state of a body's inspection.

use crate::wire::OverrideScanner;

/// The scanner and its position.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(super) scanner: OverrideScanner,
    /// Bytes at the front of the input that have been inspected and not forwarded yet. They must not be
    /// inspected twice.
    pub(super) seen: usize,
}
