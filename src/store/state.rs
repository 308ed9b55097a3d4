//! The rows and their indexes in memory, which answer all reads.
//!
//! Every mutation is a [`Write`] of one row. [`State::write`] updates the indexes and returns the write that undoes it.
//! A batch that fails is rolled back by those ([`apply`]). An engine that persists rows asks which rows a batch has
//! touched.

mod apply;
mod codec;
mod import_state;
mod kinds;
mod outbox;
mod read;
mod rows;
mod tables;
mod tombstones;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, Hash, RandomState},
};

use serde_json::{Map, Value};

use crate::{
    identity::{TokenHash, UserId},
    store::{
        keys::{KeyRules, UserKey},
        records::{RoleMapping, Token},
    },
};
use kinds::Kinds;
use outbox::Outbox;
use rows::{TokenExtra, handle_digest, prefix};

pub(super) use apply::Effects;
pub(super) use codec::Row;
pub(super) use rows::{Meta, TokenRow, Write, normal};
pub(super) use tables::State;
pub(super) use tombstones::Tombstone;

impl State {
    /// An empty state.
    pub(super) fn new(rules: KeyRules) -> Self {
        Self {
            rules,
            users: BTreeMap::new(),
            names: BTreeSet::new(),
            tokens: BTreeMap::new(),
            tokens_by_user: BTreeSet::new(),
            handles: BTreeSet::new(),
            roles: BTreeMap::new(),
            mappings: BTreeMap::new(),
            grants: BTreeSet::new(),
            acls: BTreeMap::new(),
            outbox: Outbox::default(),
            kinds: Kinds::default(),
            tombstones: BTreeSet::new(),
            meta: Meta::default(),
            import: None,
            hasher: RandomState::new(),
        }
    }

    /// Whether names are folded by these rules.
    pub(super) fn folds(&self, rules: KeyRules) -> bool {
        self.rules == rules
    }

    /// Rebuilds the index of names with other rules.
    pub(super) fn fold_names(&mut self, rules: KeyRules) {
        self.rules = rules;
        let mut names = BTreeSet::new();
        for (id, row) in &self.users {
            names.extend(self.keys(row).iter().map(|key| (self.key_digest(key), id.clone())));
        }
        self.names = names;
    }

    /// Writes a row and updates the indexes. Returns the write that undoes this one.
    pub(super) fn write(&mut self, write: Write) -> Write {
        match write {
            Write::User(id, row) => self.write_user(id, row),
            Write::Token(hash, row) => self.write_token(hash, row),
            Write::Role(id, row) => Write::Role(id.clone(), replace(&mut self.roles, id, row)),
            Write::Mapping(id, row) => self.write_mapping(id, row),
            Write::Acl(id, row) => Write::Acl(id.clone(), replace(&mut self.acls, id, row)),
            Write::Outbox(seq, row) => Write::Outbox(seq, self.outbox.replace(seq, row)),
            Write::Tombstone(tombstone, is) => self.write_tombstone(tombstone, is),
            Write::Meta(meta) => Write::Meta(std::mem::replace(&mut self.meta, meta)),
        }
    }

    fn write_user(&mut self, id: UserId, row: Option<Box<[u8]>>) -> Write {
        let new = row.as_deref().map(|row| self.keys(row)).unwrap_or_default();
        self.kinds.add(row.as_deref().and_then(codec::password).as_ref());
        let old_row = replace(&mut self.users, id.clone(), row);
        self.kinds.remove(old_row.as_deref().and_then(codec::password).as_ref());
        let old = old_row.as_deref().map(|row| self.keys(row)).unwrap_or_default();
        self.rename(&id, &old, &new);
        Write::User(id, old_row)
    }

    fn write_token(&mut self, hash: TokenHash, row: Option<TokenRow>) -> Write {
        let handle = handle_digest(&hash.handle());
        // By user and time: the tokens of a user are found in the order of their age.
        let place = row.as_ref().map(|row| (row.user.clone(), row.created, hash));
        let old = match row {
            Some(row) => self.tokens.insert(hash, row),
            None => self.tokens.remove(&hash),
        };
        if let Some(old) = &old {
            self.tokens_by_user.remove(&(old.user.clone(), old.created, hash));
            self.handles.remove(&(handle, prefix(&hash)));
        }
        if let Some(place) = place {
            self.tokens_by_user.insert(place);
            self.handles.insert((handle, prefix(&hash)));
        }
        Write::Token(hash, old)
    }

    fn write_mapping(&mut self, id: String, row: Option<RoleMapping>) -> Write {
        let grant = row.as_ref().and_then(grant_of);
        let old = replace(&mut self.mappings, id.clone(), row);
        if let Some(grant) = old.as_ref().and_then(grant_of) {
            self.grants.remove(&grant);
        }
        self.grants.extend(grant);
        Write::Mapping(id, old)
    }

    fn keys(&self, row: &[u8]) -> Vec<UserKey> {
        // A row that cannot be parsed has no names. Every read of it returns an error.
        codec::read_user(row).map(|user| self.index_keys(&user.properties)).unwrap_or_default()
    }

    /// The keys that find a user. In an import they only answer whether a name is taken.
    fn index_keys(&self, properties: &Map<String, Value>) -> Vec<UserKey> {
        let mut keys = self.rules.of(properties);
        if self.rules.per_realm && self.import.is_none() {
            keys.extend(self.rules.without_realm(properties));
        }
        keys
    }

    // Eight bytes for each name keep the index small. A match is verified on the row, because digests may collide.
    fn key_digest(&self, key: &UserKey) -> u64 {
        self.digest_of(key)
    }

    fn digest_of(&self, value: &impl Hash) -> u64 {
        self.hasher.hash_one(value)
    }
}

impl Write {
    /// The row that this write changes.
    pub(super) fn row(&self) -> Row {
        match self {
            Self::User(id, _) => Row::User(id.clone()),
            Self::Token(hash, _) => Row::Token(*hash),
            Self::Role(id, _) => Row::Role(id.clone()),
            Self::Mapping(id, _) => Row::Mapping(id.clone()),
            Self::Acl(id, _) => Row::Acl(id.clone()),
            Self::Outbox(seq, _) => Row::Outbox(*seq),
            Self::Tombstone(tombstone, _) => Row::Tombstone(*tombstone),
            Self::Meta(_) => Row::Meta,
        }
    }
}

impl TokenRow {
    fn of(token: Token) -> Self {
        let Token { scopes, name, fixed, host, .. } = token;
        // Login tokens have none of these, and the box saves memory for each of them.
        let plain = scopes.is_empty() && name.is_none() && !fixed && host.is_none();
        Self {
            user: normal(&token.user),
            ttl: token.ttl,
            created: token.created,
            epoch: token.epoch,
            used: token.used,
            extra: (!plain).then(|| Box::new(TokenExtra { scopes, name, fixed, host })),
            imported: false,
        }
    }

    fn token(&self, hash: TokenHash) -> Token {
        let TokenExtra { scopes, name, fixed, host } = self.extra.as_deref().cloned().unwrap_or_default();
        Token {
            hash,
            user: self.user.clone(),
            ttl: self.ttl,
            created: self.created,
            scopes,
            name,
            epoch: self.epoch,
            fixed,
            host,
            used: self.used,
        }
    }
}

fn replace<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    }
}

/// Only a mapping with the type `USER`, spelled exactly so, gives a user the role (docs/loopback-3.28.md section 8.3).
fn grant_of(mapping: &RoleMapping) -> Option<(String, String)> {
    (mapping.principal_type.0 == "USER").then(|| (mapping.principal_id.clone(), mapping.id.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::store::{
        contract::{draft, row, token},
        records::{Change, PrincipalKind},
    };

    fn sizes(state: &State) -> [usize; 5] {
        let State { names, tokens_by_user, handles, grants, tokens, .. } = state;
        [names.len(), tokens_by_user.len(), handles.len(), grants.len(), tokens.len()]
    }

    #[test]
    fn the_indexes_shrink_with_the_rows() {
        let mut state = State::new(KeyRules::default());
        let mapping = |kind: &str| RoleMapping {
            id: "1".into(),
            role_id: "1".into(),
            principal_type: PrincipalKind(kind.into()),
            principal_id: "1".into(),
        };
        let grow = vec![
            Change::CreateUser(draft("a@x")),
            Change::CreateToken(token("t", 1)),
            Change::PutRoleMapping(mapping("USER")),
        ];
        state.apply(grow).unwrap();
        assert_eq!(sizes(&state), [1; 5]);
        let replace = vec![
            Change::PutUser(row(1, "b@x")),
            Change::PutToken(Token { created: Timestamp(7), ..token("t", 1) }),
            Change::PutRoleMapping(mapping("APP")),
        ];
        state.apply(replace).unwrap();
        assert_eq!(sizes(&state), [1, 1, 1, 0, 1]);
        state.apply(vec![Change::DeleteUser(1.into())]).unwrap();
        assert_eq!(sizes(&state), [0; 5]);
    }
}
