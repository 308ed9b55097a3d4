//! The limiters' memory: a table that never grows, however many clients there are.

use std::sync::{Mutex, PoisonError};

use governor::{nanos::Nanos, state::StateStore};

/// Clients that one limiter tells apart at a time: 1.5 MiB. Who has more networks than that to come from is not
/// stopped by counting addresses.
pub(super) const CAPACITY: usize = 65_536;

/// Entries that share a lock. A key may take any place in its bucket.
const WAYS: usize = 8;

/// Keys that are hashed already, and governor's theoretical arrival times.
#[derive(Debug)]
pub(super) struct Table {
    buckets: Box<[Mutex<Bucket>]>,
}

type Bucket = [Option<Entry>; WAYS];

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: u64,
    /// When the key's allowance will be whole again: the earlier, the less an entry is worth.
    whole_at: Nanos,
}

impl Table {
    /// A table of `capacity` entries, rounded up to a power of two.
    pub(super) fn new(capacity: usize) -> Self {
        let buckets = capacity.div_ceil(WAYS).next_power_of_two();
        Self { buckets: (0..buckets).map(|_| Mutex::default()).collect() }
    }

    fn bucket(&self, key: u64) -> Option<&Mutex<Bucket>> {
        let mask = self.buckets.len().wrapping_sub(1);
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
        self.buckets.get(key as usize & mask)
    }
}

impl StateStore for Table {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let Some(bucket) = self.bucket(*key) else { return measure(None).map(|(outcome, _)| outcome) };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let known = bucket.iter_mut().flatten().find(|entry| entry.key == *key);
        let (outcome, whole_at) = measure(known.as_ref().map(|entry| entry.whole_at))?;
        if let Some(entry) = known {
            entry.whole_at = whole_at;
        } else if let Some(place) = bucket.iter_mut().min_by_key(|place| place.map(|entry| entry.whole_at)) {
            // An empty place comes first, then the entry that is the most replenished.
            *place = Some(Entry { key: *key, whole_at });
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use governor::{Quota, RateLimiter, clock::FakeRelativeClock, middleware::NoOpMiddleware};
    use proptest::prelude::*;

    use super::*;

    type Limiter = RateLimiter<u64, Table, FakeRelativeClock, NoOpMiddleware<Nanos>>;

    fn limiter(capacity: usize, burst: u32) -> (Limiter, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let quota = Quota::per_second(NonZeroU32::new(burst).unwrap());
        (RateLimiter::new(quota, Table::new(capacity), clock.clone()), clock)
    }

    #[test]
    fn many_keys_make_it_no_larger() {
        let table = Table::new(64);
        for key in 0..10_000_u64 {
            let _: Result<(), ()> = table.measure_and_replace(&key, |_| Ok(((), Nanos::new(key))));
        }
        let kept: usize =
            table.buckets.iter().map(|bucket| bucket.lock().unwrap().iter().flatten().count()).sum();
        assert_eq!(kept, 64);
    }

    #[test]
    fn the_most_replenished_entry_makes_room() {
        let (limiter, clock) = limiter(WAYS, 2);
        let ok = |key: u64| limiter.check_key(&key).is_ok();
        assert!(ok(0));
        clock.advance(Duration::from_millis(100));
        for key in 1..8 {
            assert!(ok(key) && ok(key) && !ok(key), "{key}");
        }
        assert!(ok(100), "takes the place of 0, which is the nearest to whole");
        for key in 1..8 {
            assert!(!ok(key), "{key} is still held");
        }
    }

    #[test]
    fn a_refusal_takes_no_place() {
        let table = Table::new(WAYS);
        let refused: Result<(), ()> = table.measure_and_replace(&1, |_| Err(()));
        assert!(refused.is_err());
        assert!(table.buckets.iter().all(|bucket| bucket.lock().unwrap().iter().all(Option::is_none)));
    }

    proptest! {
        /// As long as there is room, it counts as governor's own unbounded store does.
        #[test]
        fn counts_as_governors_own_store(steps in prop::collection::vec((0_u64..8, 0_u64..400), 1..200)) {
            let (limiter, clock) = limiter(WAYS * 8, 3);
            let quota = Quota::per_second(NonZeroU32::new(3).unwrap());
            let reference: RateLimiter<u64, governor::state::keyed::HashMapStateStore<u64>, _, NoOpMiddleware<Nanos>> =
                RateLimiter::new(quota, governor::state::keyed::HashMapStateStore::default(), clock.clone());
            for (key, millis) in steps {
                clock.advance(Duration::from_millis(millis));
                prop_assert_eq!(limiter.check_key(&key).is_ok(), reference.check_key(&key).is_ok());
            }
        }
    }
}
