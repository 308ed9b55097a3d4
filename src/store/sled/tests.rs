//! The contract, and what only a disk has: restarts, locks, damage, groups, failures, kill -9.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use crate::store::{KeyRules, Store, StoreError, contract};

mod contract_holds {
    use super::*;

    async fn open(keys: KeyRules) -> Opened {
        let folder = tempfile::tempdir().unwrap();
        let store = super::super::open(folder.path(), keys).await.unwrap();
        Opened { store, _folder: folder }
    }

    contract::holds_for!(open);
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
