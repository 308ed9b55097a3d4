//! Looks after tokens in the background: writes down when they were used last, ends those that no client can need
//! any more, and counts those that are over.
//!
//! Nothing here is on the request path, and nothing in here decides: a token that is over is refused long before it is
//! swept. It stays for [`KEPT`], so that its first use after its end is told as LoopBack tells it (401
//! `INVALID_TOKEN` once); after that it is as unknown as it is to LoopBack from the second use on.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::{
    clock::{Clock, Timestamp},
    identity::Lifetimes,
    observe::metrics::Metrics,
    store::{Change, CommitError, Session, Store, StoreError, Token},
};

/// Keeps tokens in order.
pub struct Keeper {
    store: Arc<dyn Store>,
    clock: Clock,
    lifetimes: LifetimesNow,
    metrics: Arc<Metrics>,
}

/// How long tokens live by the settings in force, which a reload may change.
pub(super) type LifetimesNow = Box<dyn Fn() -> Lifetimes + Send + Sync>;

/// How far a look at all tokens has come.
#[derive(Default)]
struct Round {
    last: Option<Token>,
    over: u64,
}

/// Why something was left for the next time.
#[derive(Debug, thiserror::Error)]
enum KeeperError {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] CommitError),
}

impl Keeper {
    /// A keeper of the tokens in this store, which live so long.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Clock, lifetimes: LifetimesNow, metrics: Arc<Metrics>) -> Self {
        Self { store, clock, lifetimes, metrics }
    }

    /// Keeps order, for ever.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut round, mut next) = (Round::default(), self.clock.now());
        loop {
            ticks.tick().await;
            let mut done = self.sweep(&mut round).await;
            let now = self.clock.now();
            if done.is_ok() && now >= next {
                next = now.plus(WRITE_EVERY);
                done = self.write_uses(|session| self.lag(session), MOST_WRITTEN).await;
            }
            if let Err(error) = done {
                tracing::warn!(%error, "the tokens could not be put in order; it is tried again");
            }
        }
    }

    /// Writes down what is known of the last uses: when the gate stops.
    pub async fn finish(&self) {
        if let Err(error) = self.write_uses(|_| 0, MOST_AT_END).await {
            tracing::warn!(%error, "the last uses of some tokens are not written down");
        }
    }

    /// Looks at one page of tokens, and ends those of it that were over long ago.
    async fn sweep(&self, round: &mut Round) -> Result<(), KeeperError> {
        let now = self.clock.now();
        let page = self.store.token_page(round.last.as_ref(), PAGE).await?;
        let mut stale: Vec<Change> = Vec::new();
        for token in &page {
            if self.is_over(token, now) {
                round.over += 1;
                if self.is_stale(token, now) && stale.len() < BATCH {
                    stale.push(Change::DeleteToken(token.hash));
                }
            }
        }
        let swept = stale.len();
        if swept > 0 {
            self.store.commit(stale).await?;
            tracing::info!(tokens = swept, "tokens that were over long ago are gone");
            round.over = round.over.saturating_sub(swept as u64);
        }
        let whole = page.len() < PAGE;
        round.last = page.into_iter().next_back();
        if whole {
            self.metrics.tokens_over(std::mem::take(round).over);
        }
        Ok(())
    }

    /// Writes down the last uses that the store lags behind by so many seconds, `most` of them.
    async fn write_uses(
        &self,
        lag: impl Fn(&Session) -> u32 + Send + Sync,
        most: usize,
    ) -> Result<(), KeeperError> {
        let uses = self.store.sessions().collect(most, |session| session.unwritten(lag(session))).await;
        for uses in uses.chunks(BATCH) {
            let changes =
                uses.iter().map(|(session, used)| Change::UseToken { hash: session.hash, used: *used });
            self.store.commit(changes.collect()).await?;
            for (session, used) in uses {
                session.wrote(*used);
            }
        }
        Ok(())
    }

    /// How many seconds the store may lag behind a token's last use: an hour, and where a use extends the token a
    /// 16th of its time. A crash takes so much away, never adds any.
    fn lag(&self, session: &Session) -> u32 {
        match session.ttl.filter(|ttl| (self.lifetimes)().sliding && !session.fixed && *ttl > 0.0) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is from 1 to 3600"
            )]
            Some(ttl) => (ttl / 16.0).clamp(1.0, f64::from(LAG)) as u32,
            None => LAG,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a moment in ms is far below 2^52")]
    fn is_over(&self, token: &Token, now: Timestamp) -> bool {
        self.end(token).is_none_or(|end| end <= now.0 as f64)
    }

    /// Whether no client can need it any more. A token for ever, or of no sensible time, is that only when it has not
    /// been used for as long as any other may live: the setting that it needs may have been switched off by mistake.
    fn is_stale(&self, token: &Token, now: Timestamp) -> bool {
        let since = match self.end(token) {
            #[expect(clippy::cast_possible_truncation, reason = "it is a moment in ms")]
            Some(end) if end.is_finite() => Timestamp(end as i64),
            _ => {
                let used = token.used.map_or(token.created, |used| used.at().max(token.created));
                used.plus(Duration::try_from_secs_f64((self.lifetimes)().max_ttl).unwrap_or(Duration::MAX))
            }
        };
        since.plus(KEPT) <= now
    }

    fn end(&self, token: &Token) -> Option<f64> {
        token.end_by(&(self.lifetimes)(), token.used)
    }
}

/// How often a page of tokens is looked at.
const TICK: Duration = Duration::from_secs(1);

/// Tokens that are looked at in one go: the store's readers wait that long.
const PAGE: usize = 4096;

/// Rows of one write.
const BATCH: usize = 500;

/// How long a token stays after its end.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// How often the last uses are looked through.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// By how many seconds the store may lag behind a last use.
const LAG: u32 = 3600;

/// Uses of one look: the others come with the next.
const MOST_WRITTEN: usize = 20_000;

/// Uses that are written before the gate ends: it has to end soon.
const MOST_AT_END: usize = 50_000;

#[cfg(test)]
mod tests;
