//! Counts work in progress of each client or user.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts per key. The map has only keys with work in progress, so it is bounded by that.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    taken: Arc<Mutex<HashMap<u64, usize>>>,
}

/// A permit for work in progress. It counts until it is dropped. The worker owns it, not the request: work goes
/// on after its client has disconnected.
#[derive(Debug)]
pub struct ConcurrencyGuard {
    slots: Slots,
    key: u64,
}

impl Slots {
    /// A slot, if fewer than `most` are in use for this key.
    pub(super) fn take(&self, key: u64, most: usize) -> Option<ConcurrencyGuard> {
        let mut taken = self.lock();
        let count = taken.get(&key).copied().unwrap_or(0);
        if count >= most {
            return None;
        }
        taken.insert(key, count + 1);
        Some(ConcurrencyGuard { slots: self.clone(), key })
    }

    /// Locks the map. No code panics while it holds the lock, so the map of a poisoned lock is consistent.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConcurrencyGuard {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            // So that the map does not keep a key for every client that ever came.
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d3_a_key_has_so_many_turns_and_leaves_nothing() {
        let slots = Slots::default();
        let (one, two) = (slots.take(7, 2).unwrap(), slots.take(7, 2).unwrap());
        assert!(slots.take(7, 2).is_none());
        let other = slots.take(8, 1).unwrap();
        drop(one);
        let three = slots.take(7, 2).unwrap();
        assert!(slots.take(7, 2).is_none());
        drop((two, three, other));
        assert!(slots.lock().is_empty());
    }
}
