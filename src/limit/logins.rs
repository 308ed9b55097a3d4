//! Failed logins of one account, counted so that the account is slowed and its owner is not locked out.
//!
//! An account has several budgets of the same size: one for each network that it was used from, one for its own sessions,
//! and one that all other clients share. So strangers use up only their own.

use std::hash::{BuildHasher, Hash};

use governor::clock::Clock;

use super::Limits;
use crate::{identity::UserId, rate::Exceeded};

/// The budget that a check of a password counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Budget<'a> {
    /// Of all clients that the account does not know.
    Strangers(&'a UserId),
    /// Of a network that the account was used from.
    Network(&'a UserId, u64),
    /// Of the account's own sessions, which change a password.
    Sessions(&'a UserId),
}

/// A check of a password that is counted as a failure until it is given back.
#[derive(Clone, Copy, Debug)]
#[must_use = "a check that did not fail is given back"]
pub struct Attempt(Option<Counted>);

#[derive(Clone, Copy, Debug)]
struct Counted {
    is_account: bool,
    key: u64,
}

impl Attempt {
    /// An attempt that no limit counts.
    pub const FREE: Self = Self(None);
}

impl<C: Clock + Clone> Limits<C> {
    /// Whether failed logins are counted by account.
    #[must_use]
    pub fn counts_accounts(&self) -> bool {
        self.account.is_some()
    }

    /// Counts the check of a password of an account. It counts at once, so that checks in progress count, too.
    ///
    /// # Errors
    /// [`Exceeded`] when the budget is used up.
    pub fn attempt(&self, budget: Budget<'_>) -> Result<Attempt, Exceeded> {
        self.counted(true, &budget)
    }

    /// The same for a name that no account has. It has a table of its own: names that clients invent take no room of
    /// accounts, and are answered like them.
    ///
    /// # Errors
    /// [`Exceeded`] when the budget of the name is used up.
    pub fn attempt_unknown(&self, name: &impl Hash) -> Result<Attempt, Exceeded> {
        self.counted(false, name)
    }

    fn counted(&self, is_account: bool, of: &impl Hash) -> Result<Attempt, Exceeded> {
        let Some(limiter) = (if is_account { &self.account } else { &self.unknown }) else {
            return Ok(Attempt::FREE);
        };
        let key = self.hasher.hash_one(of);
        match limiter.check(key) {
            Ok(()) => Ok(Attempt(Some(Counted { is_account, key }))),
            Err(exceeded) => self.refuse(exceeded).map(|()| Attempt::FREE),
        }
    }

    /// Gives back an attempt that was no failure.
    pub fn give_back(&self, attempt: Attempt) {
        let Attempt(Some(Counted { is_account, key })) = attempt else { return };
        if let Some(limiter) = if is_account { &self.account } else { &self.unknown } {
            limiter.give_back(key);
        }
    }

    /// Forgets the failed logins of an account. `networks`: those that it was used from.
    pub fn forget(&self, user: &UserId, networks: &[u64]) {
        let Some(limiter) = &self.account else { return };
        let known = networks.iter().map(|network| Budget::Network(user, *network));
        for budget in [Budget::Strangers(user), Budget::Sessions(user)].into_iter().chain(known) {
            limiter.forget(self.hasher.hash_one(budget));
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::{limit::Settings, rate::LimitName};

    fn limits(rate: &str, shadow: Vec<LimitName>) -> Limits<FakeRelativeClock> {
        let settings =
            Settings { login_per_account: Some(rate.parse().unwrap()), shadow, ..Settings::default() };
        Limits::with_clock(&settings, &FakeRelativeClock::default())
    }

    #[test]
    fn each_budget_of_an_account_is_used_up_for_itself() {
        let limits = limits("2/hour", Vec::new());
        let (ann, bob) = (UserId::Number(1), UserId::Number(2));
        for budget in [
            Budget::Strangers(&ann),
            Budget::Network(&ann, 7),
            Budget::Network(&ann, 8),
            Budget::Sessions(&ann),
            Budget::Strangers(&bob),
        ] {
            let passed = (0..4).filter(|_| limits.attempt(budget).is_ok()).count();
            assert_eq!(passed, 2, "{budget:?}");
        }
        let passed = |name: &str| (0..4).filter(|_| limits.attempt_unknown(&name).is_ok()).count();
        assert_eq!((passed("eve"), passed("mallory")), (2, 2));
        let Err(exceeded) = limits.attempt_unknown(&"eve") else { panic!("let through") };
        assert_eq!(exceeded.limit, LimitName::LoginPerAccount, "as for an account");
    }

    #[test]
    fn what_did_not_fail_is_given_back() {
        let limits = limits("2/hour", Vec::new());
        let ann = UserId::Number(1);
        for _ in 0..5 {
            let attempt = limits.attempt(Budget::Strangers(&ann)).unwrap();
            limits.give_back(attempt);
        }
        let (Ok(first), Ok(_)) =
            (limits.attempt(Budget::Strangers(&ann)), limits.attempt(Budget::Strangers(&ann)))
        else {
            panic!("refused")
        };
        assert!(limits.attempt(Budget::Strangers(&ann)).is_err(), "checks in progress count");
        limits.give_back(first);
        assert!(limits.attempt(Budget::Strangers(&ann)).is_ok());
        assert!(limits.attempt(Budget::Strangers(&ann)).is_err(), "the other one is still counted");
    }

    #[test]
    fn an_account_can_be_forgotten() {
        let limits = limits("1/hour", Vec::new());
        let (ann, bob) = (UserId::Number(1), UserId::Number(2));
        let all = [Budget::Strangers(&ann), Budget::Network(&ann, 7), Budget::Sessions(&ann)];
        let refused = || all.iter().filter(|budget| limits.attempt(**budget).is_err()).count();
        assert_eq!((refused(), refused()), (0, 3));
        let _ = limits.attempt(Budget::Strangers(&bob));
        limits.forget(&ann, &[7]);
        assert_eq!(refused(), 0);
        assert!(limits.attempt(Budget::Strangers(&bob)).is_err(), "of another account nothing is forgotten");
    }

    #[test]
    fn a_shadow_counts_and_refuses_nothing() {
        let limits = limits("1/hour", vec![LimitName::LoginPerAccount]);
        let ann = UserId::Number(1);
        for _ in 0..3 {
            // What was not counted is not given back either.
            limits.give_back(limits.attempt(Budget::Strangers(&ann)).unwrap());
        }
        assert!(limits.attempt(Budget::Strangers(&ann)).is_ok());
    }
}
