//! The rules in force. They are replaced as a whole, and cores read them without sharing a counter.

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

use super::owner::{LookUpCounts, Owners};
use crate::{api::Api, limit::RouteLimit, observe::metrics::CoreGauges, pages::Pages, policy::PolicySet};

/// A policy set with its API, so that a request is judged and served by the same configuration.
#[derive(Debug)]
pub struct Ruleset {
    /// The compiled policies.
    pub set: PolicySet,
    /// For each route of the set, its label in the metrics.
    pub labels: Arc<[u32]>,
    /// For each route of the set, its limit; empty if none has one.
    pub limits: Box<[Option<RouteLimit>]>,
    /// The User API for the set's account model.
    pub api: Api,
    /// The pages; `None` = this app has none.
    pub pages: Option<Pages>,
}

/// The current ruleset of all cores.
#[derive(Debug)]
pub struct Rules {
    version: AtomicU64,
    current: ArcSwap<Ruleset>,
}

/// A core's view of [`Rules`]. A request holds one ruleset from its beginning to its end.
#[derive(Debug)]
pub struct RulesView {
    shared: Arc<Rules>,
    seen: RefCell<(u64, Rc<CoreRuleset>)>,
    /// Of all its rulesets.
    look_ups: Rc<LookUpCounts>,
}

/// A core's handle to the current ruleset. It is shared by an `Rc`, so that cloning does not touch a counter
/// that other cores use. It owns the owner cache of this ruleset.
#[derive(Debug)]
pub struct CoreRuleset {
    ruleset: Arc<Ruleset>,
    owners: Owners,
}

impl Rules {
    /// Puts a ruleset into force.
    #[must_use]
    pub fn new(ruleset: Ruleset) -> Self {
        Self { version: AtomicU64::new(0), current: ArcSwap::from_pointee(ruleset) }
    }

    /// Replaces the ruleset. Requests in progress end under the old one.
    pub fn replace(&self, ruleset: Ruleset) {
        self.current.store(Arc::new(ruleset));
        // After the set, so that a core that sees the new version gets the new set.
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The current ruleset, for callers off the request path.
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
        let look_ups = Rc::<LookUpCounts>::default();
        let first = CoreRuleset::new(shared.current(), Rc::clone(&look_ups));
        Self { seen: RefCell::new((version, Rc::new(first))), shared, look_ups }
    }

    /// The current ruleset.
    #[must_use]
    pub fn current(&self) -> Rc<CoreRuleset> {
        let version = self.shared.version.load(Ordering::Acquire);
        let mut seen = self.seen.borrow_mut();
        // One atomic load for each request; the pointer is read only after a reload.
        if seen.0 != version {
            let next = CoreRuleset::new(self.shared.current(), Rc::clone(&self.look_ups));
            *seen = (version, Rc::new(next));
        }
        Rc::clone(&seen.1)
    }

    /// Adds the owner look-ups of this core.
    pub(super) fn add_gauges(&self, gauges: &mut CoreGauges) {
        self.look_ups.add_to(&mut gauges.look_ups);
        self.seen.borrow().1.owners.add_gauges(gauges);
    }
}

impl CoreRuleset {
    fn new(ruleset: Arc<Ruleset>, look_ups: Rc<LookUpCounts>) -> Self {
        Self { ruleset, owners: Owners::counting(look_ups) }
    }

    pub(super) fn owners(&self) -> &Owners {
        &self.owners
    }
}

impl Deref for CoreRuleset {
    type Target = Ruleset;

    fn deref(&self) -> &Ruleset {
        &self.ruleset
    }
}
