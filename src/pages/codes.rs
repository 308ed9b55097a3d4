//! Codes that hand a login over to another host: each works once, for half a minute.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use crate::{encoding::hex, store::Session};

/// The most codes that wait. Each login has one for a moment; more are refused.
const MAX_WAITING: usize = 10_000;

/// The codes that are on their way. They are lost with the process: the browser then asks for another one.
#[derive(Debug, Default)]
pub(super) struct Codes(Mutex<HashMap<[u8; 32], Code>>);

/// What a code stands for.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) session: Arc<Session>,
    /// Where it works.
    pub(super) host: String,
    /// The proof of the browser that it is for.
    pub(super) browser: String,
    /// Its end, in milliseconds since the Unix epoch.
    pub(super) until: i64,
}

impl Codes {
    /// A new code. `None` without random bytes, or if too many wait.
    pub(super) fn issue(&self, code: Code, now: i64) -> Option<String> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).ok()?;
        let text = hex(random);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, code| code.until > now);
        if waiting.len() >= MAX_WAITING {
            return None;
        }
        waiting.insert(Sha256::digest(&text).into(), code);
        Some(text)
    }

    /// Takes a code out: it works once, also in the wrong hands.
    pub(super) fn take(&self, text: &str) -> Option<Code> {
        let key: [u8; 32] = Sha256::digest(text).into();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key)
    }
}
