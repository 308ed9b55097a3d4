//! Changes of users: ids, unique names and epochs.

use super::{Work, Write, exhausted, normal};
use crate::{
    encoding::hex,
    identity::{TokenHash, UserId},
    store::{
        CommitError, StoreError,
        keys::UserKey,
        records::{Outcome, User, UserDraft},
        state::{Tombstone, codec},
    },
};

impl Work<'_> {
    pub(super) fn create_user(&mut self, draft: UserDraft) -> Result<Outcome, CommitError> {
        let id = match draft.id {
            Some(id) => self.chosen_id(&id)?,
            None => self.new_user_id()?,
        };
        let user = User {
            id,
            properties: draft.properties,
            password: draft.password,
            verification: draft.verification,
            networks: Vec::new(),
            epoch: 0,
            revision: 1,
            disabled: false,
        };
        self.created = Some(user.id.clone());
        self.store_user(user)
    }

    /// Updates a user. The epoch never decreases, whatever the caller has read, so a revocation is never undone.
    pub(super) fn update_user(&mut self, mut user: User) -> Result<Outcome, CommitError> {
        user.id = normal(&user.id);
        let Some(old) = self.state.user(&user.id)? else { return Err(self.missing()) };
        // The caller computed the new row from one that has changed since; writing it would undo that change.
        if old.revision != user.revision {
            return Err(self.stale());
        }
        user.revision = user.revision.saturating_add(1);
        user.epoch = user.epoch.max(old.epoch);
        self.changed_user(&user.id);
        self.store_user(user)
    }

    pub(super) fn put_user(&mut self, mut user: User) -> Result<Outcome, CommitError> {
        user.id = normal(&user.id);
        if let Some(old) = self.state.user(&user.id)? {
            user.revision = user.revision.max(old.revision).saturating_add(1);
            user.epoch = user.epoch.max(old.epoch);
        }
        self.reserve_id(&user.id);
        self.changed_user(&user.id);
        self.store_user(user)
    }

    pub(super) fn delete_user(&mut self, id: &UserId) -> Outcome {
        let was = self.state.users.get(id).map(|row| codec::read_user(row));
        let known = was.is_some();
        let text = id.to_string();
        let mappings: Vec<String> = self.state.grants_of(&text).map(|mapping| mapping.id.clone()).collect();
        self.end_tokens_of(id, None);
        self.remove_mappings(mappings);
        if known {
            self.write(Write::User(id.clone(), None));
            // One whose row cannot be parsed gets a tombstone, too.
            if was.is_some_and(|user| user.map_or(true, |user| !user.was_registered())) {
                self.set_tombstone(Tombstone::user(id), true);
            }
            self.changed_user(id);
        }
        Outcome::Removed(u64::from(known))
    }

    /// Raises the epoch. The revision stays, so that an update of the same user that is under way does not fail.
    pub(super) fn revoke_tokens(
        &mut self,
        id: &UserId,
        except: Option<TokenHash>,
    ) -> Result<Outcome, CommitError> {
        let ended = self.end_tokens_of(id, except);
        if let Some(mut user) = self.state.user(id)? {
            // Fails at the largest epoch: if it wrapped around, tokens of an earlier one would be valid again.
            user.epoch = user.epoch.checked_add(1).ok_or_else(exhausted)?;
            self.move_token(except, id, user.epoch);
            self.write_user(&user)?;
        }
        self.changed_user(id);
        Ok(Outcome::Removed(ended))
    }

    /// Makes the counter skip this id. Numbers above 2^53 cannot come from LoopBack's counter; they are skipped when the
    /// counter reaches them.
    pub(super) fn reserve_id(&mut self, id: &UserId) {
        if let UserId::Number(number @ 0..=LARGEST_COUNTED) = *id {
            self.meta(|meta| meta.next_user = meta.next_user.max(number.saturating_add(1)));
        }
    }

    /// Moves the remaining session to the user's new epoch.
    fn move_token(&mut self, hash: Option<TokenHash>, user: &UserId, epoch: u32) {
        let Some(hash) = hash else { return };
        let Some(mut row) = self.state.tokens.get(&hash).filter(|row| row.user == *user).cloned() else {
            return;
        };
        row.epoch = epoch;
        self.start_token(hash, row);
    }

    fn end_tokens_of(&mut self, user: &UserId, except: Option<TokenHash>) -> u64 {
        let hashes: Vec<TokenHash> =
            self.state.hashes_of(user).filter(|hash| Some(*hash) != except).collect();
        hashes.into_iter().map(|hash| u64::from(self.end_token(hash))).sum()
    }

    /// Writes a user after checking that the names are free.
    fn store_user(&mut self, user: User) -> Result<Outcome, CommitError> {
        // Checked in the commit, under the lock: of two registrations at once, only one gets the name.
        let mut keys = self.taken(&user)?;
        if keys.is_empty() {
            keys.extend(self.alike(&user)?);
        }
        if !keys.is_empty() {
            return Err(CommitError::Taken { change: self.change, keys });
        }
        self.write_user(&user)?;
        Ok(Outcome::User(Box::new(user)))
    }

    pub(super) fn write_user(&mut self, user: &User) -> Result<(), CommitError> {
        let row = codec::write_user(user)?;
        self.write(Write::User(user.id.clone(), Some(row)));
        Ok(())
    }

    /// The keys of a user that other users have.
    pub(super) fn taken(&self, user: &User) -> Result<Vec<UserKey>, CommitError> {
        let mut taken = Vec::new();
        for key in self.state.rules.of(&user.properties) {
            if !matches!(key, UserKey::Alike(_)) && self.state.has_other(&user.id, &key)? {
                taken.push(key);
            }
        }
        Ok(taken)
    }

    /// The key of another user's name that a new username differs from in letter case or width only. An unchanged name
    /// is not compared.
    pub(super) fn alike(&self, user: &User) -> Result<Option<UserKey>, CommitError> {
        let alikes = self.state.rules.alikes(&user.properties);
        let kept = self.state.user(&user.id)?.is_some_and(|old| {
            ["username", "realm"].iter().all(|name| old.properties.get(*name) == user.properties.get(*name))
        });
        if kept {
            return Ok(None);
        }
        for key in alikes {
            if self.state.has_other(&user.id, &key)? {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// Checks an id that the caller chose, and makes the counter skip it.
    fn chosen_id(&mut self, id: &UserId) -> Result<UserId, CommitError> {
        let id = normal(id);
        // Tokens of an unknown user may exist (from an import); the new user would inherit them.
        if self.state.users.contains_key(&id) || self.state.has_tokens(&id) {
            return Err(self.stale());
        }
        self.reserve_id(&id);
        Ok(id)
    }

    fn new_user_id(&mut self) -> Result<UserId, CommitError> {
        loop {
            // Ids of users who only have tokens are skipped, too: the new user would inherit the tokens.
            let id = if self.state.meta.text_ids { text_id()? } else { self.count_user()? };
            if !self.state.users.contains_key(&id) && !self.state.has_tokens(&id) {
                return Ok(id);
            }
        }
    }

    fn count_user(&mut self) -> Result<UserId, CommitError> {
        let number = self.state.meta.next_user;
        let next = number.checked_add(1).ok_or_else(exhausted)?;
        self.meta(|meta| meta.next_user = next);
        Ok(UserId::Number(number))
    }
}

/// 2^53 - 1, because ids are numbers of JavaScript.
const LARGEST_COUNTED: i64 = 9_007_199_254_740_991;

/// 24 hex digits like the ids of MongoDB, which are too long to be read as a number.
fn text_id() -> Result<UserId, CommitError> {
    let mut random = [0_u8; 12];
    getrandom::fill(&mut random)
        .map_err(|error| StoreError::Engine(format!("the system gives no random bytes: {error}")))?;
    Ok(UserId::Text(hex(random).into_boxed_str()))
}
