//! Codes that hand a login over to another host: each works once, for half a minute.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use crate::{encoding::hex, store::Session};

/// The most codes that wait. Each login has one for a moment; more are refused.
const MAX_WAITING: usize = 10_000;

/// The most codes of one session that wait: for tabs that are opened at once. A further one takes the place of the oldest,
/// so that no session takes those of others.
const MAX_OF_SESSION: usize = 16;

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
        let own = waiting.iter().filter(|(_, other)| other.session.hash == code.session.hash);
        let oldest = own.clone().min_by_key(|(_, other)| other.until).map(|(key, _)| *key);
        if own.count() >= MAX_OF_SESSION
            && let Some(oldest) = oldest
        {
            waiting.remove(&oldest);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::testing::{ann, standard, with_ann};

    #[tokio::test]
    async fn every_tab_has_a_code_and_no_session_has_all() {
        let fixture = with_ann(standard()).await;
        let mut sessions = Vec::new();
        for _ in 0..2 {
            let issued = fixture.login(&ann()).await.unwrap();
            sessions.push(fixture.accounts.session(issued.id.expose()).await.unwrap());
        }
        let codes = Codes::default();
        let issue = |session: &Arc<Session>, now: i64| {
            let (host, browser) = ("two.example".to_owned(), "b".to_owned());
            codes
                .issue(Code { session: Arc::clone(session), host, browser, until: now + 30_000 }, now)
                .unwrap()
        };
        let other = issue(&sessions[1], 0);
        let mut own = Vec::new();
        for now in 0..MAX_WAITING as i64 {
            own.push(issue(&sessions[0], now));
        }
        let last = own.split_off(own.len() - MAX_OF_SESSION);
        for code in last.iter().chain([&other]) {
            assert!(codes.take(code).is_some() && codes.take(code).is_none());
        }
        assert!(own.iter().all(|code| codes.take(code).is_none()));
    }
}
