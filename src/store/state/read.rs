//! The queries of the store.

use std::{collections::BTreeSet, ops::Bound};

use sha2::{Digest, Sha256};

use super::{State, codec, handle_digest, normal, prefix};
use crate::{
    clock::Timestamp,
    identity::{Handle, PasswordHash, TokenHash, UserId},
    store::{
        StoreError,
        keys::UserKey,
        records::{AclRow, Counters, OutboxEntry, Role, RoleMapping, Token, User},
        sessions::Subject,
    },
};

impl State {
    pub(in crate::store) fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.users
            .get(&normal(id))
            .map(|row| codec::read_user(row))
            .transpose()
            .map_err(|_| codec::unreadable())
    }

    /// The user with this key. If the rules have changed and several share it, the one with the lowest id.
    pub(in crate::store) fn find_user(&self, key: &UserKey) -> Result<Option<User>, StoreError> {
        let digest = self.key_digest(key);
        for id in from_digest(&self.names, digest, UserId::Number(i64::MIN)) {
            let user = self.user(id)?;
            // The index has digests of names only, which may collide.
            if user.as_ref().is_some_and(|user| self.rules.of(&user.properties).contains(key)) {
                return Ok(user);
            }
        }
        Ok(None)
    }

    /// The users with this name in any realm, by ascending id.
    pub(in crate::store) fn users_named(&self, key: &UserKey, limit: usize) -> Result<Vec<User>, StoreError> {
        let mut found = Vec::new();
        for id in from_digest(&self.names, self.key_digest(key), UserId::Number(i64::MIN)) {
            let user = self.user(id)?;
            found.extend(user.filter(|user| self.rules.without_realm(&user.properties).contains(key)));
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// A decoy hash for an unknown name. Keyed by the name, so that repeated attempts meet the same kind of hash.
    pub(in crate::store) fn decoy(&self, key: &UserKey) -> Option<PasswordHash> {
        let (kind, name) = match key {
            UserKey::Email(email) => ("email", email),
            UserKey::Username(name) | UserKey::Alike(name) => ("username", name),
        };
        // The zero byte separates type and name, so that no pair has the bytes of another.
        // Without the secret a client could compute which names get an expensive decoy, and compare.
        let mut hash = Sha256::new_with_prefix(self.meta.secret);
        hash.update(kind);
        hash.update([0]);
        hash.update(name);
        let digest: [u8; 32] = hash.finalize().into();
        let random = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        self.kinds.drawn(random, self.users.len())
    }

    pub(in crate::store) fn users(
        &self,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let start = after.map(normal).map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.users.range((start, Bound::Unbounded)).take(limit);
        rows.map(|(_, row)| codec::read_user(row).map_err(|_| codec::unreadable())).collect()
    }

    /// A user's tokens, the oldest first.
    pub(in crate::store) fn tokens_of(&self, user: &UserId) -> Vec<Token> {
        self.hashes_of(user).filter_map(|hash| self.token(&hash)).collect()
    }

    /// All tokens, the oldest first.
    pub(in crate::store) fn all_tokens(&self) -> Vec<Token> {
        let mut tokens: Vec<Token> = self.tokens.iter().map(|(hash, row)| row.token(*hash)).collect();
        tokens.sort_by_key(|token| (token.created, token.hash));
        tokens
    }

    /// Tokens by user, then by age.
    pub(in crate::store) fn token_page(&self, after: Option<&Token>, limit: usize) -> Vec<Token> {
        let place = |token: &Token| (normal(&token.user), token.created, token.hash);
        let start = after.map_or(Bound::Unbounded, |token| Bound::Excluded(place(token)));
        let places = self.tokens_by_user.range((start, Bound::Unbounded)).take(limit);
        places.filter_map(|(.., hash)| self.token(hash)).collect()
    }

    pub(in crate::store) fn token(&self, hash: &TokenHash) -> Option<Token> {
        self.tokens.get(hash).map(|row| row.token(*hash))
    }

    pub(in crate::store) fn has_token(&self, hash: &TokenHash) -> bool {
        self.tokens.contains_key(hash)
    }

    pub(in crate::store) fn token_by_handle(&self, handle: &Handle) -> Option<Token> {
        from_digest(&self.handles, handle_digest(handle), 0)
            .flat_map(|prefix| self.hashes_with(*prefix))
            // The index has digests of handles only, which may collide.
            .find(|hash| hash.handle() == *handle)
            .and_then(|hash| self.token(hash))
    }

    pub(in crate::store) fn has_tokens(&self, user: &UserId) -> bool {
        self.hashes_of(user).next().is_some()
    }

    pub(in crate::store) fn roles(&self) -> Vec<Role> {
        self.roles.values().cloned().collect()
    }

    pub(in crate::store) fn role_mappings(&self) -> Vec<RoleMapping> {
        self.mappings.values().cloned().collect()
    }

    pub(in crate::store) fn acl_rows(&self) -> Vec<AclRow> {
        self.acls.values().cloned().collect()
    }

    /// The oldest events up to number `last`.
    pub(in crate::store) fn outbox(&self, last: u64, limit: usize) -> Vec<OutboxEntry> {
        self.outbox.all(last).take(limit).cloned().collect()
    }

    /// The heads of the queues after number `after` and up to `last`.
    pub(in crate::store) fn outbox_heads(&self, after: u64, last: u64, limit: usize) -> Vec<OutboxEntry> {
        self.outbox.heads(after, last).take(limit).cloned().collect()
    }

    /// The number of the newest event.
    pub(in crate::store) fn outbox_seq(&self) -> u64 {
        self.meta.outbox_seq
    }

    /// The number of the newest change.
    pub(in crate::store) fn change_seq(&self) -> u64 {
        self.meta.change_seq
    }

    pub(in crate::store) fn counters(&self) -> Counters {
        let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        Counters {
            users: count(self.users.len()),
            tokens: count(self.tokens.len()),
            roles: count(self.roles.len()),
            // Counted outside of the state, in `store/live.rs`.
            errors: 0,
        }
    }

    /// The published data of a user. An unknown user who has a token (from an import) has only the id.
    pub(in crate::store) fn subject(&self, id: &UserId) -> Result<Subject, StoreError> {
        let user = self.user(id)?;
        let text = |value: Option<&str>| value.map(Box::from);
        let known = user.as_ref();
        let id_text = id.to_string();
        Ok(Subject {
            id: id.clone(),
            username: text(known.and_then(User::username)),
            email: text(known.and_then(User::email)),
            email_verified: known.is_some_and(User::email_verified),
            // An import may bring mappings of a user that does not exist.
            roles: if known.is_some() { self.role_names(&id_text) } else { Box::default() },
            id_text: id_text.into_boxed_str(),
            epoch: known.map_or(0, |user| user.epoch),
            disabled: known.is_some_and(|user| user.disabled),
            headers: Default::default(),
        })
    }

    pub(super) fn hashes_of(&self, user: &UserId) -> impl Iterator<Item = TokenHash> {
        let user = normal(user);
        let start = (user.clone(), Timestamp(i64::MIN), TokenHash([0; 32]));
        self.tokens_by_user
            .range(start..)
            .take_while(move |(owner, ..)| *owner == user)
            .map(|(.., hash)| *hash)
    }

    fn hashes_with(&self, start: u64) -> impl Iterator<Item = &TokenHash> {
        let mut least = [0; 32];
        least.iter_mut().zip(start.to_be_bytes()).for_each(|(to, from)| *to = from);
        let rows = self.tokens.range(TokenHash(least)..);
        rows.map(|(hash, _)| hash).take_while(move |hash| prefix(hash) == start)
    }

    /// The mappings that give a user a role. The id is compared as text.
    pub(super) fn grants_of(&self, user: &str) -> impl Iterator<Item = &RoleMapping> {
        self.grants
            .range((user.to_owned(), String::new())..)
            .take_while(move |(principal, _)| *principal == *user)
            .filter_map(|(_, id)| self.mappings.get(id))
    }

    fn role_names(&self, user: &str) -> Box<[Box<str>]> {
        let names = self.grants_of(user).filter_map(|mapping| self.roles.get(&mapping.role_id));
        names.map(|role| role.name.as_str()).collect::<BTreeSet<_>>().into_iter().map(Box::from).collect()
    }
}

/// The values of an index under a digest. `least` is the smallest value of the type.
pub(super) fn from_digest<T: Ord>(
    index: &BTreeSet<(u64, T)>,
    digest: u64,
    least: T,
) -> impl Iterator<Item = &T> {
    index.range((digest, least)..).take_while(move |(other, _)| *other == digest).map(|(_, value)| value)
}
