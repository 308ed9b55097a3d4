//! The lifetime rules and the error that cleanup and last uses share.

use std::sync::Arc;

use crate::{
    identity::Lifetimes,
    store::{CommitError, StoreError},
};

/// The lifetime rules in force. A reload may change them.
pub type LifetimesNow = Arc<dyn Fn() -> Lifetimes + Send + Sync>;

/// The reason why a pass failed. The next pass tries again.
#[derive(Debug, thiserror::Error)]
pub(in crate::accounts) enum UpkeepError {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Write(#[from] CommitError),
}
