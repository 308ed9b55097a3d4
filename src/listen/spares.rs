//! Buffers that connections borrow during a request.

use std::cell::{Cell, RefCell};

use crate::{connection::Scratch, wire::RequestHead};

/// The unused buffers of one core. As many are kept as were lent at once recently, so that a busy core does not
/// allocate, and an idle one frees its memory (docs/decisions.md section 8).
#[derive(Debug, Default)]
pub(super) struct Spares {
    stack: RefCell<Vec<Spare>>,
    lent: Cell<usize>,
    /// The largest number that were lent at once since the last [`Spares::trim`].
    peak: Cell<usize>,
}

/// The buffers of one connection.
#[derive(Debug, Default)]
pub(super) struct Spare {
    pub(super) head: Box<RequestHead>,
    pub(super) scratch: Box<Scratch>,
}

/// The number of sets that are always kept.
const KEPT: usize = 8;

impl Spares {
    /// The set that was used last, or a new one.
    pub(super) fn lend(&self) -> Spare {
        let lent = self.lent.get() + 1;
        self.lent.set(lent);
        self.peak.set(self.peak.get().max(lent));
        self.stack.borrow_mut().pop().unwrap_or_default()
    }

    /// Returns a set.
    pub(super) fn take_back(&self, mut spare: Spare) {
        self.lent.set(self.lent.get().saturating_sub(1));
        // A buffer that one request made large is not kept.
        if !spare.scratch.is_swollen() {
            spare.scratch.clear();
            self.stack.borrow_mut().push(spare);
        }
    }

    /// As [`Spares::take_back`] of a set whose content has grown: it is freed.
    pub(super) fn discard(&self, spare: Spare) {
        self.lent.set(self.lent.get().saturating_sub(1));
        drop(spare);
    }

    /// Frees sets that were not needed since the last call. Called periodically.
    pub(super) fn trim(&self) {
        let wanted = self.peak.get().saturating_sub(self.lent.get()).max(KEPT);
        let mut stack = self.stack.borrow_mut();
        let surplus = stack.len().saturating_sub(wanted);
        // Sets at the front were used longest ago.
        stack.drain(..surplus);
        if stack.capacity() > 4 * wanted {
            stack.shrink_to(wanted);
        }
        self.peak.set(self.lent.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_kept_as_were_lent_at_once() {
        let spares = Spares::default();
        let kept = || spares.stack.borrow().len();
        let lent: Vec<_> = (0..100).map(|_| spares.lend()).collect();
        lent.into_iter().for_each(|spare| spares.take_back(spare));
        assert_eq!(kept(), 100);
        spares.trim();
        assert_eq!(kept(), 100, "a moment ago all of them were needed");
        let few: Vec<_> = (0..20).map(|_| spares.lend()).collect();
        few.into_iter().for_each(|spare| spares.take_back(spare));
        spares.trim();
        assert_eq!(kept(), 20);
        spares.trim();
        assert_eq!(kept(), KEPT);
    }

    #[test]
    fn a_swollen_one_is_not_kept() {
        let spares = Spares::default();
        let mut spare = spares.lend();
        spare.scratch.to_client.reserve(1 << 20);
        spares.take_back(spare);
        assert!(spares.stack.borrow().is_empty());
    }
}
