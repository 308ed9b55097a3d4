//! A value with its place.

use crate::config::finding::Place;

/// The value of a key, and the place where it is set.
#[derive(Debug)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}
