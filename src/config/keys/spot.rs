//! A value and where it stands.

use crate::config::finding::Place;

/// A key's value, and where it comes from.
#[derive(Debug)]
pub(crate) struct Spot<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}
