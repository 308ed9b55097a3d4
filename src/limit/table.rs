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

const EMPTY: Entry = Entry { key: 0, whole_at: Nanos::new(0) };

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

    /// Lets a key's bucket be full again earlier, by `time`.
    pub(super) fn sooner(&self, key: u64, time: Nanos) {
        self.change(key, |entry| entry.whole_at = entry.whole_at.saturating_sub(time));
    }

    /// Forgets a key.
    pub(super) fn forget(&self, key: u64) {
        self.change(key, |entry| *entry = EMPTY);
    }

    fn change(&self, key: u64, change: impl FnOnce(&mut Entry)) {
        let key = key.max(1);
        let Some(bucket) = self.bucket(key) else { return };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = bucket.iter_mut().find(|entry| entry.key == key) {
            change(entry);
        }
    }

    fn bucket(&self, key: u64) -> Option<&Mutex<Bucket>> {
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
        let bucket = key as usize & self.buckets.wrapping_sub(1);
        // Low bits select the bucket: the keys are hashes, so they are spread evenly.
        let segment = self.segments.get(bucket / SEGMENT)?;
        segment.get_or_init(|| self.segment()).get(bucket % SEGMENT)
    }

    fn segment(&self) -> Segment {
        (0..self.buckets.min(SEGMENT)).map(|_| Mutex::new([EMPTY; WAYS])).collect()
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

    /// What limiter memory costs: with `--ignored --nocapture` it prints the resident memory before and after.
    #[test]
    #[ignore = "takes a while in a debug build; measures memory"]
    fn five_million_keys_leave_memory_flat() {
        let resident = || -> u64 {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        let hasher = std::hash::RandomState::new();
        let (limiter, _clock) = limiter(CAPACITY, 10);
        let fill = |keys: std::ops::Range<u64>| {
            for key in keys {
                let _ = limiter.check_key(&std::hash::BuildHasher::hash_one(&hasher, key));
            }
            resident()
        };
        let before = resident();
        let (full, later) = (fill(0..500_000), fill(500_000..5_000_000));
        println!(
            "resident memory in KiB: {before} empty, {full} after 500,000 keys, {later} after 5,000,000"
        );
        assert!(later - full < 1024, "{full} KiB, then {later}");
    }

    /// Entries that are taken, of the segments that are allocated.
    fn kept(table: &Table) -> usize {
        let buckets = table.segments.iter().filter_map(OnceLock::get).flatten();
        buckets.map(|bucket| bucket.lock().unwrap().iter().filter(|entry| entry.key != 0).count()).sum()
    }

    #[test]
    fn five_million_keys_take_the_memory_of_the_capacity() {
        let hasher = std::hash::RandomState::new();
        let table = Table::new(CAPACITY);
        for key in 0..5_000_000_u64 {
            let key = std::hash::BuildHasher::hash_one(&hasher, key);
            let _: Result<(), ()> = table.measure_and_replace(&key, |_| Ok(((), Nanos::new(key))));
        }
        let entries: usize =
            table.segments.iter().filter_map(OnceLock::get).map(|segment| segment.len() * WAYS).sum();
        assert_eq!((entries, kept(&table)), (CAPACITY, CAPACITY));
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
    fn a_key_can_be_set_back_and_forgotten() {
        let (limiter, _clock) = limiter(WAYS, 2);
        let table = limiter.into_state_store();
        let set = |key: u64, at| table.measure_and_replace(&key, |_| Ok::<_, ()>(((), Nanos::new(at))));
        let at = |key: u64| {
            let seen = table.measure_and_replace(&key, Err::<((), Nanos), _>);
            seen.unwrap_err().map(|at| at.as_u64())
        };
        set(1, 50).unwrap();
        set(2, 60).unwrap();
        table.sooner(1, Nanos::new(20));
        table.sooner(3, Nanos::new(20));
        assert_eq!((at(1), at(2), at(3)), (Some(30), Some(60), None));
        table.sooner(1, Nanos::new(99));
        table.forget(2);
        assert_eq!((at(1), at(2), kept(&table)), (Some(0), None, 1));
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
