//! A row on its way from its file to the store.

use serde_json::{Map, Value};

use crate::admin::{Row, Why};

/// A kind of rows, in the order in which reports name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Kind {
    User,
    Token,
    Role,
    Mapping,
    Acl,
}

/// A row and where it stands in its file.
#[derive(Debug)]
pub(super) struct Placed<T> {
    pub(super) place: String,
    pub(super) row: T,
}

/// A row as it stood in its file, or why it is none.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) kind: Kind,
    pub(super) row: RawRow,
}

pub(super) type RawRow = Placed<Result<Map<String, Value>, Why>>;

/// A row that was looked at.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) place: String,
    pub(super) row: Result<Row, Why>,
    /// What its owner has to know.
    pub(super) note: Option<&'static str>,
    /// It was JSON at least.
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
