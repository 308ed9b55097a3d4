//! What the step from raw to finished works with.

use std::{collections::BTreeSet, path::Path};

use crate::config::{finding::Report, settings::Profile};

/// What finishing needs besides the values.
pub(crate) struct Finish<'a> {
    pub(crate) profile: Profile,
    /// The folder of the config file.
    pub(crate) base: &'a Path,
    pub(crate) set: BTreeSet<String>,
    pub(crate) report: &'a mut Report,
}
