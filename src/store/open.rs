//! Opens a store by its settings.

use std::sync::Arc;

use super::{
    Store,
    error::StoreError,
    memory,
    settings::{Engine, Settings},
    sled::{self, Loader},
};

/// Opens the store and verifies all of its records.
///
/// # Errors
/// [`StoreError`] when another process has locked the folder, when it cannot be used, or when the store is damaged.
pub async fn open(settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
    match &settings.engine {
        Engine::Memory => memory::open(settings.keys),
        Engine::Sled(folder) => sled::open(folder, settings.keys).await,
    }
}

/// Opens a store for an import without a gate. Users and tokens stay on the disk.
///
/// # Errors
/// As [`open`]. A store in memory belongs to its gate and cannot be opened.
pub fn open_for_import(settings: &Settings) -> Result<Loader, StoreError> {
    match &settings.engine {
        Engine::Memory => Err(StoreError::Engine("a store in memory is nowhere else".to_owned())),
        Engine::Sled(folder) => Loader::open(folder, settings.keys),
    }
}
