//! The name of a store, which both ends of the admin socket compare.

use crate::store::{self, Engine};

/// `memory:`, or `sled:` with the absolute path.
#[must_use]
pub fn store_name(settings: &store::Settings) -> String {
    let scheme = settings.engine.kind().scheme();
    match &settings.engine {
        Engine::Memory => format!("{scheme}:"),
        Engine::Sled(folder) => {
            // Gate and command may run in different working directories.
            let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
            format!("{scheme}:{}", whole.display())
        }
    }
}
