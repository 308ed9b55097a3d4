//! Applies a batch to the rows, all changes or none.

mod accounts;
mod import_rows;
mod rules;

use std::collections::BTreeSet;

use super::{Meta, Row, State, TokenRow, Tombstone, Write, normal, outbox};
use crate::{
    identity::{TokenHash, UserId},
    store::{
        CommitError, LastUse, StoreError,
        records::{Change, ChangeNotice, ChangeNotices, OutboxEntry, Outcome, Token},
    },
};

/// The result of a batch.
#[derive(Debug)]
pub(in crate::store) struct Applied {
    /// One outcome for each change.
    pub(in crate::store) outcomes: Vec<Outcome>,
    /// The rows to persist, with their content after the batch.
    pub(in crate::store) touched: BTreeSet<Row>,
    /// The effects that are published to the request path.
    pub(in crate::store) effects: Effects,
}

/// The effects of a batch that are published when it is durable.
#[derive(Debug, Default)]
pub(in crate::store) struct Effects {
    /// Tokens that were revoked.
    pub(in crate::store) ended: Vec<(UserId, TokenHash)>,
    /// Tokens that are live now.
    pub(in crate::store) started: Vec<TokenHash>,
    /// Tokens that are new, including imported ones.
    pub(in crate::store) fresh: Vec<TokenHash>,
    /// Users whose [`Subject`](crate::store::Subject) must be rebuilt.
    pub(in crate::store) users: BTreeSet<UserId>,
    /// Notices for the changes feed.
    pub(in crate::store) notices: Vec<ChangeNotice>,
    /// The number of events dropped from a full outbox.
    pub(in crate::store) dropped: u64,
}

/// A batch during its application.
struct Work<'a> {
    state: &'a mut State,
    undo: Vec<Write>,
    noticed: Vec<ChangeNotices>,
    effects: Effects,
    /// The user that the batch created last.
    created: Option<UserId>,
    /// The index of the current change.
    change: usize,
}

impl State {
    /// Applies a batch in order.
    ///
    /// # Errors
    /// [`CommitError`]; the rows are unchanged then.
    pub(in crate::store) fn apply(&mut self, batch: Vec<Change>) -> Result<Applied, CommitError> {
        let mut work = Work::new(self);
        let mut outcomes = Vec::with_capacity(batch.len());
        for (index, change) in batch.into_iter().enumerate() {
            work.change = index;
            match work.apply(change) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    work.roll_back();
                    return Err(error);
                }
            }
        }
        Ok(work.finish(outcomes))
    }
}

impl<'a> Work<'a> {
    fn new(state: &'a mut State) -> Self {
        Self {
            state,
            undo: Vec::new(),
            noticed: Vec::new(),
            effects: Effects::default(),
            created: None,
            change: 0,
        }
    }

    fn apply(&mut self, change: Change) -> Result<Outcome, CommitError> {
        match change {
            Change::CreateUser(draft) => self.create_user(draft),
            Change::UpdateUser(user) => self.update_user(user),
            Change::DeleteUser(id) => Ok(self.delete_user(&normal(&id))),
            Change::RevokeTokens { user, except } => self.revoke_tokens(&normal(&user), except),
            Change::CreateToken(token) => self.create_token(token),
            Change::UpdateToken(token) => self.update_token(token),
            Change::RequireToken(hash) => self.require_token(hash),
            Change::DeleteToken(hash) => Ok(self.delete_token(hash)),
            Change::UseToken { hash, used } => Ok(self.use_token(hash, used)),
            Change::CreateRole { name } => Ok(self.create_role(name)),
            Change::Grant { role, user } => self.grant(&role, &normal(&user)),
            Change::Revoke { role, user } => Ok(self.revoke(&role, &normal(&user))),
            Change::DeleteRole { name } => Ok(self.delete_role(&name)),
            Change::StartImport => Ok(self.start_import()),
            Change::Import { run, row } => self.import(run, *row),
            Change::PutUser(user) => self.put_user(user),
            Change::PutToken(token) => Ok(self.put_token(token)),
            Change::PutRole(role) => Ok(self.put_role(role)),
            Change::PutRoleMapping(mapping) => Ok(self.put_mapping(mapping)),
            Change::PutAclRow(row) => Ok(self.put_acl(row)),
            Change::DeleteAclRow(id) => Ok(self.delete_acl(id)),
            Change::RaiseNextUserId(least) => {
                self.meta(|meta| meta.next_user = meta.next_user.max(least));
                Ok(Outcome::Done)
            }
            Change::UseTextIds => {
                self.meta(|meta| meta.text_ids = true);
                Ok(Outcome::Done)
            }
            Change::Enqueue { kind, user, body } => {
                self.enqueue(OutboxEntry { seq: 0, kind, user: user.as_ref().map(normal), body });
                Ok(Outcome::Done)
            }
            Change::EnqueueForCreated { kind, body } => {
                let user = self.created.clone().ok_or_else(|| self.missing())?;
                self.enqueue(OutboxEntry { seq: 0, kind, user: Some(user), body });
                Ok(Outcome::Done)
            }
            // The number may be gone: a full outbox dropped the event while it was being delivered.
            Change::Dequeue { seq } => {
                self.write(Write::Outbox(seq, None));
                Ok(Outcome::Done)
            }
        }
    }

    fn finish(mut self, outcomes: Vec<Outcome>) -> Applied {
        let noticed = std::mem::take(&mut self.noticed);
        if !noticed.is_empty() {
            let first = self.state.meta.change_seq.saturating_add(1);
            self.effects.notices =
                (first..).zip(noticed).map(|(seq, what)| ChangeNotice { seq, what }).collect();
            let last = self.effects.notices.last().map_or(first, |notice| notice.seq);
            self.meta(|meta| meta.change_seq = last);
        }
        Applied { outcomes, touched: self.undo.iter().map(Write::row).collect(), effects: self.effects }
    }

    fn roll_back(self) {
        // In reverse order: several writes may concern the same row.
        for write in self.undo.into_iter().rev() {
            self.state.write(write);
        }
    }

    fn write(&mut self, write: Write) {
        let undo = self.state.write(write);
        self.undo.push(undo);
    }

    fn meta(&mut self, edit: impl FnOnce(&mut Meta)) {
        let mut meta = self.state.meta.clone();
        edit(&mut meta);
        // Created with the first user. Without random bytes it stays zero: then known names could be told from unknown
        // ones.
        if meta.secret == [0; 32] {
            let _ = getrandom::fill(&mut meta.secret);
        }
        if meta != self.state.meta {
            self.write(Write::Meta(meta));
        }
    }

    /// Adds a notice, unless it repeats the last one.
    fn notice(&mut self, what: ChangeNotices) {
        // Only the last one is compared: an import notes `Rules` a million times in a row.
        if self.noticed.last() != Some(&what) {
            self.noticed.push(what);
        }
    }

    fn changed_user(&mut self, id: &UserId) {
        self.effects.users.insert(id.clone());
        self.notice(ChangeNotices::User(id.clone()));
    }

    fn create_token(&mut self, mut token: Token) -> Result<Outcome, CommitError> {
        token.user = normal(&token.user);
        let Some(user) = self.state.user(&token.user)? else { return Err(self.missing()) };
        // A revocation between the password check and this commit raises the epoch. The login must not survive it.
        if user.epoch != token.epoch || self.state.tokens.contains_key(&token.hash) {
            return Err(self.stale());
        }
        self.start_token(token.hash, TokenRow::of(token));
        Ok(Outcome::Done)
    }

    fn put_token(&mut self, token: Token) -> Outcome {
        let hash = token.hash;
        // The user id of a live token must never be assigned to a new user.
        self.reserve_id(&normal(&token.user));
        if self.state.tokens.contains_key(&hash) {
            self.end_token(hash);
            self.notice(ChangeNotices::Token(hash));
        }
        self.start_token(hash, TokenRow::of(token));
        Outcome::Done
    }

    fn update_token(&mut self, token: Token) -> Result<Outcome, CommitError> {
        let Some(old) = self.state.tokens.get(&token.hash).cloned() else { return Err(self.missing()) };
        let hash = token.hash;
        // Neither owner nor epoch can be changed by an update: a token cannot be moved to another user or made valid
        // again.
        let TokenRow { user, epoch, used, imported, .. } = old;
        let row = TokenRow { user, epoch, used, imported, ..TokenRow::of(token) };
        self.notice(ChangeNotices::Token(hash));
        // Replaced in one step, so that no request finds the token missing.
        self.start_token(hash, row);
        Ok(Outcome::Done)
    }

    fn use_token(&mut self, hash: TokenHash, used: LastUse) -> Outcome {
        let row = self.state.tokens.get(&hash).cloned();
        if let Some(row) = row.filter(|row| row.used.is_none_or(|known| known.at() < used.at())) {
            self.write(Write::Token(hash, Some(TokenRow { used: Some(used), ..row })));
        }
        Outcome::Done
    }

    fn require_token(&self, hash: TokenHash) -> Result<Outcome, CommitError> {
        let Some(row) = self.state.tokens.get(&hash) else { return Err(CommitError::Ended) };
        // Tokens of unknown users (from an import) have the initial epoch.
        let (epoch, disabled) =
            self.state.user(&row.user)?.map_or((0, false), |user| (user.epoch, user.disabled));
        if row.epoch == epoch && !disabled { Ok(Outcome::Done) } else { Err(CommitError::Ended) }
    }

    fn delete_token(&mut self, hash: TokenHash) -> Outcome {
        let imported = self.state.tokens.get(&hash).is_some_and(|row| row.imported);
        let ended = self.end_token(hash);
        if ended {
            self.notice(ChangeNotices::Token(hash));
        }
        // Only imported tokens can come back with a dump, so only they need a tombstone.
        if imported {
            self.set_tombstone(Tombstone::token(&hash), true);
        }
        Outcome::Removed(u64::from(ended))
    }

    fn start_token(&mut self, hash: TokenHash, row: TokenRow) {
        self.put_row(hash, row);
        self.effects.started.push(hash);
    }

    /// Adds or replaces a token's row. Its session is created at the first use.
    fn put_row(&mut self, hash: TokenHash, row: TokenRow) {
        if !self.state.tokens.contains_key(&hash) {
            self.effects.fresh.push(hash);
        }
        self.write(Write::Token(hash, Some(row)));
    }

    fn set_tombstone(&mut self, tombstone: Tombstone, is: bool) {
        if self.state.has_tombstone(tombstone) != is {
            self.write(Write::Tombstone(tombstone, is));
        }
    }

    fn end_token(&mut self, hash: TokenHash) -> bool {
        let Some(owner) = self.state.tokens.get(&hash).map(|row| row.user.clone()) else { return false };
        self.write(Write::Token(hash, None));
        self.effects.ended.push((owner, hash));
        true
    }

    /// Appends an event to its queue. If the user has too many events, one of theirs is dropped; only a full outbox
    /// drops another's. So a receiver that is down never blocks a logout, and one user cannot displace the events of
    /// others.
    fn enqueue(&mut self, mut entry: OutboxEntry) {
        if let Some(earlier) = self.state.outbox.superseded_by(&entry) {
            outbox::carry_over(earlier, &mut entry);
            let seq = earlier.seq;
            self.write(Write::Outbox(seq, None));
        } else if let Some(surplus) = self.state.outbox.surplus(&entry) {
            self.write(Write::Outbox(surplus, None));
            self.effects.dropped += 1;
        }
        let seq = self.state.meta.outbox_seq.saturating_add(1);
        self.meta(|meta| meta.outbox_seq = seq);
        self.write(Write::Outbox(seq, Some(OutboxEntry { seq, ..entry })));
    }

    fn missing(&self) -> CommitError {
        CommitError::Missing { change: self.change }
    }

    fn stale(&self) -> CommitError {
        CommitError::Stale { change: self.change }
    }
}

fn exhausted() -> CommitError {
    CommitError::Store(StoreError::Engine("there are no user ids left".to_owned()))
}
