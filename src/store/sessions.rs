//! The in-memory index of the request path: from token hash to session, without a lock.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;

use super::LastUse;
use crate::{
    clock::Timestamp,
    identity::{Lifetimes, TokenHash, UserId},
};

/// A live token and its user. It is replaced, not changed; only the end and the last use are set in place.
#[derive(Debug)]
pub struct Session {
    /// The token.
    pub hash: TokenHash,
    /// The published data of the user. All sessions of a user share this slot, so that a change reaches them all.
    pub subject: Arc<ArcSwap<Subject>>,
    /// As in [`super::Token`]: seconds, -1 = eternal, `None` = LoopBack's null.
    pub ttl: Option<f64>,
    /// The time of creation.
    pub created: Timestamp,
    /// The scopes; empty = `DEFAULT`.
    pub scopes: Box<[String]>,
    /// The user's epoch at the creation.
    pub epoch: u32,
    /// As in [`super::Token`].
    pub fixed: bool,
    /// As in [`super::Token`].
    pub host: Option<Box<str>>,
    ended: AtomicBool,
    /// Set when another session of the same token replaces this one in the index.
    replaced: AtomicBool,
    /// The last use in seconds since the Unix epoch; 0 = never. At most [`Session::resolution`] older than the actual
    /// one.
    used: AtomicU32,
    /// The last use that is persisted.
    written: AtomicU32,
    /// The client of the last use, as an IPv6 address in two halves.
    client: [AtomicU64; 2],
}

/// The data of a user that the gate needs. It is replaced when the user or their roles change.
#[derive(Debug)]
pub struct Subject {
    /// The id.
    pub id: UserId,
    /// The id as text, for rules and headers.
    pub id_text: Box<str>,
    /// The username, if there is one.
    pub username: Option<Box<str>>,
    /// The email address, if there is one.
    pub email: Option<Box<str>>,
    /// Whether the email address is confirmed.
    pub email_verified: bool,
    /// The names of the roles, sorted.
    pub roles: Box<[Box<str>]>,
    /// The epoch. Tokens of another one are void.
    pub epoch: u32,
    /// Whether an operator has disabled the user.
    pub disabled: bool,
    /// See [`Subject::headers`].
    pub(super) headers: [OnceLock<Box<[u8]>>; 2],
}

/// The index. Reading takes no lock.
#[derive(Debug, Default)]
pub struct Sessions {
    // Reads never block: a logout on one core must not delay requests on another.
    live: papaya::HashMap<TokenHash, Arc<Session>>,
}

/// The state of a known token (docs/loopback-3.28.md section 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// The token is valid.
    Live,
    /// The token has expired: 401 `INVALID_TOKEN` once, and the row is deleted.
    Expired,
    /// The token was revoked, by itself or with all of its user's, or the user is disabled. Treated as unknown.
    Ended,
    /// Its ttl is 0, null or below -1: LoopBack answers 500 to every use.
    Unusable,
}

impl Subject {
    /// The identity headers for the app, rendered at the first forwarded request. There are two forms: with the email
    /// address only if it is confirmed, and with it in any case. A reload may switch between them.
    #[must_use]
    pub fn headers(&self, trusts_email: bool) -> &OnceLock<Box<[u8]>> {
        let [confirmed, any] = &self.headers;
        if trusts_email { any } else { confirmed }
    }
}

impl Session {
    /// Creates a live session of `subject`.
    #[must_use]
    pub fn new(token: &super::Token, subject: Arc<ArcSwap<Subject>>) -> Self {
        let session = Self {
            hash: token.hash,
            subject,
            ttl: token.ttl,
            created: token.created,
            scopes: token.scopes.clone().into_boxed_slice(),
            epoch: token.epoch,
            fixed: token.fixed,
            host: token.host.as_deref().map(Into::into),
            ended: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
            used: AtomicU32::new(0),
            written: AtomicU32::new(0),
            client: Default::default(),
        };
        if let Some(used) = token.used {
            session.merge_use(used);
            session.wrote(used);
        }
        session
    }

    /// The state of the token at `now`.
    #[must_use]
    pub fn token_state(&self, subject: &Subject, now: Timestamp, lifetimes: &Lifetimes) -> TokenState {
        if self.ended.load(Ordering::Acquire) || self.epoch != subject.epoch || subject.disabled {
            return TokenState::Ended;
        }
        #[expect(clippy::cast_precision_loss, reason = "a moment in ms is far below 2^52")]
        match self.end_by(lifetimes) {
            None => TokenState::Unusable,
            Some(end) if now.0 as f64 >= end => TokenState::Expired,
            Some(_) => TokenState::Live,
        }
    }

    /// The end of the token, see [`Lifetimes::end`].
    #[must_use]
    pub fn end_by(&self, lifetimes: &Lifetimes) -> Option<f64> {
        let used = i64::from(self.used.load(Ordering::Relaxed)) * 1000;
        lifetimes.end(self.ttl, self.created.0, (!self.fixed).then_some(used))
    }

    /// Records a use. Usually one atomic load, because a use within the last minute is not recorded again.
    pub fn touch(&self, now: Timestamp, client: IpAddr, lifetimes: &Lifetimes) {
        let second = seconds(now);
        let used = self.used.load(Ordering::Relaxed);
        if second.saturating_sub(used) < self.resolution(lifetimes) {
            return;
        }
        // If another request wins the race, it came in nearly the same second.
        if self.used.compare_exchange(used, second, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.set_client(client);
        }
    }

    /// The last use.
    #[must_use]
    pub fn last_use(&self) -> Option<LastUse> {
        let used = self.used.load(Ordering::Relaxed);
        let [high, low] = [0, 1].map(|half: usize| {
            u128::from(self.client.get(half).map_or(0, |half| half.load(Ordering::Relaxed)))
        });
        let client = Ipv6Addr::from_bits(high << 64 | low);
        (used > 0).then(|| LastUse::from((used, IpAddr::from(client))))
    }

    /// The last use, if the persisted one is at least `lag` seconds older.
    #[must_use]
    pub fn unwritten(&self, lag: u32) -> Option<LastUse> {
        // A token that has just been created is not written again for its first use.
        let written = self.written.load(Ordering::Relaxed).max(seconds(self.created));
        let behind = self.used.load(Ordering::Relaxed).saturating_sub(written);
        let news = self.used.load(Ordering::Relaxed) != self.written.load(Ordering::Relaxed);
        if behind >= lag && news { self.last_use() } else { None }
    }

    /// Records that this use is persisted.
    pub fn wrote(&self, used: LastUse) {
        self.written.fetch_max(seconds(used.at()), Ordering::Relaxed);
    }

    /// The resolution of last uses in seconds: a minute, and where a use extends the token a 16th of its lifetime.
    fn resolution(&self, lifetimes: &Lifetimes) -> u32 {
        // Below 960 s a 16th is less than a minute.
        match self.ttl.filter(|ttl| lifetimes.sliding && *ttl < 960.0) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 1 to 60")]
            Some(ttl) => (ttl / 16.0).clamp(1.0, 60.0) as u32,
            None => 60,
        }
    }

    /// Merges a use that a session of the same token has recorded.
    fn merge_use(&self, used: LastUse) {
        let second = seconds(used.at());
        if self.used.fetch_max(second, Ordering::Relaxed) < second {
            self.set_client(used.client());
        }
    }

    fn set_client(&self, client: IpAddr) {
        let bits = match client {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let [a, b, c, d, e, f, g, h, low @ ..] = bits.to_be_bytes();
        let halves = [u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes(low)];
        for (to, from) in self.client.iter().zip(halves) {
            to.store(from, Ordering::Relaxed);
        }
    }

    /// Ends the session. Requests that hold it notice at their next check.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Whether the index, once it had this session, still has it: it was neither ended nor replaced.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        !self.ended.load(Ordering::Acquire) && !self.replaced.load(Ordering::Acquire)
    }
}

impl Sessions {
    /// The session of this token, if it is in the index.
    #[must_use]
    pub fn get(&self, hash: &TokenHash) -> Option<Arc<Session>> {
        self.live.pin().get(hash).cloned()
    }

    /// The last use of a token: that of its session if there is one, otherwise the persisted one.
    #[must_use]
    pub fn last_use(&self, token: &super::Token) -> Option<LastUse> {
        self.get(&token.hash).and_then(|session| session.last_use()).or(token.used)
    }

    /// Inserts a session and keeps the last use of the session that it replaces.
    pub fn insert(&self, session: Arc<Session>) {
        let live = self.live.pin();
        let Some(old) = live.insert(session.hash, Arc::clone(&session)) else { return };
        if Arc::ptr_eq(old, &session) {
            return;
        }
        old.replaced.store(true, Ordering::Release);
        if let Some(used) = old.last_use() {
            session.merge_use(used);
        }
    }

    /// At most `limit` sessions with their last uses, as selected by `wanted`. Yields to other tasks.
    pub async fn collect(
        &self,
        limit: usize,
        wanted: impl Fn(&Session) -> Option<LastUse> + Send + Sync,
    ) -> Vec<(Arc<Session>, LastUse)> {
        let (live, mut found) = (self.live.pin_owned(), Vec::new());
        for (index, (_, session)) in live.iter().enumerate() {
            if let Some(used) = wanted(session) {
                found.push((Arc::clone(session), used));
            }
            if found.len() >= limit {
                break;
            }
            if index % SCAN_BATCH == SCAN_BATCH - 1 {
                tokio::task::yield_now().await;
            }
        }
        found
    }

    /// Ends a session and removes it from the index.
    pub fn remove(&self, hash: &TokenHash) {
        // Removed first: a request that finds no session asks the rows, which no longer have the token.
        if let Some(session) = self.live.pin().remove(hash) {
            session.end();
        }
    }
}

/// Whole seconds since the Unix epoch.
fn seconds(moment: Timestamp) -> u32 {
    u32::try_from(moment.0.max(0) / 1000).unwrap_or(u32::MAX)
}

/// Sessions that a scan visits between two yields.
const SCAN_BATCH: usize = 4096;
