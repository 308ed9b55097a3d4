//! A state whose users and tokens stay on the disk: an import looks at a few of them at a time, whatever there are.
//!
//! Before a batch, the rows that it may look at are read ([`State::needs`], [`State::load`]); after it they are
//! given up again ([`State::give_up`]). All that is kept of the others is a digest of every name.

use std::collections::BTreeSet;

use super::{Gone, Row, State, Write, normal};
use crate::{
    identity::UserId,
    store::{
        StoreError,
        bring::Bring,
        keys::{KeyRules, UserKey},
        records::Change,
    },
};

/// What a sparse state knows of the rows that it does not hold.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    /// How many there are.
    rows: u64,
    names: BTreeSet<Digest>,
}

/// 96 bits, keyed by chance: two names do not meet.
type Digest = [u8; 12];

impl State {
    /// An empty state that does not keep users and tokens.
    pub(in crate::store) fn sparse(rules: KeyRules) -> Self {
        Self { sparse: Some(Sparse::default()), ..Self::new(rules) }
    }

    /// The rows that a batch may look at, and that may be on the disk.
    pub(in crate::store) fn needs(&self, batch: &[Change]) -> BTreeSet<Row> {
        let mut rows = BTreeSet::new();
        for change in batch {
            let Change::Bring { row, .. } = change else { continue };
            let user = match &**row {
                Bring::User(user) => Some(normal(&user.id)),
                Bring::Token(token) => {
                    rows.extend([Row::Token(token.hash), Row::Gone(Gone::token(&token.hash))]);
                    Some(normal(&token.user))
                }
                Bring::Mapping(mapping) => {
                    rows.insert(Row::Gone(Gone::mapping(mapping)));
                    Some(UserId::parse(&mapping.principal_id))
                }
                Bring::Acl(row) => row.principal_id.as_deref().map(UserId::parse),
                Bring::Role(_) => None,
            };
            if let Some(user) = user {
                rows.extend([Row::Gone(Gone::user(&user)), Row::User(user)]);
            }
        }
        rows.retain(|row| !self.holds(row));
        rows
    }

    /// Takes back a row that the disk has.
    ///
    /// # Errors
    /// When it is not what a row looks like.
    pub(in crate::store) fn take_back(&mut self, row: Row, payload: &[u8]) -> Result<(), StoreError> {
        self.load(row, payload).map_err(|_| super::codec::unreadable())?;
        self.count_sparse(|rows| rows.saturating_sub(1));
        Ok(())
    }

    /// Gives up a row that is on the disk now; one that is always held stays.
    pub(in crate::store) fn give_up(&mut self, row: &Row) {
        if !row.is_many() || !self.holds(row) {
            return;
        }
        match row {
            // Its names stay known.
            Row::User(id) => drop(self.users.remove(id)),
            Row::Token(hash) => drop(self.write(Write::Token(*hash, None))),
            Row::Gone(gone) => drop(self.write(Write::Gone(*gone, false))),
            _ => return,
        }
        self.count_sparse(|rows| rows.saturating_add(1));
    }

    /// Reads a row at the start: all that is kept of many is that they are there, and the names of users.
    ///
    /// # Errors
    /// When it is not what a row looks like.
    pub(in crate::store) fn load_sparse(
        &mut self,
        row: &Row,
        payload: &[u8],
    ) -> Result<(), serde_json::Error> {
        self.load(row.clone(), payload)?;
        self.give_up(row);
        Ok(())
    }

    /// Whether another user than `own` has this name; of a sparse state only when it is asked for `own`.
    pub(super) fn has_other(&self, own: &UserId, key: &UserKey) -> Result<bool, StoreError> {
        if let Some(sparse) = &self.sparse {
            let is_own = self.user(own)?.is_some_and(|user| self.rules.of(&user.properties).contains(key));
            return Ok(!is_own && sparse.names.contains(&self.wide_digest(key)));
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
        let Some(mut sparse) = self.sparse.take() else {
            for key in old {
                self.names.remove(&(self.key_digest(key), id.clone()));
            }
            let digests: Vec<u64> = new.iter().map(|key| self.key_digest(key)).collect();
            return self.names.extend(digests.into_iter().map(|digest| (digest, id.clone())));
        };
        for key in old {
            sparse.names.remove(&self.wide_digest(key));
        }
        sparse.names.extend(new.iter().map(|key| self.wide_digest(key)));
        self.sparse = Some(sparse);
    }

    /// How many rows are not held.
    pub(super) fn rows_elsewhere(&self) -> u64 {
        self.sparse.as_ref().map_or(0, |sparse| sparse.rows)
    }

    fn count_sparse(&mut self, count: impl FnOnce(u64) -> u64) {
        if let Some(sparse) = &mut self.sparse {
            sparse.rows = count(sparse.rows);
        }
    }

    fn holds(&self, row: &Row) -> bool {
        match row {
            Row::User(id) => self.users.contains_key(id),
            Row::Token(hash) => self.tokens.contains_key(hash),
            Row::Gone(gone) => self.gone.contains(gone),
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
        matches!(self, Self::User(_) | Self::Token(_) | Self::Gone(_))
    }
}
