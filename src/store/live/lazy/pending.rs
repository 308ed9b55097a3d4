//! Sessions that were not looked for yet.

use std::collections::HashSet;

use crate::identity::{TokenHash, UserId};

/// What is in the rows and not durable yet, or never will be: it is not given out.
#[derive(Debug, Default)]
pub(in crate::store::live) struct Pending {
    pub(super) tokens: HashSet<TokenHash>,
    pub(super) users: HashSet<UserId>,
    /// It could not be made durable.
    pub(super) failed: bool,
}
