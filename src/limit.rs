//! Rate limits and limits on concurrent work of one client or user, on tables of fixed capacity
//! (docs/decisions.md section 6).

mod connections;
mod descriptors;
mod rate;
mod slots;
mod table;

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
};

pub use self::{
    connections::{Connection, Connections},
    descriptors::{PER_CONNECTION, connections_within, most_open_files, raise_open_files},
    rate::{Rate, RateError},
    slots::ConcurrencyGuard,
};
use self::{slots::Slots, table::Table};
use crate::identity::UserId;

/// The rate limits; `None` = off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Logins from one client.
    pub login_per_client: Option<Rate>,
    /// Requests for a password reset from one client.
    pub reset_per_client: Option<Rate>,
    /// Registrations from one client.
    pub register_per_client: Option<Rate>,
    /// All requests from one client.
    pub requests_per_client: Option<Rate>,
    /// Writes of one user's row. A write counts once for each [`PAGE`] bytes.
    pub writes_per_user: Option<Rate>,
}

/// The rate limit that a request counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// `POST /users/login`.
    Login,
    /// `POST /users/reset`.
    Reset,
    /// `POST /users`.
    Register,
    /// Every request.
    Request,
}

/// Expensive work of which a client or a user may have a limited number in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkKind {
    /// The check of a password.
    Login,
    /// The hashing of a new password, or the check of an old one in order to change it.
    NewPassword,
    /// The search of rows by a filter.
    Search,
}

/// The limit is exceeded; the time to wait before a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

/// The limiters. `C` is their clock, which tests set.
#[derive(Debug)]
pub struct Limits<C: Clock = MonotonicClock> {
    login: Option<Limiter<C>>,
    reset: Option<Limiter<C>>,
    register: Option<Limiter<C>>,
    request: Option<Limiter<C>>,
    write: Option<Limiter<C>>,
    slots: Slots,
    /// Keyed with random bytes, so that no client can choose addresses that share an entry.
    hasher: RandomState,
}

/// A rate limiter, and what it takes to ask it without being counted.
#[derive(Debug)]
struct Limiter<C: Clock> {
    rate: RateLimiter<u64, Table, C, NoOpMiddleware<C::Instant>>,
    table: Table,
    /// The moment that the times of the table count from.
    start: C::Instant,
    /// The time in which an empty bucket is full again.
    period: Nanos,
}

impl Limits {
    /// Creates the limiters.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self::with_clock(settings, &MonotonicClock)
    }
}

impl<C: Clock + Clone> Limits<C> {
    /// Creates the limiters with a clock.
    #[must_use]
    pub fn with_clock(settings: &Settings, clock: &C) -> Self {
        let limiter = |rate: Option<Rate>| Limiter::new(rate.as_ref()?, clock);
        Self {
            login: limiter(settings.login_per_client),
            reset: limiter(settings.reset_per_client),
            register: limiter(settings.register_per_client),
            request: limiter(settings.requests_per_client),
            write: limiter(settings.writes_per_user),
            slots: Slots::default(),
            hasher: RandomState::new(),
        }
    }

    /// Counts a request. IPv6 clients are counted by their /64.
    ///
    /// # Errors
    /// [`RetryAfter`] when the client has used up its rate.
    pub fn check(&self, kind: LimitKind, client: IpAddr) -> Result<(), RetryAfter> {
        // A limit that is off costs nothing, not even a hash.
        let Some(Limiter { rate, .. }) = self.limiter(kind) else { return Ok(()) };
        rate.check_key(&self.hasher.hash_one(network(client)))
            .map_err(|until| RetryAfter(until.wait_time_from(rate.clock().now())))
    }

    /// How much of its rate a client has used up, in percent; 0 where the limit is off. Asking is not counted.
    #[must_use]
    pub fn used(&self, kind: LimitKind, client: IpAddr) -> u64 {
        let Some(limiter) = self.limiter(kind) else { return 0 };
        let Some(whole_at) = limiter.table.whole_at(self.hasher.hash_one(network(client))) else { return 0 };
        let now = limiter.rate.clock().now().duration_since(limiter.start);
        let missing = u128::from(whole_at.as_u64().saturating_sub(now.as_u64()));
        let percent = missing * 100 / u128::from(limiter.period.as_u64().max(1));
        u64::try_from(percent).unwrap_or(100).min(100)
    }

    fn limiter(&self, kind: LimitKind) -> Option<&Limiter<C>> {
        match kind {
            LimitKind::Login => self.login.as_ref(),
            LimitKind::Reset => self.reset.as_ref(),
            LimitKind::Register => self.register.as_ref(),
            LimitKind::Request => self.request.as_ref(),
        }
    }

    /// Counts a write of `bytes` bytes to a user's row.
    ///
    /// # Errors
    /// [`RetryAfter`] when the row was written too often.
    pub fn check_write(&self, user: &UserId, bytes: usize) -> Result<(), RetryAfter> {
        let Some(Limiter { rate, .. }) = &self.write else { return Ok(()) };
        // By size: a large row costs the disk as much as many small ones.
        let pages = u32::try_from(bytes.div_ceil(PAGE)).unwrap_or(u32::MAX);
        let pages = NonZeroU32::new(pages).unwrap_or(NonZeroU32::MIN);
        match rate.check_key_n(&self.hasher.hash_one(user), pages) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(RetryAfter(until.wait_time_from(rate.clock().now()))),
            // More than the burst, so no wait would be enough.
            Err(_) => Err(RetryAfter(Duration::from_secs(60))),
        }
    }

    /// A slot for work of a client; `None` if `most` are in progress. IPv6 clients are counted by their /64.
    #[must_use]
    pub fn client_slot(&self, kind: WorkKind, client: IpAddr, most: usize) -> Option<ConcurrencyGuard> {
        self.slots.take(self.hasher.hash_one((kind, network(client))), most)
    }

    /// A slot for work of a user; `None` if one is in progress.
    #[must_use]
    pub fn user_slot(&self, kind: WorkKind, user: &UserId) -> Option<ConcurrencyGuard> {
        self.slots.take(self.hasher.hash_one((kind, user)), 1)
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn new(rate: &Rate, clock: &C) -> Option<Self> {
        let (table, start) = (Table::new(table::CAPACITY), clock.now());
        let period = Nanos::from(rate.period);
        let rate = RateLimiter::new(quota(rate)?, table.clone(), clock.clone());
        Some(Self { rate, table, start, period })
    }
}

/// The rate of writes of one user's row: two a second if it is small, two a minute if it has the maximum size.
pub const WRITES_PER_USER: Rate = Rate { burst: 120, period: Duration::from_secs(60) };

/// The number of bytes of a row that count as one write.
pub const PAGE: usize = 4096;

impl RetryAfter {
    /// The value of the header `Retry-After`: whole seconds, rounded up, at least one.
    #[must_use]
    pub fn seconds(self) -> u64 {
        let rest = u64::from(self.0.subsec_nanos() > 0);
        self.0.as_secs().saturating_add(rest).max(1)
    }
}

/// The address that identifies a client: an IPv4 address, or the /64 of an IPv6 address, which one host usually
/// has for itself.
fn network(client: IpAddr) -> IpAddr {
    // An IPv4 address that is mapped to IPv6 is the same client.
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn quota(rate: &Rate) -> Option<Quota> {
    // governor counts in the time for one request, not in requests for a time.
    let each = rate.period.checked_div(rate.burst)?;
    Some(Quota::with_period(each)?.allow_burst(rate.burst.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limits(rate: &str) -> (Limits<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let settings = Settings { login_per_client: Some(rate.parse().unwrap()), ..Settings::default() };
        (Limits::with_clock(&settings, &clock), clock)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn lets_a_burst_through_and_then_one_at_a_time() {
        let (limits, clock) = limits("10/minute");
        for _ in 0..10 {
            assert_eq!(limits.check(LimitKind::Login, ip("192.0.2.1")), Ok(()));
        }
        let RetryAfter(wait) = limits.check(LimitKind::Login, ip("192.0.2.1")).unwrap_err();
        assert_eq!(wait, Duration::from_secs(6));
        assert_eq!(limits.check(LimitKind::Login, ip("192.0.2.2")), Ok(()), "others are not touched");
        clock.advance(wait);
        assert_eq!(limits.check(LimitKind::Login, ip("192.0.2.1")), Ok(()));
        assert!(limits.check(LimitKind::Login, ip("192.0.2.1")).is_err());
        clock.advance(Duration::from_secs(60));
        assert_eq!((0..20).filter(|_| limits.check(LimitKind::Login, ip("192.0.2.1")).is_ok()).count(), 10);
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_64() {
        let (limits, _clock) = limits("1/hour");
        for (client, first) in [
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", false),
            ("192.0.2.2", true),
            ("2001:db8:0:1::1", true),
            ("2001:db8:0:1:ffff::9", false),
            ("2001:db8:0:2::1", true),
        ] {
            assert_eq!(limits.check(LimitKind::Login, ip(client)).is_ok(), first, "{client}");
        }
    }

    #[test]
    fn tells_how_much_is_used_and_does_not_count_it() {
        let (limits, clock) = limits("10/minute");
        let used = |client| limits.used(LimitKind::Login, ip(client));
        assert_eq!(used("192.0.2.1"), 0);
        for expected in [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 100] {
            let _ = limits.check(LimitKind::Login, ip("192.0.2.1"));
            assert_eq!((used("192.0.2.1"), used("::ffff:192.0.2.1")), (expected, expected));
        }
        assert_eq!((used("192.0.2.2"), limits.used(LimitKind::Register, ip("192.0.2.1"))), (0, 0));
        clock.advance(Duration::from_secs(27));
        assert_eq!(used("192.0.2.1"), 55);
        clock.advance(Duration::from_secs(60));
        assert_eq!(used("192.0.2.1"), 0);
    }

    #[test]
    fn every_door_counts_for_itself_and_may_be_off() {
        let rate = Some(Rate { burst: 1, period: Duration::from_secs(1) });
        let settings = Settings { reset_per_client: rate, register_per_client: rate, ..Settings::default() };
        let limits = Limits::with_clock(&settings, &FakeRelativeClock::default());
        for (kind, second) in [
            (LimitKind::Reset, false),
            (LimitKind::Register, false),
            (LimitKind::Login, true),
            (LimitKind::Request, true),
        ] {
            assert!(limits.check(kind, ip("::1")).is_ok(), "{kind:?}");
            assert_eq!(limits.check(kind, ip("::1")).is_ok(), second, "{kind:?}");
        }
    }

    #[test]
    fn retry_after_rounds_up() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (59_999, 60)] {
            assert_eq!(RetryAfter(Duration::from_millis(millis)).seconds(), seconds, "{millis}");
        }
    }
}
