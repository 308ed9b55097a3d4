//! The configuration sources of a command line.

use super::args::Global;
use crate::config::{self, ConfigErrors, Loaded, Sources};

pub(super) fn sources(global: &Global) -> Sources {
    Sources::from_environment(global.config.clone(), global.set.clone())
}

pub(super) fn load(global: &Global) -> Result<Loaded, ConfigErrors> {
    config::load(&sources(global))
}
