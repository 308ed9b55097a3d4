//! The stages of a row between file and store.

use serde_json::{Map, Value};

use crate::admin::{Row, Why};

/// The kinds of rows, in the order of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Kind {
    User,
    Token,
    Role,
    Mapping,
    Acl,
}

/// A row with its place in the file.
#[derive(Debug)]
pub(super) struct Placed<T> {
    pub(super) place: String,
    pub(super) row: T,
}

/// A row as read, or the reason why it cannot be.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) kind: Kind,
    pub(super) row: RawRow,
}

pub(super) type RawRow = Placed<Result<Map<String, Value>, Why>>;

/// A row after validation.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) place: String,
    pub(super) row: Result<Row, Why>,
    /// A note for the owner of the row.
    pub(super) note: Option<&'static str>,
    /// Whether the row was JSON.
    pub(super) readable: bool,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::User, Self::Token, Self::Role, Self::Mapping, Self::Acl];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Token => "tokens",
            Self::Role => "roles",
            Self::Mapping => "role mappings",
            Self::Acl => "acls",
        }
    }
}
