//! Owner look-ups in flight, and cached owners.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use tokio::sync::Notify;

use crate::{
    clock::Timestamp,
    forward::ForwardError,
    observe::metrics::{CoreGauges, LookUp},
    policy::OwnerAnswer,
};

/// Look-ups in flight and cached owners of one core and one ruleset.
#[derive(Debug, Default)]
pub(in crate::gate) struct Owners {
    pub(super) under_way: RefCell<HashMap<Box<str>, Rc<Flight>>>,
    pub(super) kept: RefCell<Kept>,
    pub(super) counts: Rc<LookUpCounts>,
}

/// Look-ups by what became of them, on one core.
#[derive(Debug, Default)]
pub(in crate::gate) struct LookUpCounts([Cell<u64>; LookUp::COUNT]);

impl LookUpCounts {
    pub(super) fn count(&self, what: LookUp) {
        if let Some(count) = self.0.get(what as usize) {
            count.set(count.get().wrapping_add(1));
        }
    }

    pub(in crate::gate) fn add_to(&self, sums: &mut [u64; LookUp::COUNT]) {
        for (sum, count) in sums.iter_mut().zip(&self.0) {
            *sum = sum.wrapping_add(count.get());
        }
    }
}

impl Owners {
    /// None yet. `counts` are those of the rulesets before, too.
    pub(in crate::gate) fn counting(counts: Rc<LookUpCounts>) -> Self {
        Self { counts, ..Self::default() }
    }

    pub(in crate::gate) fn add_gauges(&self, gauges: &mut CoreGauges) {
        let kept = self.kept.borrow();
        gauges.look_ups_in_flight += self.under_way.borrow().len() as u64;
        gauges.owners_cached += (kept.young.len() + kept.old.len()) as u64;
    }
}

/// A look-up in flight, with all requests that wait for it.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// `None`: the leading request was cancelled.
    pub(super) landed: OnceCell<Option<Landed>>,
    pub(super) waiting: Notify,
}

/// The result of a look-up, shared by all waiting requests.
pub(super) type Landed = Result<Rc<OwnerAnswer>, Rc<Failure>>;

/// Why an owner is unknown. All requests that asked are refused.
#[derive(Debug)]
pub(super) enum Failure {
    /// The app did not answer.
    Unanswered(ForwardError),
    /// The app requires a login of its own.
    Unauthorized,
    /// Any other status.
    Status(u16),
    /// The body is not JSON.
    NoJson(serde_json::Error),
    /// Too many look-ups are in flight.
    TooMany,
}

/// The cache: owners by question, for as long as the policy says. It has two generations: when the young one is
/// full, it replaces the old one, whose entries are evicted.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) young: HashMap<Box<str>, Entry>,
    pub(super) old: HashMap<Box<str>, Entry>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) owner: Box<str>,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}
