//! A checked set of policies.

use crate::policy::{AccountModel, Settings, table::Table};

/// A whole, checked set. Never changed: a reload makes a new one.
#[derive(Debug)]
pub struct PolicySet {
    /// Hex of SHA-256 over settings, files and stored rules.
    pub digest: String,
    pub(in crate::policy) settings: Settings,
    pub(in crate::policy) table: Table,
    pub(super) account: Option<AccountModel>,
}
