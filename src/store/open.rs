//! Opens a store.

use std::sync::Arc;

use super::{
    Store,
    error::StoreError,
    memory,
    settings::{Engine, Settings},
    sled::{self, Loader},
};

/// Opens the store that the settings name, reading and verifying all of it.
///
/// # Errors
/// [`StoreError`] when another process holds it, when its folder cannot be used, and when it is damaged.
pub async fn open(settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
    match &settings.engine {
        Engine::Memory => memory::open(settings.keys),
        Engine::Sled(folder) => sled::open(folder, settings.keys).await,
    }
}

/// Opens a store for an import alone: users and tokens stay on the disk.
///
/// # Errors
/// As [`open`]; and a store in memory is open to its gate alone.
pub fn open_for_import(settings: &Settings) -> Result<Loader, StoreError> {
    match &settings.engine {
        Engine::Memory => Err(StoreError::Engine("a store in memory is nowhere else".to_owned())),
        Engine::Sled(folder) => Loader::open(folder, settings.keys),
    }
}
