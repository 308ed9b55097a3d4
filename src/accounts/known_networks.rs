//! The networks that an account was used from, so that a login from a new one can be mailed to its owner, and wrong
//! passwords from elsewhere do not use up the attempts of the owner.
//!
//! A network is the block of addresses that a provider usually gives one site: a /24 of IPv4, a /48 of IPv6. Devices are
//! not told apart: what a client says of itself can be copied.

use std::net::IpAddr;

use super::Actor;
use crate::store::User;

/// Networks that are remembered for an account.
const MOST: usize = 20;

/// What a login tells about its network.
pub(super) enum Network {
    /// The account was used from it, or it has none because an operator is at work.
    Known,
    /// It is new. Here is the row that remembers it.
    New {
        user: Box<User>,
        /// Whether the account was used from another one before. The first network of an account is no news.
        is_news: bool,
    },
}

/// The network of an actor, if the account was used from it.
pub(super) fn known(actor: Actor<'_>, user: &User) -> Option<u64> {
    let Actor::Client { address, .. } = actor else { return None };
    Some(number(address)).filter(|network| user.networks.contains(network))
}

impl Network {
    /// The network of a login.
    pub(super) fn of(actor: Actor<'_>, user: &User) -> Self {
        let Actor::Client { address, .. } = actor else { return Self::Known };
        if known(actor, user).is_some() {
            return Self::Known;
        }
        let network = number(address);
        let mut user = user.clone();
        let is_news = !user.networks.is_empty();
        let surplus = (user.networks.len() + 1).saturating_sub(MOST);
        user.networks.drain(..surplus);
        user.networks.push(network);
        Self::New { user: Box::new(user), is_news }
    }
}

/// The block of an address, in one number for both kinds.
fn number(address: IpAddr) -> u64 {
    let first = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            (4 << 56) | first(&[a, b, c])
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, ..] = v6.octets();
            (6 << 56) | first(&[a, b, c, d, e, f])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_a_block_of_addresses() {
        let same = |one: &str, other: &str| number(one.parse().unwrap()) == number(other.parse().unwrap());
        for (one, other, expected) in [
            ("192.0.2.1", "192.0.2.254", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("192.0.2.1", "::ffff:192.0.2.7", true),
            ("2001:db8:1:2::1", "2001:db8:1:ffff::9", true),
            ("2001:db8:1::1", "2001:db8:2::1", false),
            ("0.0.0.1", "::1", false),
        ] {
            assert_eq!(same(one, other), expected, "{one} {other}");
        }
    }
}
