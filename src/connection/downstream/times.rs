//! Timeouts of a client's connection.

use std::time::Duration;

/// Timeouts of a client's connection.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For a complete head, from its first byte.
    pub header: Duration,
    /// Between two bytes of a body.
    pub body: Duration,
    /// For a client that reads nothing of an answer.
    pub write: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// The least average rate in bytes a second at which a body must arrive and an answer be read; `None` = no
    /// limit. Timeouts alone would let a client hold a connection with a byte now and then.
    pub min_rate: Option<u64>,
}

impl Times {
    /// The time that a body may take after `bytes` bytes of it have arrived.
    #[must_use]
    pub fn for_body(&self, bytes: u64) -> Duration {
        self.body.max(self.at_min_rate(bytes))
    }

    /// The time that a client may take for `bytes` bytes.
    #[must_use]
    pub fn at_min_rate(&self, bytes: u64) -> Duration {
        self.min_rate.map_or(Duration::ZERO, |rate| {
            Duration::from_millis(bytes.saturating_mul(1000).checked_div(rate).unwrap_or(u64::MAX))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d6_a_body_has_its_pause_and_then_its_rate() {
        let second = Duration::from_secs(1);
        let times =
            |min_rate| Times { header: second, body: 30 * second, write: second, idle: second, min_rate };
        for (bytes, seconds) in [(0, 30), (1_000, 30), (30_000, 30), (31_000, 31), (100_000, 100)] {
            assert_eq!(times(Some(1_000)).for_body(bytes), seconds * second, "{bytes}");
        }
        assert_eq!(times(None).for_body(u64::MAX), 30 * second);
        assert!(times(Some(1)).for_body(u64::MAX) > 30 * second);
    }
}
