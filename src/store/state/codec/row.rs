//! Names of rows and their keys on the disk.

use crate::{
    identity::{TokenHash, UserId},
    store::state::Tombstone,
};

/// The name of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::store) enum Row {
    Meta,
    User(UserId),
    Token(TokenHash),
    Role(String),
    Mapping(String),
    Acl(String),
    Outbox(u64),
    Tombstone(Tombstone),
}

impl Row {
    /// The key under which an engine stores the row: a letter for the table, then the id.
    pub(in crate::store) fn key(&self) -> Vec<u8> {
        match self {
            Self::Meta => b"m".to_vec(),
            Self::User(id) => prefixed(b'u', id.to_string().as_bytes()),
            Self::Token(hash) => prefixed(b't', &hash.0),
            Self::Role(id) => prefixed(b'r', id.as_bytes()),
            Self::Mapping(id) => prefixed(b'g', id.as_bytes()),
            Self::Acl(id) => prefixed(b'a', id.as_bytes()),
            Self::Outbox(seq) => prefixed(b'o', &seq.to_be_bytes()),
            Self::Tombstone(tombstone) => prefixed(b'x', &tombstone.0),
        }
    }

    /// The row of a key; `None` for a key that [`Row::key`] cannot return.
    pub(in crate::store) fn parse(key: &[u8]) -> Option<Self> {
        let (table, rest) = key.split_first()?;
        let text = || std::str::from_utf8(rest).ok();
        match table {
            b'm' if rest.is_empty() => Some(Self::Meta),
            b'u' => text().map(|id| Self::User(UserId::parse(id))),
            b't' => rest.try_into().ok().map(|hash| Self::Token(TokenHash(hash))),
            b'r' => text().map(|id| Self::Role(id.to_owned())),
            b'g' => text().map(|id| Self::Mapping(id.to_owned())),
            b'a' => text().map(|id| Self::Acl(id.to_owned())),
            b'o' => rest.try_into().ok().map(|seq| Self::Outbox(u64::from_be_bytes(seq))),
            b'x' => rest.try_into().ok().map(|tombstone| Self::Tombstone(Tombstone(tombstone))),
            _ => None,
        }
    }
}

pub(super) fn prefixed(table: u8, id: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + id.len());
    key.push(table);
    key.extend_from_slice(id);
    key
}
