//! The signed assertion: tells the app who asks, for one request of one app (docs/assertion.md).

mod error;
mod file;
mod key;
mod keys;
mod payload;

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;

use crate::clock::Timestamp;
use keys::Keys;

pub use error::KeysError;
pub use payload::Facts;

/// The name of the field.
pub const HEADER: &str = "X-Portcullis-Assertion";

/// Signs assertions, and keeps its keys in a file.
#[derive(Debug)]
pub struct Signer {
    file: PathBuf,
    issuer: Box<str>,
    published: ArcSwap<Published>,
}

/// The keys in force.
#[derive(Debug)]
struct Published {
    keys: Keys,
    /// The public ones as a JWK Set (RFC 7517 section 5).
    jwks: Bytes,
}

impl Signer {
    /// Reads the keys, or makes the first one. `issuer`: the claim `iss`.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else.
    pub fn open(file: PathBuf, issuer: &str, now: Timestamp) -> Result<Self, KeysError> {
        let keys = match file::read(&file)? {
            Some(keys) => keys,
            None => {
                let keys = Keys::first(now)?;
                file::write(&file, &keys)?;
                tracing::info!(kid = keys.newest().id(), "a key for assertions is made");
                keys
            }
        };
        let signer = Self { file, issuer: issuer.into(), published: ArcSwap::new(published(keys)) };
        signer.rotate(now)?;
        Ok(signer)
    }

    /// Makes the next key when it is due, and drops keys that are out of use. To be called from time to time.
    ///
    /// # Errors
    /// The file cannot be written. The old keys stay.
    pub fn rotate(&self, now: Timestamp) -> Result<(), KeysError> {
        let Some(keys) = self.published.load().keys.rotated(now)? else { return Ok(()) };
        // Before it is published: an app must not know a key that a restart forgets.
        file::write(&self.file, &keys)?;
        let newest = keys.newest();
        tracing::info!(kid = newest.id(), signs_from = %newest.signs_from(), "the keys for assertions have changed");
        self.published.store(published(keys));
        Ok(())
    }

    /// The public keys, for `/.well-known/portcullis/jwks.json`.
    #[must_use]
    pub fn jwks(&self) -> Bytes {
        self.published.load().jwks.clone()
    }

    /// Signs an assertion: a JWT in compact form (RFC 7519, RFC 8037 section 3.1).
    #[must_use]
    pub fn sign(&self, facts: &Facts<'_>, now: Timestamp) -> String {
        let published = self.published.load();
        published.keys.signing(now).sign(&payload::render(facts, &self.issuer, now))
    }
}

fn published(keys: Keys) -> Arc<Published> {
    let jwks = Bytes::from(keys.jwks());
    Arc::new(Published { keys, jwks })
}

#[cfg(test)]
mod tests;
