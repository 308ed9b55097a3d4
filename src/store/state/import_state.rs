//! A state whose users and tokens stay on the disk: an import loads a few of them at a time.
//!
//! Before a batch, the rows that it may look at are read ([`State::needs`], [`State::load`]); after it they are
//! given up again ([`State::unload_row`]). All that is kept of the others is a digest of every name.

mod held;

use std::collections::BTreeSet;

use super::{Row, State, Tombstone, Write, normal};
use crate::{
    identity::UserId,
    store::{
        StoreError,
        import_rows::ImportRow,
        keys::{KeyRules, UserKey},
        records::Change,
    },
};
use held::Digest;

pub(super) use held::ImportState;

impl State {
    /// An empty state that does not keep users and tokens.
    pub(in crate::store) fn for_import(rules: KeyRules) -> Self {
        Self { import: Some(ImportState::default()), ..Self::new(rules) }
    }

    /// The rows that a batch may look at, and that may be on the disk.
    pub(in crate::store) fn needs(&self, batch: &[Change]) -> BTreeSet<Row> {
        let mut rows = BTreeSet::new();
        for change in batch {
            let Change::Import { row, .. } = change else { continue };
            let user = match &**row {
                ImportRow::User(user) => Some(normal(&user.id)),
                ImportRow::Token(token) => {
                    rows.extend([Row::Token(token.hash), Row::Tombstone(Tombstone::token(&token.hash))]);
                    Some(normal(&token.user))
                }
                ImportRow::Mapping(mapping) => {
                    rows.insert(Row::Tombstone(Tombstone::mapping(mapping)));
                    Some(UserId::parse(&mapping.principal_id))
                }
                ImportRow::Acl(row) => row.principal_id.as_deref().map(UserId::parse),
                ImportRow::Role(_) => None,
            };
            if let Some(user) = user {
                rows.extend([Row::Tombstone(Tombstone::user(&user)), Row::User(user)]);
            }
        }
        rows.retain(|row| !self.holds(row));
        rows
    }

    /// Takes back a row that the disk has.
    ///
    /// # Errors
    /// When it is not what a row looks like.
    pub(in crate::store) fn reload_row(&mut self, row: Row, payload: &[u8]) -> Result<(), StoreError> {
        self.load(row, payload).map_err(|_| super::codec::unreadable())?;
        self.count_import_rows(|rows| rows.saturating_sub(1));
        Ok(())
    }

    /// Gives up a row that is on the disk now; one that is always held stays.
    pub(in crate::store) fn unload_row(&mut self, row: &Row) {
        if !row.is_many() || !self.holds(row) {
            return;
        }
        match row {
            // Its names stay known.
            Row::User(id) => drop(self.users.remove(id)),
            Row::Token(hash) => drop(self.write(Write::Token(*hash, None))),
            Row::Tombstone(tombstone) => drop(self.write(Write::Tombstone(*tombstone, false))),
            _ => return,
        }
        self.count_import_rows(|rows| rows.saturating_add(1));
    }

    /// Reads a row at the start: all that is kept of many is that they are there, and the names of users.
    ///
    /// # Errors
    /// When it is not what a row looks like.
    pub(in crate::store) fn load_for_import(
        &mut self,
        row: &Row,
        payload: &[u8],
    ) -> Result<(), serde_json::Error> {
        self.load(row.clone(), payload)?;
        self.unload_row(row);
        Ok(())
    }

    /// Whether another user than `own` has this name; of an import state only when it is asked for `own`.
    pub(super) fn has_other(&self, own: &UserId, key: &UserKey) -> Result<bool, StoreError> {
        if let Some(import) = &self.import {
            let is_own = self.user(own)?.is_some_and(|user| self.rules.of(&user.properties).contains(key));
            return Ok(!is_own && import.names.contains(&self.wide_digest(key)));
        }
        let digest = self.key_digest(key);
        for id in super::read::from_digest(&self.names, digest, UserId::Number(i64::MIN)) {
            let has = |user: crate::store::User| self.rules.of(&user.properties).contains(key);
            if id != own && self.user(id)?.is_some_and(has) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives the names of a user up, and takes others.
    pub(super) fn rename(&mut self, id: &UserId, old: &[UserKey], new: &[UserKey]) {
        let Some(mut import) = self.import.take() else {
            for key in old {
                self.names.remove(&(self.key_digest(key), id.clone()));
            }
            let digests: Vec<u64> = new.iter().map(|key| self.key_digest(key)).collect();
            return self.names.extend(digests.into_iter().map(|digest| (digest, id.clone())));
        };
        for key in old {
            import.names.remove(&self.wide_digest(key));
        }
        import.names.extend(new.iter().map(|key| self.wide_digest(key)));
        self.import = Some(import);
    }

    /// How many rows are not held.
    pub(super) fn rows_elsewhere(&self) -> u64 {
        self.import.as_ref().map_or(0, |import| import.rows)
    }

    fn count_import_rows(&mut self, count: impl FnOnce(u64) -> u64) {
        if let Some(import) = &mut self.import {
            import.rows = count(import.rows);
        }
    }

    fn holds(&self, row: &Row) -> bool {
        match row {
            Row::User(id) => self.users.contains_key(id),
            Row::Token(hash) => self.tokens.contains_key(hash),
            Row::Tombstone(tombstone) => self.tombstones.contains(tombstone),
            _ => true,
        }
    }

    fn wide_digest(&self, key: &UserKey) -> Digest {
        let bytes = self.digest_of(&(0_u8, key)).to_le_bytes().into_iter();
        let mut digest = Digest::default();
        let all = bytes.chain(self.digest_of(&(1_u8, key)).to_le_bytes());
        digest.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        digest
    }
}

impl Row {
    /// Whether there may be too many of its kind to hold.
    fn is_many(&self) -> bool {
        matches!(self, Self::User(_) | Self::Token(_) | Self::Tombstone(_))
    }
}
