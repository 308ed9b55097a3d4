//! Moments as people write them, in each language. The time zone of a reader is not known: UTC, and the text says so.

use jiff::civil::DateTime;

use super::Language;

/// Names of months in full.
const MONTHS: [[&str; 12]; 2] = [
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
];

/// A moment in milliseconds since the Unix epoch as a date with its time.
pub(super) fn date(language: Language, ms: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    let at: DateTime = jiff::tz::Offset::UTC.to_datetime(moment);
    let (year, month, day) = (at.year(), at.month(), at.day());
    let (hour, minute) = (at.hour(), at.minute());
    let name = |names: &[&'static str; 12]| {
        usize::try_from(month - 1).ok().and_then(|month| names.get(month).copied()).unwrap_or_default()
    };
    let [english, german] = &MONTHS;
    match language {
        Language::En => format!("{day} {} {year}, {hour:02}:{minute:02} UTC", name(english)),
        Language::De => format!("{day}. {} {year}, {hour:02}:{minute:02} Uhr UTC", name(german)),
        Language::Ja | Language::Zh => format!("{year}年{month}月{day}日 {hour:02}:{minute:02} UTC"),
    }
}

/// A moment for a machine (RFC 3339).
pub(super) fn iso(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

/// How long ago a moment was: the key of the text, and the number in it.
pub(super) fn distance(ms: i64, now: i64) -> (&'static str, u64) {
    let seconds = u64::try_from(now.saturating_sub(ms) / 1000).unwrap_or(0);
    match seconds {
        0..60 => ("ago.now", 0),
        60..3_600 => ("ago.minutes", seconds / 60),
        3_600..86_400 => ("ago.hours", seconds / 3_600),
        _ => ("ago.days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_in_the_language() {
        let ms = 1_795_294_271_688;
        for (language, expected) in [
            (Language::En, "21 November 2026, 20:51 UTC"),
            (Language::De, "21. November 2026, 20:51 Uhr UTC"),
            (Language::Ja, "2026年11月21日 20:51 UTC"),
            (Language::Zh, "2026年11月21日 20:51 UTC"),
        ] {
            assert_eq!(date(language, ms), expected);
        }
        assert_eq!(date(Language::De, 1_772_323_440_000), "1. März 2026, 00:04 Uhr UTC");
        assert_eq!(date(Language::En, i64::MAX), "1 January 1970, 00:00 UTC");
    }

    #[test]
    fn distances_are_rounded_down() {
        for (seconds, expected) in [
            (-5, ("ago.now", 0)),
            (59, ("ago.now", 0)),
            (60, ("ago.minutes", 1)),
            (3_599, ("ago.minutes", 59)),
            (86_399, ("ago.hours", 23)),
            (172_800, ("ago.days", 2)),
        ] {
            assert_eq!(distance(0, seconds * 1000), expected, "{seconds}");
        }
    }
}
