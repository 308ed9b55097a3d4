//! The contract, and what only a disk has: restarts, locks, damage, groups, failures, kill -9.

mod damage;
mod groups;
mod growth;
mod kill;
mod loader;
mod restart;

use std::{ops::Deref, path::Path, sync::Arc};

use tempfile::TempDir;

use crate::store::{KeyRules, Store, StoreError, contract};

mod contract_holds {
    use super::*;

    contract::holds_for!(fresh);
}

/// A store in a folder of its own.
struct Opened {
    store: Arc<dyn Store>,
    _folder: TempDir,
}

impl Deref for Opened {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

async fn fresh(keys: KeyRules) -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let store = super::open(&folder.path().join("made/on/the/way"), keys).await.unwrap();
    Opened { store, _folder: folder }
}

async fn open(folder: &Path) -> Result<Arc<dyn Store>, StoreError> {
    super::open(folder, KeyRules::default()).await
}
