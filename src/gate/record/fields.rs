//! What a record holds.

use std::{
    cell::{Cell, OnceCell},
    time::Instant,
};

use crate::{
    forward::Exchanged,
    gate::session::Known,
    observe::metrics::Decision,
    policy::{Action, OwnerVerdict},
};

/// What is known so far. `'r` is as long as the rules, the core and the head are held.
#[derive(Debug)]
pub(in crate::gate) struct Record<'r> {
    pub(super) started: Instant,
    /// Whose request it is, once that is known.
    pub(in crate::gate) session: OnceCell<Option<Known>>,
    /// Whether the token was put aside, because it opens less than none would.
    pub(in crate::gate) as_anonymous: Cell<bool>,
    /// What it would do, once that is known.
    pub(in crate::gate) action: OnceCell<Action<'r, 'r>>,
    /// The route that it matched: its name, and its index in the set. Known before its body is.
    pub(in crate::gate) route: Cell<(&'r str, u32)>,
    /// What was decided, and by which rule.
    pub(in crate::gate) decision: Cell<Option<(Decision, Option<&'r str>)>>,
    /// What the app said of the owner.
    pub(in crate::gate) owner: Cell<Option<OwnerVerdict>>,
    /// How the app answered.
    pub(in crate::gate) exchanged: OnceCell<Exchanged<'r>>,
    /// What the client got; 499 when it left before.
    pub(in crate::gate) status: Cell<u16>,
}
