//! Rows that are applied but not published.

use std::collections::HashSet;

use crate::identity::{TokenHash, UserId};

/// Tokens and users of a group that is not durable yet, or never will be. No session is created for them.
#[derive(Debug, Default)]
pub(in crate::store::live) struct Pending {
    pub(super) tokens: HashSet<TokenHash>,
    pub(super) users: HashSet<UserId>,
    /// Whether the group could not be made durable.
    pub(super) failed: bool,
}
