//! Pieces of a path pattern.

/// A segment of a pattern, or its remainder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::policy) enum Piece {
    Literal(Box<str>),
    Capture(Box<str>),
    Rest(Box<str>),
}

/// The names of a pattern's captures, in order.
pub(in crate::policy) fn captures(pattern: &[Piece]) -> impl Iterator<Item = &str> {
    pattern.iter().filter_map(|piece| match piece {
        Piece::Literal(_) => None,
        Piece::Capture(name) | Piece::Rest(name) => Some(&**name),
    })
}
