//! Constants for reading in pages and for retries.

/// Rows that are read from the store at a time.
pub(in crate::admin::execute) const PAGE: usize = 1_000;

/// Attempts of a change that conflicts with another.
pub(in crate::admin::execute) const ATTEMPTS: usize = 8;

/// The name in a key. With realms, the key has the realm before the last NUL.
pub(in crate::admin::execute) fn without_realm(key: &str) -> &str {
    key.rsplit('\0').next().unwrap_or(key)
}
