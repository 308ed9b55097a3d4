//! The fields of a record.

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

/// The facts about a request so far. `'r` is the lifetime of the rules, the core and the head.
#[derive(Debug)]
pub(in crate::gate) struct Record<'r> {
    pub(in crate::gate) started: Instant,
    /// The caller's session, once it has been looked up.
    pub(in crate::gate) session: OnceCell<Option<Known>>,
    /// Whether the request is treated as anonymous, because the token allows less than no token.
    pub(in crate::gate) as_anonymous: Cell<bool>,
    /// The action, once it is known.
    pub(in crate::gate) action: OnceCell<Action<'r, 'r>>,
    /// Name and index of the matched route. Known before the body has been read.
    pub(in crate::gate) route: Cell<(&'r str, u32)>,
    /// The decision and its rule.
    pub(in crate::gate) decision: Cell<Option<(Decision, Option<&'r str>)>>,
    /// The app's answer about the owner.
    pub(in crate::gate) owner: Cell<Option<OwnerVerdict>>,
    /// The indexes of routes that the request has been counted for: the first, and the latest; 0 = none.
    pub(in crate::gate) limited: Cell<(u32, u32)>,
    /// The result of forwarding.
    pub(in crate::gate) exchanged: OnceCell<Exchanged<'r>>,
    /// The server that was chosen for a request that failed.
    pub(in crate::gate) failed_server: Cell<Option<&'r str>>,
    /// The status of the answer; 499 if the client left before.
    pub(in crate::gate) status: Cell<u16>,
}
