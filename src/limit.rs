//! Rate limits and limits on concurrent work of one client or user, on tables of fixed capacity
//! (docs/decisions.md section 6).

mod connections;
mod descriptors;
mod limiter;
mod logins;
mod report;
mod routes;
mod slots;
mod table;

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use governor::clock::{Clock, MonotonicClock};

pub use self::{
    connections::{Connection, Connections},
    descriptors::{PER_CONNECTION, connections_within, most_open_files, raise_open_files},
    limiter::Limiter,
    logins::{Attempt, Budget},
    routes::RouteLimit,
    slots::ConcurrencyGuard,
};
use self::{report::Report, slots::Slots};
use crate::{
    clock,
    identity::{TokenHash, UserId},
    observe::metrics::Metrics,
    rate::{Exceeded, LimitName, Rate},
};

/// The rate limits; `None` = off.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Logins from one client.
    pub login_per_client: Option<Rate>,
    /// Failed logins to one account.
    pub login_per_account: Option<Rate>,
    /// Requests for a password reset from one client.
    pub reset_per_client: Option<Rate>,
    /// Registrations from one client.
    pub register_per_client: Option<Rate>,
    /// All requests from one client.
    pub requests_per_client: Option<Rate>,
    /// All requests with one token.
    pub requests_per_token: Option<Rate>,
    /// Writes of one user's row. A write counts once for each [`PAGE`] bytes.
    pub writes_per_user: Option<Rate>,
    /// Limits that count and refuse nothing.
    pub shadow: Vec<LimitName>,
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

/// The limiters. `C` is their clock, which tests set.
#[derive(Debug)]
pub struct Limits<C: Clock = MonotonicClock> {
    login: Option<Limiter<C>>,
    /// Failed logins of accounts.
    account: Option<Limiter<C>>,
    /// Failed logins of names that no account has.
    unknown: Option<Limiter<C>>,
    reset: Option<Limiter<C>>,
    register: Option<Limiter<C>>,
    request: Option<Limiter<C>>,
    token: Option<Limiter<C>>,
    write: Option<Limiter<C>>,
    /// Those of the rates that routes have.
    routes: Mutex<Vec<Weak<Limiter<C>>>>,
    shadow: Vec<LimitName>,
    report: Option<Report>,
    slots: Slots,
    clock: C,
    /// Keyed with random bytes, so that no client can choose addresses that share an entry.
    hasher: RandomState,
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
        let limiter = |name, rate: Option<Rate>| Limiter::new(name, rate?, clock);
        Self {
            login: limiter(LimitName::LoginPerClient, settings.login_per_client),
            account: limiter(LimitName::LoginPerAccount, settings.login_per_account),
            unknown: limiter(LimitName::LoginPerAccount, settings.login_per_account),
            reset: limiter(LimitName::ResetPerClient, settings.reset_per_client),
            register: limiter(LimitName::RegisterPerClient, settings.register_per_client),
            request: limiter(LimitName::RequestsPerClient, settings.requests_per_client),
            token: limiter(LimitName::RequestsPerToken, settings.requests_per_token),
            write: limiter(LimitName::WritesPerUser, settings.writes_per_user),
            routes: Mutex::default(),
            shadow: settings.shadow.clone(),
            report: None,
            slots: Slots::default(),
            clock: clock.clone(),
            hasher: RandomState::new(),
        }
    }

    /// With metrics and log lines about requests beyond a limit.
    #[must_use]
    pub fn reported(self, metrics: Arc<Metrics>, clock: clock::Clock) -> Self {
        Self { report: Some(Report::new(metrics, clock)), ..self }
    }

    /// Counts a request. IPv6 clients are counted by their /64.
    ///
    /// # Errors
    /// [`Exceeded`] when the client has used up its rate.
    pub fn check(&self, kind: LimitKind, client: IpAddr) -> Result<(), Exceeded> {
        // A limit that is off costs nothing, not even a hash.
        let Some(limiter) = self.limiter(kind) else { return Ok(()) };
        limiter.check(self.hasher.hash_one(network(client))).or_else(|exceeded| self.refuse(exceeded))
    }

    /// How much of its rate a client has used up, in percent; 0 where the limit is off or a shadow. Asking is not counted.
    #[must_use]
    pub fn used(&self, kind: LimitKind, client: IpAddr) -> u64 {
        let enforced = self.limiter(kind).filter(|limiter| !self.shadow.contains(&limiter.name));
        enforced.map_or(0, |limiter| limiter.used(self.hasher.hash_one(network(client))))
    }

    fn limiter(&self, kind: LimitKind) -> Option<&Limiter<C>> {
        match kind {
            LimitKind::Login => self.login.as_ref(),
            LimitKind::Reset => self.reset.as_ref(),
            LimitKind::Register => self.register.as_ref(),
            LimitKind::Request => self.request.as_ref(),
        }
    }

    /// Counts a request with a token.
    ///
    /// # Errors
    /// [`Exceeded`] when the token has used up its rate.
    pub fn check_token(&self, token: &TokenHash) -> Result<(), Exceeded> {
        let Some(limiter) = &self.token else { return Ok(()) };
        limiter.check(self.hasher.hash_one(token)).or_else(|exceeded| self.refuse(exceeded))
    }

    /// Counts a write of `bytes` bytes to a user's row.
    ///
    /// # Errors
    /// [`Exceeded`] when the row was written too often.
    pub fn check_write(&self, user: &UserId, bytes: usize) -> Result<(), Exceeded> {
        let Some(limiter) = &self.write else { return Ok(()) };
        // By size: a large row costs the disk as much as many small ones.
        let pages = u32::try_from(bytes.div_ceil(PAGE)).unwrap_or(u32::MAX);
        let pages = NonZeroU32::new(pages).unwrap_or(NonZeroU32::MIN);
        limiter.check_many(self.hasher.hash_one(user), pages).or_else(|exceeded| self.refuse(exceeded))
    }

    /// Reports a request beyond a limit. It passes where the limit is only a shadow.
    fn refuse(&self, exceeded: Exceeded) -> Result<(), Exceeded> {
        let is_shadow = self.shadow.contains(&exceeded.limit);
        if let Some(report) = &self.report {
            report.exceeded(&exceeded, is_shadow);
        }
        if is_shadow { Ok(()) } else { Err(exceeded) }
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

/// The rate of writes of one user's row: two a second if it is small, two a minute if it has the maximum size.
pub const WRITES_PER_USER: Rate = Rate { burst: 120, period: Duration::from_secs(60) };

/// The number of bytes of a row that count as one write.
pub const PAGE: usize = 4096;

/// The address that identifies a client: an IPv4 address, or the /64 of an IPv6 address, which one host usually
/// has for itself.
fn network(client: IpAddr) -> IpAddr {
    // An IPv4 address that is mapped to IPv6 is the same client.
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
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
        let Exceeded { wait, limit, .. } = limits.check(LimitKind::Login, ip("192.0.2.1")).unwrap_err();
        assert_eq!(limit, LimitName::LoginPerClient);
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
    fn a_token_has_a_rate_of_its_own() {
        let settings =
            Settings { requests_per_token: Some("2/minute".parse().unwrap()), ..Settings::default() };
        let limits = Limits::with_clock(&settings, &FakeRelativeClock::default());
        for token in ["a", "b"] {
            let passed = (0..4).filter(|_| limits.check_token(&TokenHash::of(token)).is_ok()).count();
            assert_eq!(passed, 2, "{token}");
        }
        let off = Limits::with_clock(&Settings::default(), &FakeRelativeClock::default());
        assert!((0..100).all(|_| off.check_token(&TokenHash::of("a")).is_ok()));
    }

    #[test]
    fn a_shadow_lets_requests_through_and_counts_them() {
        let rate = Some("1/minute".parse().unwrap());
        let settings = Settings {
            login_per_client: rate,
            reset_per_client: rate,
            shadow: vec![LimitName::LoginPerClient],
            ..Settings::default()
        };
        let metrics = Metrics::new();
        let limits = Limits::with_clock(&settings, &FakeRelativeClock::default())
            .reported(Arc::clone(&metrics), clock::Clock::System);
        let passed = |kind| (0..4).filter(|_| limits.check(kind, ip("::1")).is_ok()).count();
        assert_eq!((passed(LimitKind::Login), passed(LimitKind::Reset)), (4, 1));
        let page = metrics.render(&crate::observe::metrics::Gauges::default());
        for line in [
            "portcullis_limited_total{limit=\"login_per_client\",mode=\"shadow\"} 3\n",
            "portcullis_limited_total{limit=\"reset_per_client\",mode=\"enforced\"} 3\n",
        ] {
            assert!(page.contains(line), "{page}");
        }
    }
}
