//! The in-memory index that the request path reads: token hash -> session, without a lock.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;

use crate::{
    clock::Timestamp,
    identity::{TokenHash, UserId},
};

/// A live token and its user. Replaced, never changed, except that it can be ended.
#[derive(Debug)]
pub struct Session {
    /// The token.
    pub hash: TokenHash,
    /// Whose it is: all sessions of a user share this slot, so that a change reaches them all.
    pub subject: Arc<ArcSwap<Subject>>,
    /// As in [`super::Token`]: seconds, -1 = eternal, `None` = LoopBack's null.
    pub ttl: Option<f64>,
    /// When it was made.
    pub created: Timestamp,
    /// What it is good for; empty = `DEFAULT`.
    pub scopes: Box<[String]>,
    /// The user's epoch when it was made.
    pub epoch: u32,
    ended: AtomicBool,
}

/// What the gate needs to know of a user: replaced whole when the user or their roles change.
#[derive(Debug)]
pub struct Subject {
    /// The id.
    pub id: UserId,
    /// The id as text, as rules and headers need it.
    pub id_text: Box<str>,
    /// The username, if there is one.
    pub username: Option<Box<str>>,
    /// The email address, if there is one.
    pub email: Option<Box<str>>,
    /// Whether it was confirmed.
    pub email_verified: bool,
    /// The names of the roles, sorted.
    pub roles: Box<[Box<str>]>,
    /// Tokens of another epoch are void.
    pub epoch: u32,
    /// Switched off by an admin.
    pub disabled: bool,
    /// See [`Subject::headers`].
    pub(super) headers: [OnceLock<Box<[u8]>>; 2],
}

/// The index. Reading takes no lock.
#[derive(Debug, Default)]
pub struct Sessions {
    live: papaya::HashMap<TokenHash, Arc<Session>>,
}

/// What a known token is worth now (loopback3.md section 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is good.
    Live,
    /// Its time is over: 401 `INVALID_TOKEN` once, and the row is deleted.
    Expired,
    /// It was ended: logged out, or its user logged out everywhere or was switched off. As an unknown token.
    Ended,
    /// Its ttl is 0, null or below -1: LoopBack answers 500 to every use.
    Unusable,
}

impl Subject {
    /// The identity headers towards the app, rendered once by whoever forwards first: with the email address only
    /// where it was confirmed, or whether or not. A reload may turn from one to the other.
    #[must_use]
    pub fn headers(&self, trusts_email: bool) -> &OnceLock<Box<[u8]>> {
        let [confirmed, any] = &self.headers;
        if trusts_email { any } else { confirmed }
    }
}

impl Session {
    /// A live session of `subject`.
    #[must_use]
    pub fn new(token: &super::Token, subject: Arc<ArcSwap<Subject>>) -> Self {
        Self {
            hash: token.hash,
            subject,
            ttl: token.ttl,
            created: token.created,
            scopes: token.scopes.clone().into_boxed_slice(),
            epoch: token.epoch,
            ended: AtomicBool::new(false),
        }
    }

    /// What the token is worth at `now`.
    #[must_use]
    pub fn standing(&self, subject: &Subject, now: Timestamp, allow_eternal: bool) -> Standing {
        if self.ended.load(Ordering::Acquire) || self.epoch != subject.epoch || subject.disabled {
            return Standing::Ended;
        }
        let Some(ttl) = self.ttl.filter(|ttl| *ttl > 0.0 || *ttl == -1.0) else { return Standing::Unusable };
        if ttl < 0.0 {
            return if allow_eternal { Standing::Live } else { Standing::Expired };
        }
        #[expect(clippy::cast_precision_loss, reason = "an age in ms is far below 2^52")]
        let elapsed_ms = now.0.saturating_sub(self.created.0) as f64;
        if elapsed_ms >= ttl * 1000.0 { Standing::Expired } else { Standing::Live }
    }

    /// Ends the session: whoever holds it sees so at its next look.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

impl Sessions {
    /// The session of this token, if it is in the index.
    #[must_use]
    pub fn get(&self, hash: &TokenHash) -> Option<Arc<Session>> {
        self.live.pin().get(hash).cloned()
    }

    /// Puts a session into the index.
    pub fn insert(&self, session: Arc<Session>) {
        self.live.pin().insert(session.hash, session);
    }

    /// Ends a session and takes it out of the index.
    pub fn remove(&self, hash: &TokenHash) {
        if let Some(session) = self.live.pin().remove(hash) {
            session.end();
        }
    }
}
