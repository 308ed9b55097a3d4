//! The inputs of the document.

use crate::{credential, policy::PolicySet};

/// The inputs of the document, besides the settings of accounts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Described<'a> {
    /// The routes and their rules.
    pub(super) set: &'a PolicySet,
    pub(super) credentials: &'a credential::Settings,
    pub(super) url: &'a str,
    pub(super) is_public: bool,
}
