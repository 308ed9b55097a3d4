//! Rates such as `10/minute`, and what a client is told that exceeds one.

mod exceeded;
mod names;

use std::{fmt, str::FromStr, time::Duration};

pub use exceeded::{Exceeded, whole_seconds};
pub use names::LimitName;

/// A rate such as `10/minute`, as a token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// The size of the bucket.
    pub burst: u32,
    /// The time in which an empty bucket is full again.
    pub period: Duration,
}

/// Why a text is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// A slash or a part is missing.
    #[error("`{0}` is not a limit, write a count and a time like `10/minute`, or \"\" to switch it off")]
    Form(String),
    /// The count is not a number, or too large.
    #[error("`{0}` is not a count, use 1 to {MAX_COUNT}")]
    Count(String),
    /// A count of 0 would refuse every request.
    #[error("`{0}` would refuse every request, write \"\" to switch the limit off")]
    Zero(String),
    /// The time is not a known unit.
    #[error("`{0}` is not a time, use `second`, `minute`, `hour` or `day`")]
    Unit(String),
}

/// The largest count. A higher rate does not limit anything.
const MAX_COUNT: u32 = 1_000_000;

const UNITS: [(&str, u64); 4] = [("second", 1), ("minute", 60), ("hour", 3600), ("day", 86_400)];

impl Rate {
    /// Parses a setting; `""` = off.
    ///
    /// # Errors
    /// [`RateError`].
    pub fn setting(text: &str) -> Result<Option<Self>, RateError> {
        if text.trim().is_empty() { Ok(None) } else { text.parse().map(Some) }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (count, unit) = text.split_once('/').ok_or_else(|| RateError::Form(text.to_owned()))?;
        let (count, unit) = (count.trim(), unit.trim());
        // A common slip, so the message shows the whole form.
        if count.is_empty() || unit.is_empty() {
            return Err(RateError::Form(text.to_owned()));
        }
        let burst = match count.parse() {
            Ok(0) => return Err(RateError::Zero(text.to_owned())),
            Ok(burst) if burst <= MAX_COUNT => burst,
            _ => return Err(RateError::Count(count.to_owned())),
        };
        let (_, seconds) =
            UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| RateError::Unit(unit.to_owned()))?;
        Ok(Self { burst, period: Duration::from_secs(*seconds) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.period.as_secs();
        match UNITS.iter().find(|(_, own)| *own == seconds) {
            Some((unit, _)) => write!(f, "{}/{unit}", self.burst),
            None => write!(f, "{}/{seconds}s", self.burst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rates() {
        for (text, burst, seconds) in [
            ("10/minute", 10, 60),
            ("5/second", 5, 1),
            ("100/hour", 100, 3600),
            ("1/day", 1, 86_400),
            ("1000000/second", 1_000_000, 1),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate.burst, rate.period.as_secs()), (burst, seconds), "{text}");
            assert_eq!(rate.to_string(), text);
        }
        assert_eq!(Rate::setting(" 10 / minute "), Ok(Some("10/minute".parse().unwrap())));
        assert_eq!(Rate::setting(""), Ok(None));
    }

    #[test]
    fn says_what_would_be_right() {
        for (text, word) in [
            ("10", "10/minute"),
            ("off", "switch it off"),
            ("/minute", "10/minute"),
            ("10/", "10/minute"),
            ("0/minute", "every request"),
            ("-1/minute", "1 to 1000000"),
            ("ten/minute", "`ten`"),
            ("1000001/minute", "1 to 1000000"),
            ("1.5/minute", "`1.5`"),
            ("10/fortnight", "`fortnight`"),
            ("10/minutes", "`minute`"),
            ("10/minute/x", "`minute/x`"),
        ] {
            let error = Rate::setting(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
