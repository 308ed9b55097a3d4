//! The last caller of a connection.

use std::{
    cell::{Cell, RefCell},
    fmt,
    sync::Arc,
};

use arc_swap::{ArcSwap, cache::Cache};
use zeroize::Zeroizing;

use super::session::Known;
use crate::{
    identity::TokenHash,
    store::{Session, Subject},
};

/// The session that the `Authorization` of the last requests of a connection named. Most clients send one token with all
/// of their requests: it is read, hashed and looked up twice on a connection, and not with each request.
///
/// INVARIANT: it makes no token good. It gives the session that the index had for the very same value, and only as long
/// as that session is still in the index ([`Session::is_indexed`]); whether the session is good is asked each time.
#[derive(Default)]
pub(super) struct LastCaller {
    seen: Cell<Option<TokenHash>>,
    entry: RefCell<Option<Entry>>,
}

struct Entry {
    value: Zeroizing<Vec<u8>>,
    session: Arc<Session>,
    /// `None` while a request has it.
    known: Option<Known>,
    /// The row as it is now, by one load.
    subject: Cache<Arc<ArcSwap<Subject>>, Arc<Subject>>,
}

impl LastCaller {
    /// Whose value this is, with their row as it is now, if it is the one that was noted. To be given back.
    pub(super) fn recall(&self, value: &[u8]) -> Option<Known> {
        let mut entry = self.entry.borrow_mut();
        let entry =
            entry.as_mut().filter(|entry| is_same(&entry.value, value) && entry.session.is_indexed())?;
        let current = entry.subject.load();
        let mut known = entry.known.take()?;
        if !Arc::ptr_eq(current, &known.subject) {
            known.subject = Arc::clone(current);
        }
        Some(known)
    }

    /// Takes back what [`Self::recall`] gave, or what was noted: moved and not cloned, as a clone and its end are four
    /// locked instructions a request.
    pub(super) fn give_back(&self, known: Known) {
        if let Some(entry) = &mut *self.entry.borrow_mut()
            && Arc::ptr_eq(&entry.session, &known.session)
        {
            entry.known = Some(known);
        }
    }

    /// Notes whom a value names, if that `holds` for each request with it. At the second time in a row, so that a
    /// connection that carries the requests of many callers pays nothing.
    pub(super) fn note(&self, value: &[u8], known: &Known, holds: impl FnOnce() -> bool) {
        let Known { session, .. } = known;
        let is_second = self.seen.replace(Some(session.hash)) == Some(session.hash);
        if !is_second || value.len() > LONGEST || !holds() {
            return;
        }
        *self.entry.borrow_mut() = Some(Entry {
            value: Zeroizing::new(value.to_owned()),
            session: Arc::clone(session),
            known: None,
            subject: Cache::new(Arc::clone(&session.subject)),
        });
    }
}

/// Without the token.
impl fmt::Debug for LastCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastCaller").finish_non_exhaustive()
    }
}

/// Compares all bytes whatever the first ones are: a connection may carry requests of other clients, and the time must
/// not tell them how much of a token they have guessed.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let ((words, rest), (other_words, other_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let pairs = words.iter().zip(other_words).map(|(a, b)| (u64::from_ne_bytes(*a), u64::from_ne_bytes(*b)));
    let rest = rest.iter().zip(other_rest).map(|(a, b)| (u64::from(*a), u64::from(*b)));
    a.len() == b.len() && pairs.chain(rest).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// A longer value is looked up each time: a connection at rest keeps no more than this.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_value_is_the_same() {
        for (token, same) in
            [("9fK2", true), ("9fK3", false), ("8fK2", false), ("9fK", false), ("9fK22", false)]
        {
            assert_eq!(is_same(b"9fK2", token.as_bytes()), same, "{token}");
        }
        assert!(!is_same(b"9fK2", b""));
        let long: Vec<u8> = (0..=200).collect();
        assert!(is_same(&long, &long.clone()));
        for at in 0..long.len() {
            let mut other = long.clone();
            other[at] ^= 1;
            assert!(!is_same(&long, &other), "{at}");
            assert!(!is_same(&long, &long[..at]), "{at}");
        }
    }
}
