//! The subject of a warning about rules.

use crate::policy::{finding::Place, json::Member};

/// A model or a `routes` file whose rules are checked.
pub(super) struct Subject<'m> {
    pub(super) name: &'m str,
    pub(super) at: Place,
    pub(super) settings: &'m [Member],
    pub(super) is_plain: bool,
}
