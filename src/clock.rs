//! Wall time. Only this module reads the system's clock, so that tests can set it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// A moment of wall time: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

/// The source of wall time. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that a test sets.
    Manual(Arc<AtomicI64>),
}

impl Timestamp {
    /// This moment plus `duration`, saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The moment as an HTTP date, to the second (RFC 9110 section 5.6.7): `Sat, 21 Nov 2026 20:51:11 GMT`.
    #[must_use]
    pub fn http_date(self) -> [u8; 29] {
        let moment = jiff::Timestamp::from_second(self.0.div_euclid(1000)).unwrap_or_default();
        let mut text = [0; 29];
        // The printer fails only for years beyond 9999. Then the date stays empty.
        let _ = HTTP_DATE.print_timestamp_rfc9110(&moment, jiff::fmt::StdIoWrite(&mut text[..]));
        text
    }

    /// Parses an HTTP date as servers write it (RFC 9110 section 5.6.7).
    #[must_use]
    pub fn parse_http(text: &str) -> Option<Self> {
        let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
        parsed.ok().map(|moment| Self(moment.as_millisecond()))
    }

    /// Parses an ISO 8601 moment as LoopBack writes it (`2026-11-21T20:51:11.688Z`), or any other of RFC 3339.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }
}

static HTTP_DATE: jiff::fmt::rfc2822::DateTimePrinter = jiff::fmt::rfc2822::DateTimePrinter::new();

/// ISO-8601 in UTC with milliseconds (docs/loopback-3.28.md section 1.4).
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{moment:.3}")
    }
}

impl Clock {
    /// A manual clock, at `start` until [`Clock::advance`] is called.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.0)))
    }

    /// The current wall time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                // A clock before 1970 counts as 1970.
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Manual(millis) => Timestamp(millis.load(Ordering::Relaxed)),
        }
    }

    /// The wall time `passed` after this clock showed `then`. A manual clock returns its current time.
    #[must_use]
    pub fn after(&self, then: Timestamp, passed: Duration) -> Timestamp {
        match self {
            Self::System => then.plus(passed),
            Self::Manual(_) => self.now(),
        }
    }

    /// Advances a manual clock. Does nothing to the system's clock.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(millis) = self {
            millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_what_loopback_writes() {
        let moment = Timestamp(1_795_294_271_688);
        assert_eq!(moment.to_string(), "2026-11-21T20:51:11.688Z");
        assert_eq!(Timestamp::parse("2026-11-21T20:51:11.688Z"), Some(moment));
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn e7_writes_what_http_writes() {
        for (moment, text) in [
            (1_795_294_271_688, "Sat, 21 Nov 2026 20:51:11 GMT"),
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ] {
            assert_eq!(Timestamp(moment).http_date(), *text.as_bytes());
        }
    }

    #[test]
    fn a_manual_clock_stands_still_until_it_is_turned() {
        let clock = Clock::manual(Timestamp(1_000));
        assert_eq!(clock.now(), Timestamp(1_000));
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp(3_000));
    }
}
