//! Durations, sizes and rates.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    finding::ValueError,
    setting::{Setting, Written, refused_value, wrong_type, wrong_value},
};
use crate::rate::Rate;

/// A duration above zero. A deadline of zero would refuse every client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(pub(crate) Duration);

/// A size in bytes, from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size<const MIN: u64, const MAX: u64>(u64);

/// A rate in bytes per second, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRate(pub(crate) u64);

/// The permission bits of a file, in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileMode(pub(crate) u32);

impl<const MIN: u64, const MAX: u64> Size<MIN, MAX> {
    /// The size in bytes.
    pub(crate) fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn bounded(bytes: Option<u64>, text: &str) -> Result<Self, ValueError> {
        bytes.filter(|bytes| (MIN..=MAX).contains(bytes)).map(Self).ok_or_else(|| wrong_value::<Self>(text))
    }
}

impl Setting for Duration {
    fn wanted() -> String {
        "a duration with its unit (ms, s, m or h), such as \"10s\", at most \"8760h\"".to_owned()
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        duration(text).ok_or_else(|| wrong_duration::<Self>(text))
    }
}

impl Setting for Deadline {
    fn wanted() -> String {
        "a duration with its unit (ms, s, m or h), such as \"10s\", more than 0 and at most \"8760h\""
            .to_owned()
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let found = duration(text).filter(|duration| !duration.is_zero());
        found.map(Self).ok_or_else(|| wrong_duration::<Self>(text))
    }
}

impl<const MIN: u64, const MAX: u64> Setting for Size<MIN, MAX> {
    fn wanted() -> String {
        format!("bytes, or a size such as \"64kb\" or \"1mb\", from {} to {}", in_words(MIN), in_words(MAX))
    }

    fn shape() -> Value {
        let bytes = json!({"type": "integer", "minimum": MIN, "maximum": MAX});
        let text = json!({"type": "string", "pattern": "^[0-9]+([kKmMgG]?[bB])?$"});
        json!({"anyOf": [text, bytes]})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        Self::bounded(size(text), text)
    }

    fn from_written(written: &Written) -> Result<Self, ValueError> {
        match written {
            Written::Word(text) | Written::Text(text) => Self::from_text(text),
            Written::Number(number) => Self::bounded(u64::try_from(*number).ok(), &number.to_string()),
            other => Err(wrong_type::<Self>(other)),
        }
    }
}

impl Setting for Rate {
    fn wanted() -> String {
        "a rate such as \"10/minute\" (second, minute or hour)".to_owned()
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^[0-9]+/(second|minute|hour)$"})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        rate(text).ok_or_else(|| match text.split_once('/') {
            Some((burst, _)) if !burst.is_empty() && burst.bytes().all(|digit| digit == b'0') => {
                refused_value(text, "it would refuse everybody", "write \"\" for no limit")
            }
            Some((burst, unit)) => match whole_unit(unit).filter(|_| burst.parse::<u32>().is_ok()) {
                Some(unit) => {
                    ValueError { fix: format!("write \"{burst}/{unit}\""), ..wrong_value::<Self>(text) }
                }
                None => wrong_value::<Self>(text),
            },
            None => wrong_value::<Self>(text),
        })
    }
}

impl Setting for ByteRate {
    fn wanted() -> String {
        "bytes a second, such as \"1kb/s\"".to_owned()
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^[0-9]+([kKmMgG]?[bB])?/s$"})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let rate = text.strip_suffix("/s").and_then(size).filter(|rate| *rate > 0);
        rate.map(Self).ok_or_else(|| wrong_value::<Self>(text))
    }
}

impl Setting for FileMode {
    fn wanted() -> String {
        "permission bits in octal, such as \"0660\"".to_owned()
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^0?[0-7]{3}$"})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let digits = if text.len() == 4 { text.strip_prefix('0').unwrap_or_default() } else { text };
        let octal = digits.len() == 3 && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        let mode = octal.then(|| u32::from_str_radix(digits, 8).ok()).flatten();
        mode.map(Self).ok_or_else(|| wrong_value::<Self>(text))
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).filter(|millis| *millis <= MAX_DURATION_MS).map(Duration::from_millis)
}

/// The error for a duration in another notation, with the right one as the fix.
fn wrong_duration<T: Setting>(text: &str) -> ValueError {
    let wrong = wrong_value::<T>(text);
    match corrected(text) {
        Some(right) => ValueError { fix: format!("write \"{right}\""), ..wrong },
        None => wrong,
    }
}

/// Converts `10 s`, `10sec`, `1.5s`, `2 hours` or `1d` to the notation of this file; `None` for all else.
fn corrected(text: &str) -> Option<String> {
    let millis = millis(text)?;
    let units = [("h", 3_600_000.0), ("m", 60_000.0), ("s", 1_000.0), ("ms", 1.0)];
    // Only an exact conversion is proposed: a rounded one would be another duration.
    let (unit, size) = units.into_iter().find(|(_, size)| millis > 0.0 && millis % size == 0.0)?;
    let right = format!("{:.0}{unit}", millis / size);
    duration(&right).map(|_| right)
}

/// A duration in seconds, in any notation that people use.
#[must_use]
pub fn in_seconds(text: &str) -> Option<f64> {
    millis(text).map(|millis| millis / 1_000.0)
}

fn millis(text: &str) -> Option<f64> {
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = lower.split_at_checked(end)?;
    let number: f64 = number.parse().ok()?;
    let unit = match unit.trim() {
        "ms" | "msec" | "millis" | "milliseconds" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
        "h" | "hour" | "hours" | "hr" | "hrs" => 3_600_000.0,
        "d" | "day" | "days" => 86_400_000.0,
        "w" | "week" | "weeks" => 604_800_000.0,
        _ => return None,
    };
    Some(unit * number)
}

/// The unit of a rate for another notation of it.
fn whole_unit(unit: &str) -> Option<&'static str> {
    match unit.trim().to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => Some("second"),
        "m" | "min" | "mins" | "minute" | "minutes" => Some("minute"),
        "h" | "hr" | "hour" | "hours" => Some("hour"),
        _ => None,
    }
}

fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let bytes: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        // Powers of two, as in Express: its `100kb` is 102,400 bytes.
        "kb" => 1 << 10,
        "mb" => 1 << 20,
        "gb" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(bytes)
}

fn rate(text: &str) -> Option<Rate> {
    let (burst, unit) = text.split_once('/')?;
    let (burst, rest) = number_and_unit(burst)?;
    let burst = u32::try_from(burst).ok().filter(|burst| *burst > 0 && rest.is_empty())?;
    let seconds = match unit {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        _ => return None,
    };
    Some(Rate { burst, period: Duration::from_secs(seconds) })
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

fn in_words(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        b if b % (1 << 30) == 0 => format!("{}gb", b >> 30),
        b if b % (1 << 20) == 0 => format!("{}mb", b >> 20),
        b if b % (1 << 10) == 0 => format!("{}kb", b >> 10),
        b => b.to_string(),
    }
}

/// A year in milliseconds. Timers of all platforms can hold it, and no deadline is longer.
const MAX_DURATION_MS: u64 = 8_760 * 3_600_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Bytes = Size<1_024, 1_048_576>;

    #[test]
    fn durations() {
        let millis = |text: &str| Duration::from_text(text).ok().map(|duration| duration.as_millis());
        for (text, expected) in [
            ("10s", Some(10_000)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("0s", Some(0)),
            ("8760h", Some(31_536_000_000)),
            ("8761h", None),
            ("99999999999999999999h", None),
            ("18446744073709551615h", None),
            ("10", None),
            ("", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("10 s", None),
            ("10S", None),
            ("1d", None),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
        assert!(Deadline::from_text("0s").is_err());
        assert_eq!(Deadline::from_text("1ms"), Ok(Deadline(Duration::from_millis(1))));
    }

    #[test]
    fn f10_a_duration_in_another_spelling_is_told_the_right_one() {
        for (text, right) in [
            ("1d", Some("24h")),
            ("2 hours", Some("2h")),
            ("10 s", Some("10s")),
            ("10S", Some("10s")),
            ("10sec", Some("10s")),
            ("1.5s", Some("1500ms")),
            ("1.5h", Some("90m")),
            ("0.5ms", None),
            ("1w", Some("168h")),
            ("600d", None),
            ("0d", None),
            ("10", None),
            ("", None),
            ("ten", None),
            ("-1s", None),
        ] {
            assert_eq!(corrected(text).as_deref(), right, "{text}");
        }
        let fix = |text: &str| Rate::from_text(text).unwrap_err().fix;
        assert_eq!(fix("5/min"), "write \"5/minute\"");
        assert_eq!(fix("0/minute"), "write \"\" for no limit");
        assert_eq!(fix("5"), fix("x/y"));
    }

    #[test]
    fn sizes_count_in_1024() {
        let bytes = |text: &str| Bytes::from_text(text).ok().map(Bytes::bytes);
        for (text, expected) in [
            ("64kb", Some(65_536)),
            ("100kb", Some(102_400)),
            ("1mb", Some(1_048_576)),
            ("1MB", Some(1_048_576)),
            ("2048", Some(2_048)),
            ("2048b", Some(2_048)),
            ("1023", None),
            ("2mb", None),
            ("99999999999gb", None),
            ("kb", None),
            ("64kib", None),
            ("6.4kb", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
        assert_eq!(Bytes::from_written(&Written::Number(2_048)).unwrap().bytes(), 2_048);
        assert!(Bytes::from_written(&Written::Number(-1)).is_err());
        assert!(Bytes::from_written(&Written::Truth(true)).is_err());
        assert!(Bytes::wanted().ends_with("from 1kb to 1mb"));
    }

    #[test]
    fn rates() {
        let parsed = |text: &str| rate(text).map(|rate| (rate.burst, rate.period.as_secs()));
        for (text, expected) in [
            ("10/minute", Some((10, 60))),
            ("5/second", Some((5, 1))),
            ("100/hour", Some((100, 3_600))),
            ("0/minute", None),
            ("10/min", None),
            ("10", None),
            ("/minute", None),
            ("10x/minute", None),
            ("4294967296/hour", None),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
        assert_eq!(Option::<Rate>::from_text(""), Ok(None));
    }

    #[test]
    fn d6_rates_of_bytes() {
        let parsed = |text: &str| ByteRate::from_text(text).ok().map(|rate| rate.0);
        for (text, expected) in [
            ("1kb/s", Some(1_024)),
            ("100/s", Some(100)),
            ("2MB/s", Some(2_097_152)),
            ("0/s", None),
            ("1kb", None),
            ("1kb/minute", None),
            ("/s", None),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn e8_modes() {
        let parsed = |text: &str| FileMode::from_text(text).ok().map(|mode| mode.0);
        for (text, expected) in [
            ("0660", Some(0o660)),
            ("660", Some(0o660)),
            ("0777", Some(0o777)),
            ("000", Some(0)),
            ("1777", None),
            ("0888", None),
            ("66", None),
            ("06600", None),
            ("+660", None),
            ("rw-rw----", None),
            ("", None),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in "\\PC{0,12}") {
            let _ = (duration(&text), size(&text), rate(&text));
        }

        #[test]
        fn what_was_counted_comes_back(seconds in 0_u64..31_536_000) {
            prop_assert_eq!(duration(&format!("{seconds}s")), Some(Duration::from_secs(seconds)));
        }
    }
}
