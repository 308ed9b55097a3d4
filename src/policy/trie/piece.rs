//! The pieces of a path's pattern.

/// One segment of a pattern.
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
