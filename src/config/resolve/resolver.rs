//! The inputs of the resolution.

use std::{collections::BTreeSet, path::Path};

use crate::config::{finding::Report, settings::Profile};

/// The inputs of the resolution besides the values.
pub(crate) struct Resolver<'a> {
    pub(crate) profile: Profile,
    /// The folder of the config file, against which relative paths are resolved.
    pub(crate) base: &'a Path,
    pub(crate) set: BTreeSet<String>,
    pub(crate) report: &'a mut Report,
}
