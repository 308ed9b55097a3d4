//! The state of a rate limiter: a table of fixed size for any number of clients.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use governor::{nanos::Nanos, state::StateStore};

/// Clients that one limiter can distinguish at a time, in 1 MiB. An attacker with more networks than that is
/// not stopped by counting addresses.
pub(super) const CAPACITY: usize = 65_536;

/// Entries of a bucket, which share a lock. A key may be in any of them.
const WAYS: usize = 8;

/// Buckets that are allocated together, in 8 KiB. The table takes memory only as clients arrive.
const SEGMENT: usize = 64;

/// Hashed keys with governor's theoretical arrival times. Clones are one table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    segments: Arc<[OnceLock<Segment>]>,
    buckets: usize,
}

type Segment = Box<[Mutex<Bucket>]>;

type Bucket = [Entry; WAYS];

/// An entry. Key 0 marks an empty one.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: u64,
    /// The time at which the key's bucket is full again. The earlier, the less is lost by evicting the entry.
    whole_at: Nanos,
}

impl Table {
    /// A table of `capacity` entries, rounded up to a power of two.
    pub(super) fn new(capacity: usize) -> Self {
        let buckets = capacity.div_ceil(WAYS).next_power_of_two();
        let segments = buckets.div_ceil(SEGMENT);
        Self { segments: (0..segments).map(|_| OnceLock::new()).collect(), buckets }
    }

    /// The time at which a key's bucket is full again; `None` if nothing is known of it.
    pub(super) fn whole_at(&self, key: u64) -> Option<Nanos> {
        let key = key.max(1);
        let bucket = self.bucket(key)?.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.iter().find(|entry| entry.key == key).map(|entry| entry.whole_at)
    }

    fn bucket(&self, key: u64) -> Option<&Mutex<Bucket>> {
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
        let bucket = key as usize & self.buckets.wrapping_sub(1);
        // Low bits select the bucket: the keys are hashes, so they are spread evenly.
        let segment = self.segments.get(bucket / SEGMENT)?;
        segment.get_or_init(|| self.segment()).get(bucket % SEGMENT)
    }

    fn segment(&self) -> Segment {
        let empty = Entry { key: 0, whole_at: Nanos::new(0) };
        (0..self.buckets.min(SEGMENT)).map(|_| Mutex::new([empty; WAYS])).collect()
    }
}

impl StateStore for Table {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // 0 marks an empty entry.
        let key = (*key).max(1);
        // A missing bucket cannot happen; the request then counts as the first of its client.
        let Some(bucket) = self.bucket(key) else { return measure(None).map(|(outcome, _)| outcome) };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let known = bucket.iter_mut().find(|entry| entry.key == key);
        // A refused request does not change its entry, so waiting helps.
        let (outcome, whole_at) = measure(known.as_ref().map(|entry| entry.whole_at))?;
        if let Some(entry) = known {
            entry.whole_at = whole_at;
        // The evicted client starts again with a full bucket, which is the error that a bounded table has to
        // make.
        } else if let Some(place) = bucket.iter_mut().min_by_key(|entry| entry.rank()) {
            *place = Entry { key, whole_at };
        }
        Ok(outcome)
    }
}

impl Entry {
    /// Eviction order, the lowest first: an empty entry, then the one whose bucket is full again the earliest.
    fn rank(&self) -> (bool, Nanos) {
        (self.key != 0, self.whole_at)
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
        assert_eq!(kept(&table), 64);
    }

    /// Entries that are taken, of the segments that are allocated.
    fn kept(table: &Table) -> usize {
        let buckets = table.segments.iter().filter_map(OnceLock::get).flatten();
        buckets.map(|bucket| bucket.lock().unwrap().iter().filter(|entry| entry.key != 0).count()).sum()
    }

    #[test]
    fn memory_is_taken_as_clients_come() {
        let table = Table::new(CAPACITY);
        let allocated = || table.segments.iter().filter(|segment| segment.get().is_some()).count();
        assert_eq!(allocated(), 0);
        for key in [0, 1, 7] {
            let _: Result<(), ()> = table.measure_and_replace(&key, |_| Ok(((), Nanos::new(1))));
        }
        assert_eq!((allocated(), kept(&table)), (1, 2), "keys 0 and 1 are one client");
    }

    #[test]
    fn the_most_replenished_entry_makes_room() {
        let (limiter, clock) = limiter(WAYS, 2);
        let ok = |key: u64| limiter.check_key(&(key + 1)).is_ok();
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
        assert_eq!(kept(&table), 0);
    }

    proptest! {
        /// As long as there is room, it counts as governor's own unbounded store does.
        #[test]
        fn counts_as_governors_own_store(steps in prop::collection::vec((1_u64..9, 0_u64..400), 1..200)) {
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
