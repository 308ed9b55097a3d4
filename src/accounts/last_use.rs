//! Persists when tokens were last used. Requests record a use in memory only (`store/sessions.rs`). The stored value
//! may be up to an hour old, so that a use costs no write.

use std::{sync::Arc, time::Duration};

use super::token_cleanup::{LifetimesNow, UpkeepError};
use crate::store::{Change, Session, Store};

/// Writes the last use of tokens to the store, in batches.
pub struct LastUseWriter {
    store: Arc<dyn Store>,
    lifetimes: LifetimesNow,
}

impl LastUseWriter {
    /// Creates a writer for the tokens of this store. The lifetime rules decide how old a stored value may be.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, lifetimes: LifetimesNow) -> Self {
        Self { store, lifetimes }
    }

    /// Persists the last uses whose stored values are too old.
    pub(super) async fn write_due(&self) -> Result<(), UpkeepError> {
        self.write_uses(|session| self.lag(session), MAX_PER_PASS).await
    }

    /// Persists all last uses when the gate stops.
    pub async fn finish(&self) {
        if let Err(error) = self.write_uses(|_| 0, MAX_AT_SHUTDOWN).await {
            tracing::warn!(%error, "the last uses of some tokens are not written down");
        }
    }

    /// Persists at most `most` last uses, of the sessions whose stored value is at least `lag` seconds old.
    async fn write_uses(
        &self,
        lag: impl Fn(&Session) -> u32 + Send + Sync,
        most: usize,
    ) -> Result<(), UpkeepError> {
        let uses = self.store.sessions().collect(most, |session| session.unwritten(lag(session))).await;
        for uses in uses.chunks(BATCH) {
            let changes =
                uses.iter().map(|(session, used)| Change::UseToken { hash: session.hash, used: *used });
            // Marked as written only after the commit, so that a failed batch is tried again.
            self.store.commit(changes.collect()).await?;
            for (session, used) in uses {
                session.wrote(*used);
            }
        }
        Ok(())
    }

    /// The maximum age of a stored last use in seconds: an hour, and where a use extends the token, a 16th of its
    /// lifetime. A crash loses at most this much of an extension, and never adds any.
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

/// The interval between passes over the last uses.
pub(super) const WRITE_EVERY: Duration = Duration::from_secs(60);

/// Rows of one commit. A large batch would hold up the commits of requests.
const BATCH: usize = 500;

/// Maximum age of a stored last use, in seconds.
const MAX_LAG_S: u32 = 3600;

/// Maximum number of uses that one pass writes. The next pass writes the others.
const MAX_PER_PASS: usize = 20_000;

/// Maximum number of uses that are written at a shutdown, which has to end soon.
const MAX_AT_SHUTDOWN: usize = 50_000;
