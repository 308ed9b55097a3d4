//! Owners that are asked for, and those that are known.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use tokio::sync::Notify;

use crate::{clock::Timestamp, forward::ForwardError, policy::OwnerAnswer};

/// Look-ups under way and answers kept, of one core and one set.
#[derive(Debug, Default)]
pub(in crate::gate) struct Owners {
    pub(super) under_way: RefCell<HashMap<Box<str>, Rc<Flight>>>,
    pub(super) kept: RefCell<Kept>,
}

/// One look-up, and all who wait for it.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// `None`: the request that led it went away before it landed.
    pub(super) landed: OnceCell<Option<Landed>>,
    pub(super) waiting: Notify,
}

/// What a look-up came to, for all requests that waited.
pub(super) type Landed = Result<Rc<OwnerAnswer>, Rc<Failure>>;

/// Why an owner is not known. It is a refusal for all who asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// The app gave no answer.
    Unanswered(ForwardError),
    /// The app wants to be logged in to.
    Unauthorized,
    /// Its answer was neither a row nor that there is no such row.
    Status(u16),
    /// What it gave is not JSON.
    NoJson(serde_json::Error),
    /// Too many are asked for at once.
    TooMany,
}

/// Owners by question, for as long as the policy says. Two generations: when the young one is full, it becomes the old
/// one, and what was in that is forgotten.
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
