//! The engine in memory, for tests and trials. Nothing is kept after the end.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;

use super::{
    Change, CommitError, KeyRules, Outcome, Store, StoreError,
    live::Live,
    resident::{Resident, Writer},
    state::State,
};

/// The engine's only state: whether it was closed.
#[derive(Debug, Default)]
struct Memory {
    closed: AtomicBool,
}

/// An empty store in memory.
pub(super) fn open(keys: KeyRules) -> Result<Arc<dyn Store>, StoreError> {
    let live = Live::new(State::new(keys));
    Ok(Arc::new(Resident::new(Arc::new(live), Memory::default())))
}

#[async_trait]
impl Writer for Memory {
    async fn commit(&self, live: &Live, batch: Vec<Change>) -> Result<Vec<Outcome>, CommitError> {
        self.health().await?;
        // The lock is held until the publication, so that batches are published in their order.
        let mut state = live.write()?;
        // Both engines run the same code; only the way to durability differs.
        let applied = state.apply(batch)?;
        live.publish(&state, applied.effects)?;
        Ok(applied.outcomes)
    }

    async fn health(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) { Err(StoreError::Closed) } else { Ok(()) }
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::store::{KeyRules, Store, contract};

    async fn open(keys: KeyRules) -> Arc<dyn Store> {
        super::open(keys).unwrap()
    }

    contract::holds_for!(open);
}
