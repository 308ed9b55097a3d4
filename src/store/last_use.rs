//! The last use of a token.

use std::{net::IpAddr, num::NonZeroU32};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The time of a token's last use, to the second, and the client's address.
// Stored as text of the address, in memory as bytes: every token has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(u32, IpAddr)", from = "(u32, IpAddr)")]
pub struct LastUse {
    /// Seconds since the Unix epoch, in 32 bits because every token has one.
    at: NonZeroU32,
    /// The client as an IPv6 address.
    client: [u8; 16],
}

impl LastUse {
    /// A use at this time, rounded down to the second, by this client.
    #[must_use]
    pub fn new(at: Timestamp, client: IpAddr) -> Self {
        // Clamped: zero is reserved for "never used" in the session.
        let seconds = u32::try_from(at.0 / 1000).unwrap_or(if at.0 < 0 { 1 } else { u32::MAX });
        Self::from((seconds, client))
    }

    /// The time; never later than the actual use.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        Timestamp(i64::from(self.at.get()) * 1000)
    }

    /// The client's address.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        IpAddr::from(self.client).to_canonical()
    }
}

impl From<(u32, IpAddr)> for LastUse {
    fn from((seconds, client): (u32, IpAddr)) -> Self {
        let client = match client {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        Self { at: NonZeroU32::new(seconds).unwrap_or(NonZeroU32::MIN), client }
    }
}

impl From<LastUse> for (u32, IpAddr) {
    fn from(used: LastUse) -> Self {
        (used.at.get(), used.client())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_was_in_few_bytes() {
        for client in ["192.0.2.1", "::1", "2001:db8::7"] {
            let client: IpAddr = client.parse().unwrap();
            let used = LastUse::new(Timestamp(1_795_294_271_688), client);
            assert_eq!((used.at(), used.client()), (Timestamp(1_795_294_271_000), client));
            let stored = serde_json::to_string(&used).unwrap();
            assert_eq!(serde_json::from_str::<LastUse>(&stored).unwrap(), used, "{stored}");
        }
        assert_eq!(size_of::<Option<LastUse>>(), 20);
        for (moment, at) in [(-5, 1), (0, 1), (i64::MAX, u32::MAX)] {
            let used = LastUse::new(Timestamp(moment), IpAddr::from([0, 0, 0, 0]));
            assert_eq!(used.at(), Timestamp(i64::from(at) * 1000), "a clock that is off breaks nothing");
        }
    }
}
