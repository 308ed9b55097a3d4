//! Deletes tokens that ended a month ago, and counts those that have ended.
//!
//! Nothing here is on the request path and nothing here decides: a token is refused from its end on. Its row stays for
//! [`RETENTION`], so that its first use after its end is answered as LoopBack answers it (401 `INVALID_TOKEN`, once). Later
//! uses are answered as those of an unknown token, and so are those of a deleted one.

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

/// Deletes ended tokens in the background.
pub struct TokenCleanup {
    store: Arc<dyn Store>,
    clock: Clock,
    lifetimes: LifetimesNow,
    metrics: Arc<Metrics>,
}

/// How far a pass over all tokens has come.
#[derive(Default)]
struct Round {
    last: Option<Token>,
    over: u64,
}

impl TokenCleanup {
    /// Cleans up the tokens in this store, which live as long as the settings in force say.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Clock, lifetimes: LifetimesNow, metrics: Arc<Metrics>) -> Self {
        Self { store, clock, lifetimes, metrics }
    }

    /// Cleans up, a page a second, and writes the last uses once a minute, for ever. Both in one task, because each
    /// timer of its own wakes an idle gate once more.
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

    /// Looks at one page of tokens, and ends those of it that had ended long ago.
    async fn sweep(&self, round: &mut Round) -> Result<(), UpkeepError> {
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
        since.plus(RETENTION) <= now
    }

    fn end(&self, token: &Token) -> Option<f64> {
        token.end_by(&(self.lifetimes)(), token.used)
    }
}

/// How often a page of tokens is looked at.
const PAGE_INTERVAL: Duration = Duration::from_secs(1);

/// How long after the last page the first one is looked at again: each look wakes an idle gate.
const PASS_INTERVAL: Duration = Duration::from_secs(3);

/// Tokens that are looked at together: the store's readers wait that long.
const PAGE: usize = 4096;

/// Rows of one write.
const BATCH: usize = 500;

/// How long a token stays after its end.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

#[cfg(test)]
mod tests;
mod upkeep;
