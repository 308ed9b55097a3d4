//! Which key signs, which are published, and when the next one is made.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{KeysError, key::Key};
use crate::clock::Timestamp;

/// How long a key signs.
pub(super) const LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long a key is published before it signs, and after it has signed: longer than any app keeps a copy of the keys.
pub(super) const OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// The keys that are published, at least one.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    oldest: Arc<Key>,
    /// In the order in which they sign.
    newer: Vec<Arc<Key>>,
}

impl Keys {
    /// A new key, which signs at once.
    pub(super) fn first(now: Timestamp) -> Result<Self, KeysError> {
        Ok(Self { oldest: Arc::new(Key::generate(now)?), newer: Vec::new() })
    }

    /// These keys; `None` if there is none.
    pub(super) fn of(mut keys: Vec<Key>) -> Option<Self> {
        keys.sort_by_key(Key::signs_from);
        let mut keys = keys.into_iter().map(Arc::new);
        Some(Self { oldest: keys.next()?, newer: keys.collect() })
    }

    /// In the order in which they sign.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.oldest).chain(&self.newer).map(|key| &**key)
    }

    /// The last one.
    pub(super) fn newest(&self) -> &Key {
        self.newer.last().unwrap_or(&self.oldest)
    }

    /// The one that signs now. If the clock was set back, it may be one whose time has not come.
    pub(super) fn signing(&self, now: Timestamp) -> &Key {
        self.newer.iter().rev().find(|key| key.signs_from() <= now).unwrap_or(&self.oldest)
    }

    /// The keys as they have to be now; `None` = as they are.
    pub(super) fn rotated(&self, now: Timestamp) -> Result<Option<Self>, KeysError> {
        let mut keys = self.clone();
        // The next one has signed for so long that no app sees an assertion by the one before it.
        while keys.newer.first().is_some_and(|next| next.signs_from().plus(OVERLAP) <= now) {
            keys.oldest = keys.newer.remove(0);
        }
        let end = keys.newest().signs_from().plus(LIFE);
        if end <= now.plus(OVERLAP) {
            keys.newer.push(Arc::new(Key::generate(end.max(now.plus(OVERLAP)))?));
        }
        let is_new = !Arc::ptr_eq(&keys.oldest, &self.oldest) || keys.newer.len() != self.newer.len();
        Ok(is_new.then_some(keys))
    }

    /// The public keys as a JWK Set (RFC 7517 section 5).
    pub(super) fn jwks(&self) -> String {
        json!({"keys": self.iter().map(Key::public).collect::<Vec<_>>()}).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const START: Timestamp = Timestamp(1_795_294_271_688);

    fn ids(keys: &Keys) -> Vec<String> {
        keys.iter().map(|key| key.id().to_owned()).collect()
    }

    /// A moment, the key that signs then, and those that are published.
    type Moment = (Timestamp, String, Vec<String>);

    /// An hour at a time for so many days.
    fn lived(mut keys: Keys, from: Timestamp, days: u32) -> Vec<Moment> {
        let at = |hour| from.plus(HOUR * hour);
        let life = (0..days * 24).map(at).map(|now| {
            keys = keys.rotated(now).unwrap().unwrap_or_else(|| keys.clone());
            (now, keys.signing(now).id().to_owned(), ids(&keys))
        });
        life.collect()
    }

    #[test]
    fn a_key_is_published_for_a_day_before_and_after_it_signs() {
        let life = lived(Keys::first(START).unwrap(), START, 100);
        let mut signed: Vec<&String> = life.iter().map(|(_, signing, _)| signing).collect();
        signed.dedup();
        assert_eq!(signed.len(), 4, "one for every 30 days");
        for (at, id) in signed.iter().enumerate() {
            let moments = |wanted: &dyn Fn(&Moment) -> bool| {
                let found: Vec<_> =
                    life.iter().filter(|moment| wanted(moment)).map(|moment| moment.0).collect();
                (found[0], *found.last().unwrap())
            };
            let signs = moments(&|(_, signing, _)| signing == *id);
            let shown = moments(&|(_, _, published)| published.contains(id));
            assert!(at == 0 || shown.0.plus(OVERLAP) <= signs.0, "{at}");
            assert!(at == 3 || signs.1.plus(OVERLAP) <= shown.1.plus(HOUR), "{at}");
            assert!(at == 3 || signs.0.plus(LIFE) <= signs.1.plus(HOUR), "{at}");
        }
        assert!(life.iter().all(|(.., published)| published.len() <= 2));
    }

    #[test]
    fn after_a_long_stop_the_new_key_is_announced_first() {
        let keys = Keys::first(START).unwrap();
        let back = START.plus(LIFE * 5);
        let life = lived(keys.clone(), back, 3);
        let old = keys.newest().id();
        assert!(life.iter().take(24).all(|(_, signing, published)| signing == old && published.len() == 2));
        assert!(life[24].1 != old && life[24].2.len() == 2 && life[71].2.len() == 1);
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_a_key_that_signs() {
        let keys = Keys::first(START).unwrap();
        let before = Timestamp(START.0 - 1_000_000);
        assert!(keys.rotated(before).unwrap().is_none());
        assert_eq!(keys.signing(before).id(), keys.newest().id());
    }

    #[test]
    fn nothing_changes_before_its_time() {
        let keys = Keys::first(START).unwrap();
        let due = START.plus(LIFE - OVERLAP);
        assert!(keys.rotated(Timestamp(due.0 - 1)).unwrap().is_none());
        let both = keys.rotated(due).unwrap().unwrap();
        assert_eq!(both.newest().signs_from(), START.plus(LIFE));
        assert!(both.rotated(due).unwrap().is_none());
    }
}
