//! The store's name, as the two ends of the admin socket compare it.

use crate::store::{self, Engine};

/// `memory:`, or `sled:` and the whole path.
#[must_use]
pub fn store_name(settings: &store::Settings) -> String {
    let scheme = settings.engine.kind().scheme();
    match &settings.engine {
        Engine::Memory => format!("{scheme}:"),
        Engine::Sled(folder) => {
            let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
            format!("{scheme}:{}", whole.display())
        }
    }
}
