//! One rate limit with its table.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, MonotonicClock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
};

use super::table::{self, Table};
use crate::rate::{Exceeded, LimitName, Rate};

/// A rate limit. `C` is its clock, which tests set.
#[derive(Debug)]
pub struct Limiter<C: Clock = MonotonicClock> {
    pub(super) name: LimitName,
    pub(super) rate: Rate,
    counts: RateLimiter<u64, Table, C, NoOpMiddleware<C::Instant>>,
    table: Table,
    /// The moment that the times of the table count from.
    start: C::Instant,
}

impl<C: Clock + Clone> Limiter<C> {
    /// A limiter that has counted nothing yet. `None` for a rate that limits nothing.
    pub(super) fn new(name: LimitName, rate: Rate, clock: &C) -> Option<Self> {
        let quota = Quota::with_period(each(rate)?)?.allow_burst(rate.burst.try_into().ok()?);
        let (table, start) = (Table::new(table::CAPACITY), clock.now());
        let counts = RateLimiter::new(quota, table.clone(), clock.clone());
        Some(Self { name, rate, counts, table, start })
    }

    /// Counts one use by a hashed key.
    pub(super) fn check(&self, key: u64) -> Result<(), Exceeded> {
        self.counts.check_key(&key).map_err(|until| self.exceeded(&until))
    }

    /// Counts `number` uses at once.
    pub(super) fn check_many(&self, key: u64, number: NonZeroU32) -> Result<(), Exceeded> {
        match self.counts.check_key_n(&key, number) {
            Ok(counted) => counted.map_err(|until| self.exceeded(&until)),
            // More than the burst, so no wait would be enough.
            Err(_) => Err(self.exceeded_for(self.rate.period)),
        }
    }

    /// How much of the rate is used up, in percent. Asking is not counted.
    pub(super) fn used(&self, key: u64) -> u64 {
        let Some(whole_at) = self.table.whole_at(key) else { return 0 };
        let now = self.counts.clock().now().duration_since(self.start);
        let missing = u128::from(whole_at.as_u64().saturating_sub(now.as_u64()));
        let percent = missing * 100 / self.rate.period.as_nanos().max(1);
        u64::try_from(percent).unwrap_or(100).min(100)
    }

    /// Takes one use back that was counted.
    pub(super) fn give_back(&self, key: u64) {
        if let Some(each) = each(self.rate) {
            self.table.sooner(key, Nanos::from(each));
        }
    }

    /// Forgets what was counted for a key.
    pub(super) fn forget(&self, key: u64) {
        self.table.forget(key);
    }

    fn exceeded(&self, until: &NotUntil<C::Instant>) -> Exceeded {
        self.exceeded_for(until.wait_time_from(self.counts.clock().now()))
    }

    fn exceeded_for(&self, wait: Duration) -> Exceeded {
        Exceeded { limit: self.name, rate: self.rate, wait }
    }
}

/// The time for one use: governor counts in it, not in uses for a time.
fn each(rate: Rate) -> Option<Duration> {
    rate.period.checked_div(rate.burst)
}
