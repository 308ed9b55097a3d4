//! The in-memory index that the request path reads: token hash -> session, without a lock.

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
    /// As in [`super::Token`].
    pub fixed: bool,
    ended: AtomicBool,
    /// The last use in seconds since the Unix epoch; 0 = never. Behind the truth by [`Session::resolution`] at most.
    used: AtomicU32,
    /// How much of that the store has.
    written: AtomicU32,
    /// Where that use came from, as IPv6 has it.
    client: [AtomicU64; 2],
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

/// What a known token is worth now (docs/loopback-3.28.md section 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
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
    /// The identity headers towards the app, rendered at the first forwarded request: with the email address only
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
        let session = Self {
            hash: token.hash,
            subject,
            ttl: token.ttl,
            created: token.created,
            scopes: token.scopes.clone().into_boxed_slice(),
            epoch: token.epoch,
            fixed: token.fixed,
            ended: AtomicBool::new(false),
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

    /// What the token is worth at `now`.
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

    /// When it ends; see [`Lifetimes::end`].
    #[must_use]
    pub fn end_by(&self, lifetimes: &Lifetimes) -> Option<f64> {
        let used = i64::from(self.used.load(Ordering::Relaxed)) * 1000;
        lifetimes.end(self.ttl, self.created.0, (!self.fixed).then_some(used))
    }

    /// Notes a use. On the request path: almost always one load, for a use just before says the same.
    pub fn touch(&self, now: Timestamp, client: IpAddr, lifetimes: &Lifetimes) {
        let second = seconds(now);
        let used = self.used.load(Ordering::Relaxed);
        if second.saturating_sub(used) < self.resolution(lifetimes) {
            return;
        }
        // The other request came in the same second, or nearly.
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

    /// The last use, if the store lags behind it by this many seconds.
    #[must_use]
    pub fn unwritten(&self, lag: u32) -> Option<LastUse> {
        let written = self.written.load(Ordering::Relaxed).max(seconds(self.created));
        let behind = self.used.load(Ordering::Relaxed).saturating_sub(written);
        let news = self.used.load(Ordering::Relaxed) != self.written.load(Ordering::Relaxed);
        if behind >= lag && news { self.last_use() } else { None }
    }

    /// The store has this use.
    pub fn wrote(&self, used: LastUse) {
        self.written.fetch_max(seconds(used.at()), Ordering::Relaxed);
    }

    /// How fine uses are told apart, in seconds: a minute, and where they extend the token a 16th of its time.
    fn resolution(&self, lifetimes: &Lifetimes) -> u32 {
        match self.ttl.filter(|ttl| lifetimes.sliding && *ttl < 960.0) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 1 to 60")]
            Some(ttl) => (ttl / 16.0).clamp(1.0, 60.0) as u32,
            None => 60,
        }
    }

    /// A session of the same token knows of this use.
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

    /// Ends the session: requests that hold it see so at their next look.
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

    /// The last use of a token: what its session knows, if there is one by now, else what is written down.
    #[must_use]
    pub fn last_use(&self, token: &super::Token) -> Option<LastUse> {
        self.get(&token.hash).and_then(|session| session.last_use()).or(token.used)
    }

    /// Puts a session into the index; it knows what an earlier one of its token knew of uses.
    pub fn insert(&self, session: Arc<Session>) {
        let live = self.live.pin();
        if let Some(used) = live.insert(session.hash, Arc::clone(&session)).and_then(|old| old.last_use()) {
            session.merge_use(used);
        }
    }

    /// At most `limit` sessions whose last use is `wanted`. Others get their turn meanwhile.
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

    /// Ends a session and takes it out of the index.
    pub fn remove(&self, hash: &TokenHash) {
        if let Some(session) = self.live.pin().remove(hash) {
            session.end();
        }
    }
}

/// Whole seconds since the Unix epoch.
fn seconds(moment: Timestamp) -> u32 {
    u32::try_from(moment.0.max(0) / 1000).unwrap_or(u32::MAX)
}

/// Sessions that are looked at together.
const SCAN_BATCH: usize = 4096;
