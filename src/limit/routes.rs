//! Limits that routes of policy files have.

use std::{
    hash::{BuildHasher, Hash},
    net::IpAddr,
    sync::{Arc, PoisonError, Weak},
};

use governor::clock::{Clock, MonotonicClock};

use super::{Limits, limiter::Limiter, network};
use crate::{
    identity::UserId,
    rate::{Exceeded, LimitName, Rate},
};

/// The limit of a route. Routes of the same rate share a table.
#[derive(Clone, Debug)]
pub struct RouteLimit<C: Clock = MonotonicClock> {
    limiter: Arc<Limiter<C>>,
    /// The hashed name of the route. An index would be another route's after a reload.
    route: u64,
}

impl<C: Clock + Clone> Limits<C> {
    /// The limit of a route. What was counted outlasts a reload that keeps the rate. `app`: its name, where there are
    /// several.
    #[must_use]
    pub fn of_route(&self, app: Option<&str>, route: &str, rate: Rate) -> Option<RouteLimit<C>> {
        let mut rates = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        rates.retain(|known| known.strong_count() > 0);
        let known = rates.iter().filter_map(Weak::upgrade).find(|known| known.rate == rate);
        let limiter = match known {
            Some(known) => known,
            None => {
                let limiter = Arc::new(Limiter::new(LimitName::Routes, rate, &self.clock)?);
                rates.push(Arc::downgrade(&limiter));
                limiter
            }
        };
        Some(RouteLimit { limiter, route: self.hasher.hash_one((app, route)) })
    }

    /// Counts a request to a route: of the user, or of the client if there is none.
    ///
    /// # Errors
    /// [`Exceeded`] when the caller has used up the rate.
    pub fn check_route(
        &self,
        limit: &RouteLimit<C>,
        user: Option<&UserId>,
        client: IpAddr,
    ) -> Result<(), Exceeded> {
        let key = self.hasher.hash_one((limit.route, Caller::of(user, client)));
        limit.limiter.check(key).or_else(|exceeded| self.refuse(exceeded))
    }
}

#[derive(Hash)]
enum Caller<'a> {
    User(&'a UserId),
    Client(IpAddr),
}

impl<'a> Caller<'a> {
    fn of(user: Option<&'a UserId>, client: IpAddr) -> Self {
        user.map_or_else(|| Self::Client(network(client)), Self::User)
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::limit::Settings;

    #[test]
    fn callers_and_routes_are_counted_apart() {
        let limits = Limits::with_clock(&Settings::default(), &FakeRelativeClock::default());
        let rate: Rate = "2/minute".parse().unwrap();
        let of = |route| limits.of_route(None, route, rate).unwrap();
        let (find, create) = (of("Order.find"), of("Order.create"));
        let (ann, bob) = (UserId::Number(1), UserId::Number(2));
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for (limit, user, client, expected) in [
            (&find, Some(&ann), one, 2),
            (&find, Some(&ann), other, 0),
            (&find, Some(&bob), one, 2),
            (&find, None, one, 2),
            (&find, None, other, 2),
            (&create, Some(&ann), one, 2),
        ] {
            let passed = (0..3).filter(|_| limits.check_route(limit, user, client).is_ok()).count();
            assert_eq!(passed, expected, "{user:?} {client}");
        }
        let shop = limits.of_route(Some("shop"), "Order.find", rate).unwrap();
        assert!(limits.check_route(&shop, Some(&ann), one).is_ok(), "of another app");
    }

    #[test]
    fn a_reload_keeps_the_counts_of_a_rate_and_drops_unused_tables() {
        let limits = Limits::with_clock(&Settings::default(), &FakeRelativeClock::default());
        let client = "192.0.2.1".parse().unwrap();
        let of = |rate: &str| limits.of_route(None, "Order.find", rate.parse().unwrap()).unwrap();
        let before = of("1/minute");
        assert!(limits.check_route(&before, None, client).is_ok());
        let after = of("1/minute");
        drop(before);
        assert!(limits.check_route(&after, None, client).is_err());
        drop(after);
        assert!(limits.check_route(&of("2/minute"), None, client).is_ok());
        assert_eq!(limits.routes.lock().unwrap().len(), 1, "one rate for each reload would be a leak");
    }
}
