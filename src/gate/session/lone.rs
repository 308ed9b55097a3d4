//! The field that decides alone who calls.

/// A field that may have the only credential of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) enum Field {
    Authorization,
    Cookie,
}

/// The value that a credential was read from, if nothing else of the request decides about it.
#[derive(Clone, Copy)]
pub(in crate::gate) struct Lone<'h> {
    pub(in crate::gate) field: Field,
    pub(in crate::gate) value: &'h [u8],
}
