//! Caches the session of a connection's last `Authorization` or `Cookie`.

use std::{
    cell::{Cell, RefCell},
    fmt,
    sync::Arc,
};

use arc_swap::{ArcSwap, cache::Cache};
use zeroize::Zeroizing;

use super::session::{Field, Known, Lone};
use crate::{
    identity::TokenHash,
    store::{Session, Subject},
};

/// The session for the last value of `Authorization` or `Cookie` on a connection. Most clients send the same token with all
/// requests, so the value is parsed, hashed and looked up twice per connection instead of once per request.
///
/// INVARIANT: the cache never makes a token valid. It returns the session that the index had for exactly this value, and
/// only while that session is still in the index ([`Session::is_indexed`]). Every request still checks the session's end,
/// its user and its epoch.
#[derive(Default)]
pub(super) struct LastCaller {
    seen: Cell<Option<TokenHash>>,
    entry: RefCell<Option<Entry>>,
}

struct Entry {
    /// The field.
    field: Field,
    /// Its value.
    value: Zeroizing<Vec<u8>>,
    session: Arc<Session>,
    /// `None` while a request uses it.
    known: Option<Known>,
    /// The user's current row. Reading it is one atomic load if it has not changed.
    subject: Cache<Arc<ArcSwap<Subject>>, Arc<Subject>>,
}

impl LastCaller {
    /// Returns the caller for a value if it is the cached one, with the current row of the user. The caller must be
    /// returned with [`Self::give_back`], otherwise the next request looks it up again.
    pub(super) fn recall(&self, field: Field, value: &[u8]) -> Option<Known> {
        let mut entry = self.entry.borrow_mut();
        let is_it = |entry: &&mut Entry| entry.field == field && is_same(&entry.value, value);
        let entry = entry.as_mut().filter(is_it).filter(|entry| entry.session.is_indexed())?;
        let current = entry.subject.load();
        let mut known = entry.known.take()?;
        if !Arc::ptr_eq(current, &known.subject) {
            known.subject = Arc::clone(current);
        }
        Some(known)
    }

    /// Returns a caller to the cache. It is moved and not cloned, because the clones and drops of two `Arc`s are four
    /// locked instructions per request.
    pub(super) fn give_back(&self, known: Known) {
        if let Some(entry) = &mut *self.entry.borrow_mut()
            && Arc::ptr_eq(&entry.session, &known.session)
        {
            entry.known = Some(known);
        }
    }

    /// Caches the caller for a value when it is seen twice in a row, so that a connection with the requests of many
    /// callers allocates nothing. `is_indexed`: whether the session is in the index.
    pub(super) fn note(&self, lone: Lone<'_>, known: &Known, is_indexed: impl FnOnce() -> bool) {
        let Lone { field, value } = lone;
        let Known { session, .. } = known;
        let is_second = self.seen.replace(Some(session.hash)) == Some(session.hash);
        if !is_second || value.len() > LONGEST || !is_indexed() {
            return;
        }
        *self.entry.borrow_mut() = Some(Entry {
            field,
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

/// Compares in constant time for values of one length. A proxy may send the requests of several clients on one
/// connection, and the time must not reveal how much of another client's token a value matches.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let ((words, rest), (other_words, other_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let pairs = words.iter().zip(other_words).map(|(a, b)| (u64::from_ne_bytes(*a), u64::from_ne_bytes(*b)));
    let rest = rest.iter().zip(other_rest).map(|(a, b)| (u64::from(*a), u64::from(*b)));
    a.len() == b.len() && pairs.chain(rest).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// The longest value that is cached, in bytes. It bounds the memory of an idle connection.
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
