//! Deletes tokens that expired a month ago, and counts expired ones.
//!
//! The cleanup decides nothing: a token is refused as soon as it expires. Its row is kept for [`RETENTION`], so that
//! the first use after expiry is answered as by LoopBack (401 `INVALID_TOKEN`, once; docs/loopback-3.28.md section
//! 1.3). Later uses, and uses of a deleted row, are those of an unknown token.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::last_use::{LastUseWriter, WRITE_EVERY};
use crate::{
    clock::{Clock, Timestamp},
    observe::metrics::Metrics,
    store::{Change, Store, Token},
};

pub use upkeep::LifetimesNow;
pub(super) use upkeep::UpkeepError;

/// Deletes expired tokens in the background.
pub struct TokenCleanup {
    store: Arc<dyn Store>,
    clock: Clock,
    lifetimes: LifetimesNow,
    metrics: Arc<Metrics>,
}

/// The state of a pass over all tokens.
#[derive(Default)]
struct Round {
    last: Option<Token>,
    over: u64,
}

impl TokenCleanup {
    /// Creates a cleanup for the tokens of this store. `lifetimes` are the rules in force.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Clock, lifetimes: LifetimesNow, metrics: Arc<Metrics>) -> Self {
        Self { store, clock, lifetimes, metrics }
    }

    /// Cleans up a page a second and persists last uses once a minute, for ever. Both run in one task, because every
    /// further timer wakes an idle gate.
    pub async fn run(self, last_use: Arc<LastUseWriter>) {
        let (mut round, mut next) = (Round::default(), self.clock.now());
        loop {
            let mut done = self.sweep(&mut round).await;
            let now = self.clock.now();
            if done.is_ok() && now >= next {
                next = now.plus(WRITE_EVERY);
                done = last_use.write_due().await;
            }
            if let Err(error) = done {
                tracing::warn!(%error, "the tokens could not be put in order; it is tried again");
            }
            sleep(if round.last.is_none() { PASS_INTERVAL } else { PAGE_INTERVAL }).await;
        }
    }

    /// Checks one page of tokens and deletes the stale ones.
    async fn sweep(&self, round: &mut Round) -> Result<(), UpkeepError> {
        let now = self.clock.now();
        let page = self.store.token_page(round.last.as_ref(), PAGE).await?;
        let mut stale: Vec<Change> = Vec::new();
        for token in &page {
            if self.is_over(token, now) {
                round.over += 1;
                // Bounded, so that a commit of a request does not wait for thousands of deletions. The next pass
                // deletes the others.
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

    #[expect(clippy::cast_precision_loss, reason = "a moment in ms is far below 2^52")]
    fn is_over(&self, token: &Token, now: Timestamp) -> bool {
        self.end(token).is_none_or(|end| end <= now.0 as f64)
    }

    /// Whether the row may be deleted. A token without an end (or with an invalid `ttl`) only after it has been unused
    /// for `max_ttl`, because `allow_eternal_tokens` may have been switched off by mistake.
    fn is_stale(&self, token: &Token, now: Timestamp) -> bool {
        let since = match self.end(token) {
            #[expect(clippy::cast_possible_truncation, reason = "it is a moment in ms")]
            Some(end) if end.is_finite() => Timestamp(end as i64),
            _ => {
                let used = token.used.map_or(token.created, |used| used.at().max(token.created));
                used.plus(Duration::try_from_secs_f64((self.lifetimes)().max_ttl).unwrap_or(Duration::MAX))
            }
        };
        since.plus(RETENTION) <= now
    }

    fn end(&self, token: &Token) -> Option<f64> {
        token.end_by(&(self.lifetimes)(), token.used)
    }
}

/// The interval between two pages.
const PAGE_INTERVAL: Duration = Duration::from_secs(1);

/// The interval between two passes: each page wakes an idle gate.
const PASS_INTERVAL: Duration = Duration::from_secs(3);

/// Tokens of a page. The store is locked for readers that long.
const PAGE: usize = 4096;

/// Maximum number of rows of one commit.
const BATCH: usize = 500;

/// How long the row of an expired token is kept.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

#[cfg(test)]
mod tests;
mod upkeep;
