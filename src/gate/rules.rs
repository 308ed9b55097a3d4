//! The rules in force: swapped whole, read by each core without touching another.

use std::{
    cell::RefCell,
    ops::Deref,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;

use super::owner::Owners;
use crate::{api::Api, policy::PolicySet};

/// A set, and what goes with it, so that a request is judged and served by the same one.
#[derive(Debug)]
pub struct Ruleset {
    /// The set.
    pub set: PolicySet,
    /// For each route of the set, its place in the metrics.
    pub labels: Arc<[u32]>,
    /// The User API, as the set's account model wants it.
    pub api: Api,
}

/// The set in force, for all cores.
#[derive(Debug)]
pub struct Rules {
    version: AtomicU64,
    current: ArcSwap<Ruleset>,
}

/// A core's view of [`Rules`]: a request holds one set from its beginning to its end.
#[derive(Debug)]
pub struct RulesView {
    shared: Arc<Rules>,
    seen: RefCell<(u64, Rc<Held>)>,
}

/// A set in force, shared within a core: its counter is no other core's. With it goes what the app said of owners under
/// this set.
#[derive(Debug)]
pub struct Held {
    ruleset: Arc<Ruleset>,
    owners: Owners,
}

impl Rules {
    /// These are in force.
    #[must_use]
    pub fn new(ruleset: Ruleset) -> Self {
        Self { version: AtomicU64::new(0), current: ArcSwap::from_pointee(ruleset) }
    }

    /// From now on these are; requests under way end under the old ones.
    pub fn replace(&self, ruleset: Ruleset) {
        self.current.store(Arc::new(ruleset));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The set in force, for callers that are not on the request path.
    #[must_use]
    pub fn current(&self) -> Arc<Ruleset> {
        self.current.load_full()
    }
}

impl RulesView {
    /// A view for one core.
    #[must_use]
    pub fn new(shared: Arc<Rules>) -> Self {
        let version = shared.version.load(Ordering::Acquire);
        let seen = RefCell::new((version, Rc::new(Held::new(shared.current()))));
        Self { shared, seen }
    }

    /// The set in force now.
    #[must_use]
    pub fn current(&self) -> Rc<Held> {
        let version = self.shared.version.load(Ordering::Acquire);
        let mut seen = self.seen.borrow_mut();
        if seen.0 != version {
            *seen = (version, Rc::new(Held::new(self.shared.current())));
        }
        Rc::clone(&seen.1)
    }
}

impl Held {
    fn new(ruleset: Arc<Ruleset>) -> Self {
        Self { ruleset, owners: Owners::default() }
    }

    pub(super) fn owners(&self) -> &Owners {
        &self.owners
    }
}

impl Deref for Held {
    type Target = Ruleset;

    fn deref(&self) -> &Ruleset {
        &self.ruleset
    }
}
