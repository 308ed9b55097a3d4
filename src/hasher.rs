//! Password hashing on dedicated low-priority threads with a bounded queue (docs/decisions.md section 4).

mod pool;
mod settings;
mod verdict;
mod worker;

use std::{fmt, sync::Arc, thread, time::Duration};

use tokio::sync::oneshot;

use self::{
    pool::{Pool, Priority, Refused},
    worker::Worker,
};
use crate::identity::{Password, PasswordHash};

pub use settings::{Settings, machine_kib};
pub use verdict::{Form, Verdict};

/// Hashes and verifies passwords. Cheap to clone; dropping the last clone ends the threads.
#[derive(Clone)]
pub struct Hasher {
    pool: Arc<Pool<Job>>,
}

/// The purpose of a hash. New passwords leave most of the queue to logins, and logins go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A user logs in.
    Login,
    /// A password is set.
    NewPassword,
}

/// The right to hash a password, which counts against the client's or user's limit until the work is done or dropped.
pub struct HashingSlot {
    purpose: Purpose,
    /// The guard of the limit.
    _held: Box<dyn Send>,
}

/// Lowers the priority of the calling thread below all others.
pub(crate) fn lower_priority() {
    pool::lower_priority();
}

/// Checks the form of a stored hash without computing it.
#[must_use]
pub fn form(hash: &str) -> Form {
    worker::form(hash)
}

/// The reason why a password was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// The queue is full.
    #[error("too many passwords are waiting to be checked")]
    Waiting {
        /// The time after which to try again.
        retry_after: Duration,
    },
    /// The system had no memory for this job.
    #[error("there is not enough memory to hash a password")]
    NoMemory {
        /// The time after which to try again.
        retry_after: Duration,
    },
}

/// The reason why the hasher could not start.
#[derive(Debug, thiserror::Error)]
pub enum HasherError {
    /// argon2 does not accept the parameters.
    #[error("argon2 refuses these parameters: {0}")]
    Parameters(String),
    /// The system could not start a thread.
    #[error("cannot start a hashing thread")]
    Thread(#[from] std::io::Error),
}

/// A job for a thread. A dropped `reply` tells the caller that the job failed.
enum Job {
    Hash {
        password: Password,
        reply: oneshot::Sender<PasswordHash>,
        slot: HashingSlot,
    },
    Verify {
        password: Password,
        hash: Option<PasswordHash>,
        reply: oneshot::Sender<Verdict>,
        slot: HashingSlot,
    },
}

impl HashingSlot {
    /// A slot that holds a guard of a limit.
    #[must_use]
    pub fn new(purpose: Purpose, held: impl Send + 'static) -> Self {
        Self { purpose, _held: Box::new(held) }
    }
}

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// If argon2 does not accept the parameters, or a thread cannot be started.
    pub fn new(settings: Settings) -> Result<Self, HasherError> {
        let worker = Worker::new(&settings).map_err(HasherError::Parameters)?;
        let workers = match settings.workers {
            // Half of the cores, because the other half serves requests.
            0 => thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
            workers => workers,
        };
        // Never on a runtime: one hash takes 15 ms of a core (docs/decisions.md section 4).
        let pool = Pool::start("hasher", workers, settings.queue, || {
            let mut worker = worker.another();
            move |job: Job| job.run(&mut worker)
        })?;
        Ok(Self { pool: Arc::new(pool) })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`HashingError`].
    pub async fn hash(&self, slot: HashingSlot, password: Password) -> Result<PasswordHash, HashingError> {
        let (reply, answer) = oneshot::channel();
        self.pool.submit(slot.purpose.priority(), Job::Hash { password, reply, slot })?;
        answer.await.map_err(|_| HashingError::NoMemory { retry_after: self.pool.refused().retry_after })
    }

    /// Verifies a password. With `None` (an unknown user, or one without a password) the cost is the same.
    ///
    /// # Errors
    /// [`HashingError`].
    pub async fn verify(
        &self,
        slot: HashingSlot,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, HashingError> {
        let (reply, answer) = oneshot::channel();
        self.pool.submit(slot.purpose.priority(), Job::Verify { password, hash, reply, slot })?;
        answer.await.map_err(|_| HashingError::NoMemory { retry_after: self.pool.refused().retry_after })
    }

    /// The number of waiting jobs, for metrics.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.pool.depth()
    }
}

impl fmt::Debug for HashingSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashingSlot").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("depth", &self.depth()).finish()
    }
}

impl Job {
    /// Does the work, unless the caller has stopped waiting.
    fn run(self, worker: &mut Worker) {
        match self {
            Self::Hash { password, reply, slot } if !reply.is_closed() => {
                if let Some(hash) = worker.hash(&password) {
                    // Released before the answer is sent, so that the caller's next password finds the slot free.
                    drop(slot);
                    let _ = reply.send(hash);
                }
            }
            Self::Verify { password, hash, reply, slot } if !reply.is_closed() => {
                if let Some(verdict) = worker.verify(&password, hash.as_ref()) {
                    drop(slot);
                    let _ = reply.send(verdict);
                }
            }
            Self::Hash { .. } | Self::Verify { .. } => {}
        }
    }
}

impl Purpose {
    fn priority(self) -> Priority {
        match self {
            Self::Login => Priority::Login,
            Self::NewPassword => Priority::NewPassword,
        }
    }
}

impl From<Refused> for HashingError {
    fn from(Refused { retry_after }: Refused) -> Self {
        Self::Waiting { retry_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Settings = Settings { memory_kib: 8, iterations: 1, parallelism: 1, workers: 1, queue: 4 };

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    fn slot() -> HashingSlot {
        HashingSlot::new(Purpose::Login, ())
    }

    #[tokio::test]
    async fn hashes_and_verifies() {
        let hasher = Hasher::new(SMALL).unwrap();
        let hash = hasher.hash(slot(), password("pässword")).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", hash.expose());
        let right = hasher.verify(slot(), password("pässword"), Some(hash.clone())).await.unwrap();
        let wrong = hasher.verify(slot(), password("password"), Some(hash)).await.unwrap();
        let nobody = hasher.verify(slot(), password(""), None).await.unwrap();
        assert_eq!([right, wrong, nobody], [Verdict::Match, Verdict::Mismatch, Verdict::Mismatch]);
    }

    #[tokio::test]
    async fn salts_every_hash_anew() {
        let hasher = Hasher::new(SMALL).unwrap();
        let (one, two) = (
            hasher.hash(slot(), password("a")).await.unwrap(),
            hasher.hash(slot(), password("a")).await.unwrap(),
        );
        assert_ne!(one, two);
    }

    #[tokio::test]
    async fn a_job_whose_caller_is_gone_is_not_run() {
        let mut worker = Worker::new(&SMALL).unwrap();
        let (reply, answer) = oneshot::channel();
        drop(answer);
        // A memory of nothing shows that the worker was never used.
        Job::Hash { password: password("a"), reply, slot: slot() }.run(&mut worker);
        assert_eq!(worker.memory(), 0);
        let (reply, answer) = oneshot::channel();
        Job::Hash { password: password("a"), reply, slot: slot() }.run(&mut worker);
        assert!(answer.await.is_ok() && worker.memory() == 8);
    }

    #[test]
    fn says_what_is_wrong_with_the_parameters() {
        for (settings, word) in [
            (Settings { memory_kib: 7, ..SMALL }, "memory_kib"),
            (Settings { memory_kib: 31, parallelism: 4, ..SMALL }, "memory_kib"),
            (Settings { iterations: 0, ..SMALL }, "iterations"),
            (Settings { parallelism: 0, ..SMALL }, "parallelism"),
            (Settings { memory_kib: u32::MAX, parallelism: u32::MAX, ..SMALL }, "parallelism"),
        ] {
            let error = Hasher::new(settings).unwrap_err().to_string();
            assert!(error.contains(word), "{settings:?}: {error}");
        }
    }

    #[tokio::test]
    async fn the_last_clone_ends_the_threads() {
        let hasher = Hasher::new(SMALL).unwrap();
        let other = hasher.clone();
        drop(hasher);
        assert!(other.hash(slot(), password("a")).await.is_ok());
        assert_eq!(other.depth(), 0);
    }
}
