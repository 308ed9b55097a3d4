//! What the warnings about rules speak of.

use crate::policy::{finding::Place, json::Member};

/// A model or a `routes` file, as the warnings about its rules need it.
pub(super) struct Subject<'m> {
    pub(super) name: &'m str,
    pub(super) at: Place,
    pub(super) settings: &'m [Member],
    pub(super) is_plain: bool,
}
