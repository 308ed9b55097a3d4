//! What the work on tokens in the background shares.

use std::sync::Arc;

use crate::{
    identity::Lifetimes,
    store::{CommitError, StoreError},
};

/// How long tokens live by the settings in force, which a reload may change.
pub type LifetimesNow = Arc<dyn Fn() -> Lifetimes + Send + Sync>;

/// Why work on tokens was left for the next time.
#[derive(Debug, thiserror::Error)]
pub(in crate::accounts) enum UpkeepError {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] CommitError),
}
