//! Writes down when tokens were last used. Requests only remember it in memory (`store/sessions.rs`); the store lags
//! behind by at most an hour, so that a use costs no write.

use std::{sync::Arc, time::Duration};

use super::token_cleanup::{LifetimesNow, UpkeepError};
use crate::store::{Change, Session, Store};

/// Writes the last use of tokens to the store, in batches.
pub struct LastUseWriter {
    store: Arc<dyn Store>,
    lifetimes: LifetimesNow,
}

impl LastUseWriter {
    /// Writes the last uses of this store's tokens. How long tokens live decides how far the store may lag behind.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, lifetimes: LifetimesNow) -> Self {
        Self { store, lifetimes }
    }

    /// Writes down the last uses that the store lags behind by too much.
    pub(super) async fn write_due(&self) -> Result<(), UpkeepError> {
        self.write_uses(|session| self.lag(session), MAX_PER_PASS).await
    }

    /// Writes down what is known of the last uses: when the gate stops.
    pub async fn finish(&self) {
        if let Err(error) = self.write_uses(|_| 0, MAX_AT_SHUTDOWN).await {
            tracing::warn!(%error, "the last uses of some tokens are not written down");
        }
    }

    /// Writes down the last uses that the store lags behind by so many seconds, `most` of them.
    async fn write_uses(
        &self,
        lag: impl Fn(&Session) -> u32 + Send + Sync,
        most: usize,
    ) -> Result<(), UpkeepError> {
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
            Some(ttl) => (ttl / 16.0).clamp(1.0, f64::from(MAX_LAG_S)) as u32,
            None => MAX_LAG_S,
        }
    }
}

/// How often the last uses are looked through.
pub(super) const WRITE_EVERY: Duration = Duration::from_secs(60);

/// Rows of one write.
const BATCH: usize = 500;

/// By how many seconds the store may lag behind a last use.
const MAX_LAG_S: u32 = 3600;

/// Uses that are written together: the others follow the next time.
const MAX_PER_PASS: usize = 20_000;

/// Uses that are written before the gate ends: it has to end soon.
const MAX_AT_SHUTDOWN: usize = 50_000;
