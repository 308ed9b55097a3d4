//! A rate that is exceeded.

use std::time::Duration;

use super::{LimitName, Rate};

/// A request beyond a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// The limit.
    pub limit: LimitName,
    /// The rate that is exceeded.
    pub rate: Rate,
    /// The time to wait before a retry.
    pub wait: Duration,
}

impl Exceeded {
    /// The time to wait in seconds, for `Retry-After`.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        whole_seconds(self.wait)
    }

    /// The header fields of the answer: `Retry-After` (RFC 9110 section 10.2.3), and the policy and the state of the limit
    /// (draft-ietf-httpapi-ratelimit-headers-11).
    #[must_use]
    pub fn fields(&self) -> [(&'static str, String); 3] {
        let Self { limit, rate: Rate { burst, period }, .. } = self;
        let (limit, seconds, window) = (limit.name(), self.seconds(), period.as_secs());
        [
            ("retry-after", seconds.to_string()),
            ("ratelimit-policy", format!("\"{limit}\";q={burst};w={window}")),
            ("ratelimit", format!("\"{limit}\";r=0;t={seconds}")),
        ]
    }
}

/// Whole seconds, rounded up, at least one: a client that waits for exactly this time is admitted.
#[must_use]
pub fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_the_limit_and_when_to_come_back() {
        let rate = "10/minute".parse().unwrap();
        let exceeded =
            Exceeded { limit: LimitName::LoginPerClient, rate, wait: Duration::from_millis(5_001) };
        assert_eq!(
            exceeded.fields().map(|(name, value)| format!("{name}: {value}")),
            [
                "retry-after: 6",
                "ratelimit-policy: \"login_per_client\";q=10;w=60",
                "ratelimit: \"login_per_client\";r=0;t=6",
            ]
        );
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (59_999, 60)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds, "{millis}");
        }
    }
}
