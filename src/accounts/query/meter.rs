//! Measures the cost of a search. A large row can cost as much as many conditions.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// Counts the comparisons of a search and its running time.
#[derive(Debug)]
pub(in crate::accounts) struct Meter {
    left: Cell<usize>,
    /// Running time before the current slice.
    before: Duration,
    /// Start of the current slice.
    since: Instant,
}

impl Meter {
    pub(in crate::accounts) fn new() -> Self {
        Self { left: Cell::new(MAX_COMPARISONS), before: Duration::ZERO, since: Instant::now() }
    }

    /// Charges comparisons. Returns `false` if that exceeds the limit, or the time is over.
    pub(super) fn charge(&self, comparisons: usize) -> bool {
        // Reading the clock costs more than a plain comparison, so only expensive tests do.
        let is_late = comparisons >= EXPENSIVE && self.before + self.since.elapsed() > MAX_TIME;
        let left = self.left.get().checked_sub(comparisons).filter(|_| !is_late);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Whether the limit is exhausted. The results are incomplete then.
    pub(in crate::accounts) fn is_over(&self) -> bool {
        self.left.get() == 0
    }

    /// Whether the search should yield, and then call [`Meter::resumed`].
    pub(in crate::accounts) fn is_due(&self) -> bool {
        self.since.elapsed() > SLICE
    }

    /// Starts a new slice. The time since the end of the last one is not counted.
    #[must_use]
    pub(in crate::accounts) fn resumed(self, ended: Instant) -> Self {
        let before = self.before + ended.duration_since(self.since);
        if before > MAX_TIME {
            self.left.set(0);
        }
        Self { before, since: Instant::now(), ..self }
    }
}

/// Maximum number of comparisons of a search: some seconds of a thread.
const MAX_COMPARISONS: usize = 200_000_000;

/// The number of comparisons from which on a test reads the clock.
pub(super) const EXPENSIVE: usize = 20;

/// Maximum running time of a search. Two patterns on the same text can differ in cost by a factor of a thousand, so
/// comparisons alone are no bound.
const MAX_TIME: Duration = Duration::from_secs(5);

/// Running time after which a search yields to others.
const SLICE: Duration = Duration::from_millis(10);
