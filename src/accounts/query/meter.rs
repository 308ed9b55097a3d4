//! Measures what a search has cost so far: a large row can cost as much as many conditions.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// Counts the comparisons of one search, and the time that it was at work.
#[derive(Debug)]
pub(in crate::accounts) struct Meter {
    left: Cell<usize>,
    /// At work before the slice at hand.
    before: Duration,
    /// Since when the slice at hand lasts.
    since: Instant,
}

impl Meter {
    pub(in crate::accounts) fn new() -> Self {
        Self { left: Cell::new(MAX_COMPARISONS), before: Duration::ZERO, since: Instant::now() }
    }

    /// Takes so many comparisons; `false` when that is too many, or when there is no time for them.
    pub(super) fn charge(&self, comparisons: usize) -> bool {
        let is_late = comparisons >= EXPENSIVE && self.before + self.since.elapsed() > MAX_TIME;
        let left = self.left.get().checked_sub(comparisons).filter(|_| !is_late);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Whether the search has cost too much: what it found then is not all.
    pub(in crate::accounts) fn is_over(&self) -> bool {
        self.left.get() == 0
    }

    /// Whether others should have their turn: then [`Meter::resume`] after it.
    pub(in crate::accounts) fn is_due(&self) -> bool {
        self.since.elapsed() > SLICE
    }

    /// Begins a new slice; the time since the last one ended does not count.
    #[must_use]
    pub(in crate::accounts) fn resumed(self, ended: Instant) -> Self {
        let before = self.before + ended.duration_since(self.since);
        if before > MAX_TIME {
            self.left.set(0);
        }
        Self { before, since: Instant::now(), ..self }
    }
}

/// Comparisons of one search: some seconds of one thread.
const MAX_COMPARISONS: usize = 200_000_000;

/// Comparisons from which on the clock is worth a look.
pub(super) const EXPENSIVE: usize = 20;

/// Time of one search at work. A pattern may cost a thousand times what another does for the same text.
const MAX_TIME: Duration = Duration::from_secs(5);

/// Searches take turns after so long.
const SLICE: Duration = Duration::from_millis(10);
