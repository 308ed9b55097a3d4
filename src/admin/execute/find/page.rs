//! How rows are read and changed: in pages, and a few times.

/// How many rows one look into the store reads, where all are needed.
pub(in crate::admin::execute) const PAGE: usize = 1_000;

/// How often a change is tried again when the row was changed at the same moment.
pub(in crate::admin::execute) const ATTEMPTS: usize = 8;

/// A key that is unique in its realm carries the realm before the last NUL.
pub(in crate::admin::execute) fn without_realm(key: &str) -> &str {
    key.rsplit('\0').next().unwrap_or(key)
}
