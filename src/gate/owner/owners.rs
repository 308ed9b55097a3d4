//! Owner look-ups in flight, and cached owners.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use tokio::sync::Notify;

use crate::{clock::Timestamp, forward::ForwardError, policy::OwnerAnswer};

/// Look-ups in flight and cached owners of one core and one ruleset.
#[derive(Debug, Default)]
pub(in crate::gate) struct Owners {
    pub(super) under_way: RefCell<HashMap<Box<str>, Rc<Flight>>>,
    pub(super) kept: RefCell<Kept>,
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
