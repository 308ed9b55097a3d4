//! A state whose users and tokens stay on the disk. An import loads a few of them at a time.
//!
//! Before a batch, the rows that it may touch are loaded ([`State::needs`], [`State::load`]); after it they are
//! unloaded ([`State::unload_row`]). Of the others only a digest of every name is in memory.

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
    /// An empty state that does not keep users and tokens in memory.
    pub(in crate::store) fn for_import(rules: KeyRules) -> Self {
        Self { import: Some(ImportState::default()), ..Self::new(rules) }
    }

    /// The rows on the disk that a batch may touch.
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

    /// Loads a row from the disk.
    ///
    /// # Errors
    /// When the row cannot be parsed.
    pub(in crate::store) fn reload_row(&mut self, row: Row, payload: &[u8]) -> Result<(), StoreError> {
        self.load(row, payload).map_err(|_| super::codec::unreadable())?;
        self.count_import_rows(|rows| rows.saturating_sub(1));
        Ok(())
    }

    /// Unloads a row that is on the disk. Rows of other tables stay in memory.
    pub(in crate::store) fn unload_row(&mut self, row: &Row) {
        if !row.is_many() || !self.holds(row) {
            return;
        }
        match row {
            // The digests of its names stay.
            Row::User(id) => drop(self.users.remove(id)),
            Row::Token(hash) => drop(self.write(Write::Token(*hash, None))),
            Row::Tombstone(tombstone) => drop(self.write(Write::Tombstone(*tombstone, false))),
            _ => return,
        }
        self.count_import_rows(|rows| rows.saturating_add(1));
    }

    /// Loads a row at the start, and keeps only the count and the names of users.
    ///
    /// # Errors
    /// When the row cannot be parsed.
    pub(in crate::store) fn load_for_import(
        &mut self,
        row: &Row,
        payload: &[u8],
    ) -> Result<(), serde_json::Error> {
        self.load(row.clone(), payload)?;
        self.unload_row(row);
        Ok(())
    }

    /// Whether another user than `own` has this name.
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

    /// Replaces the names of a user in the index.
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

    /// The number of rows that are not in memory.
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
    /// Whether the table may be too large for the memory.
    fn is_many(&self) -> bool {
        matches!(self, Self::User(_) | Self::Token(_) | Self::Tombstone(_))
    }
}
