//! What the document describes.

use crate::{credential, policy::PolicySet};

/// What is described, besides what the accounts know of themselves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Described<'a> {
    /// The routes, and who may call them.
    pub(super) set: &'a PolicySet,
    pub(super) credentials: &'a credential::Settings,
    pub(super) url: &'a str,
    pub(super) is_public: bool,
}
