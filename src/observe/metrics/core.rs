//! The counters of one core: plain loads and stores, without locks or locked instructions.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The counters of one core.
///
/// INVARIANT: only one thread calls [`CoreMetrics::request`] and [`CoreMetrics::decision`]. Others may read. A
/// second writer would lose counts, but do no other harm.
#[derive(Debug)]
pub struct CoreMetrics {
    /// By label id, allocated when a route is first used.
    routes: Box<[OnceLock<Box<Statuses>>]>,
    decisions: [AtomicU64; Decision::NAMES.len()],
    /// Requests whose duration is at most the bound in [`BOUNDS_US`], and above the previous one; the last
    /// entry is for longer ones.
    durations: [AtomicU64; BOUNDS_US.len() + 1],
    duration_us: AtomicU64,
}

/// The outcome of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A rule allowed the request.
    Allow,
    /// A rule, or the default, denied it.
    Deny,
    /// It could not be decided: the store or an owner look-up failed.
    Error,
}

/// Counters of one route's answers by status.
type Statuses = [AtomicU64; LISTED.len() + CLASSES.len()];

/// Statuses with a counter of their own.
const LISTED: [u16; 44] = [
    100, 101, 103, 200, 201, 202, 203, 204, 205, 206, 207, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403,
    404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 422, 426, 428, 429, 431, 500, 501, 502,
    503, 504,
];
/// All other statuses, by their first digit. An app may invent statuses, which must not make the page of
/// metrics long.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];

/// Upper bounds of the histogram in µs.
pub(super) const BOUNDS_US: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

impl CoreMetrics {
    pub(super) fn new(routes: usize) -> Self {
        Self {
            routes: (0..routes).map(|_| OnceLock::new()).collect(),
            decisions: Default::default(),
            durations: Default::default(),
            duration_us: AtomicU64::new(0),
        }
    }

    /// Counts an answered request. `label` is the route's id from [`super::Metrics::register_routes`].
    pub fn request(&self, label: u32, status: u16, elapsed: Duration) {
        let route =
            // A label without a counter counts as `other`.
            usize::try_from(label).ok().and_then(|label| self.routes.get(label)).or(self.routes.first());
        if let Some(route) = route {
            add(
                route.get_or_init(|| Box::new([const { AtomicU64::new(0) }; _])).get(status_index(status)),
                1,
            );
        }
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        add(self.durations.get(BOUNDS_US.partition_point(|bound| *bound < micros)), 1);
        add(Some(&self.duration_us), micros);
    }

    /// Counts a decision.
    pub fn decision(&self, decision: Decision) {
        add(self.decisions.get(decision as usize), 1);
    }

    /// Adds the counts of a route to `sums`, which has one element for each status.
    pub(super) fn add_statuses(&self, label: usize, sums: &mut [u64]) {
        if let Some(statuses) = self.routes.get(label).and_then(OnceLock::get) {
            add_up(sums, statuses.as_slice());
        }
    }

    pub(super) fn add_decisions(&self, sums: &mut [u64]) {
        add_up(sums, &self.decisions);
    }

    pub(super) fn add_durations(&self, sums: &mut [u64]) {
        add_up(sums, &self.durations);
    }

    pub(super) fn duration_us(&self) -> u64 {
        self.duration_us.load(Ordering::Relaxed)
    }
}

impl Decision {
    pub(super) const NAMES: [&'static str; 3] = ["allow", "deny", "error"];
}

fn status_index(status: u16) -> usize {
    LISTED.binary_search(&status).unwrap_or_else(|_| {
        // Below 100 it wraps to a large number, which is `other` as well.
        let class = usize::from(status / 100).wrapping_sub(1);
        LISTED.len() + class.min(CLASSES.len() - 1)
    })
}

/// The names of the elements that [`CoreMetrics::add_statuses`] fills.
pub(super) fn status_names() -> impl Iterator<Item = String> {
    LISTED.iter().map(ToString::to_string).chain(CLASSES.iter().map(ToString::to_string))
}

/// A plain load and store. An atomic addition costs ten times as much, and a single writer does not need one.
fn add(counter: Option<&AtomicU64>, by: u64) {
    if let Some(counter) = counter {
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
    }
}

fn add_up(sums: &mut [u64], counters: &[AtomicU64]) {
    for (sum, counter) in sums.iter_mut().zip(counters) {
        *sum = sum.wrapping_add(counter.load(Ordering::Relaxed));
    }
}
