//! The parts of a log line, written into a buffer without an allocation.

use std::{io::Write, net::IpAddr, time::Duration};

use super::Client;
use crate::clock::Timestamp;

/// The largest number of bytes of a text that a client chooses: more than any honest path has, and few enough
/// for every log reader.
pub(super) const MAX_TEXT_LEN: usize = 1024;

/// Takes the place of the rest of a text that was cut.
const CUT: &str = "…";

pub(super) fn number(out: &mut Vec<u8>, number: u64) {
    // As many as `u64::MAX` has.
    let mut digits = [b'0'; 20];
    let mut rest = number;
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// A number with leading zeros, `WIDTH` digits.
fn padded<const WIDTH: usize>(out: &mut Vec<u8>, value: u64) {
    let mut digits = [b'0'; WIDTH];
    let mut rest = value;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    out.extend_from_slice(&digits);
}

/// Milliseconds with three decimals.
pub(super) fn millis(out: &mut Vec<u8>, duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    number(out, micros / 1000);
    out.push(b'.');
    padded::<3>(out, micros % 1000);
}

/// The same text as [`Timestamp`]'s `Display`, about ten times as fast, because every line has one.
pub(super) fn timestamp(out: &mut Vec<u8>, moment: Timestamp) {
    const DAY: i64 = 86_400_000;
    let (Ok(days), Ok(ms)) =
        (u64::try_from(moment.0.div_euclid(DAY)), u64::try_from(moment.0.rem_euclid(DAY)))
    else {
        // Before 1970 the arithmetic below does not hold.
        let _ = write!(out, "{moment}");
        return;
    };
    // The proleptic Gregorian calendar, counted from 1 March of the year 0 in eras of 400 years, so that a leap
    // day is the last day of its year.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (seconds, minutes, hours) = (ms / 1000, ms / 60_000, ms / 3_600_000);
    padded::<4>(out, year);
    for (before, value) in
        [(b'-', month), (b'-', day), (b'T', hours), (b':', minutes % 60), (b':', seconds % 60)]
    {
        out.push(before);
        padded::<2>(out, value);
    }
    out.push(b'.');
    padded::<3>(out, ms % 1000);
    out.push(b'Z');
}

pub(super) fn client(out: &mut Vec<u8>, client: Client) {
    match client {
        Client::Ip(IpAddr::V4(address)) => {
            for (index, part) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                number(out, u64::from(part));
            }
        }
        Client::Ip(IpAddr::V6(address)) => {
            let _ = write!(out, "{address}");
        }
        Client::Unix => out.extend_from_slice(b"unix"),
    }
}

/// A JSON string with quotes. Characters that control a terminal or a log reader are escaped, invalid UTF-8
/// becomes U+FFFD, and texts longer than [`MAX_TEXT_LEN`] are cut.
pub(super) fn json(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    // `fold` and not `all`: without an early exit the compiler vectorizes the loop.
    if text.len() <= MAX_TEXT_LEN && text.iter().fold(true, |plain, byte| plain & !is_special(*byte)) {
        out.extend_from_slice(text);
        out.push(b'"');
        return;
    }
    let kept = text.get(..MAX_TEXT_LEN).unwrap_or(text);
    let mut chunks = kept.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        escape(out, chunk.valid());
        // A cut may split a character; its rest is not invalid UTF-8 of the client.
        let cut_through = chunks.peek().is_none() && kept.len() < text.len();
        if !chunk.invalid().is_empty() && !cut_through {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    if kept.len() < text.len() {
        out.extend_from_slice(CUT.as_bytes());
    }
    out.push(b'"');
}

/// The text itself if it is unambiguous in a text line, else a JSON string.
pub(super) fn plain(out: &mut Vec<u8>, text: &[u8]) {
    let simple = |byte: u8| !is_special(byte) && byte != b' ';
    if !text.is_empty() && text.len() <= MAX_TEXT_LEN && text.iter().all(|byte| simple(*byte)) {
        out.extend_from_slice(text);
    } else {
        json(out, text);
    }
}

/// Whether a text would look different from what it contains.
pub(super) fn is_misleading(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| text.chars().any(is_hidden))
}

fn escape(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    loop {
        let length = rest.bytes().position(is_special).unwrap_or(rest.len());
        let Some((run, tail)) = rest.split_at_checked(length) else { return };
        out.extend_from_slice(run.as_bytes());
        let mut chars = tail.chars();
        match chars.next() {
            None => return,
            Some('"') => out.extend_from_slice(b"\\\""),
            Some('\\') => out.extend_from_slice(b"\\\\"),
            Some('\n') => out.extend_from_slice(b"\\n"),
            Some('\r') => out.extend_from_slice(b"\\r"),
            Some('\t') => out.extend_from_slice(b"\\t"),
            Some(c) if is_hidden(c) => {
                // JSON escapes are UTF-16 code units (RFC 8259 section 7).
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = chars.as_str();
    }
}

fn is_special(byte: u8) -> bool {
    !(b' '..=b'~').contains(&byte) || byte == b'"' || byte == b'\\'
}

/// Whether a character changes how a line looks without being visible: controls, line separators, direction
/// marks, tags.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || ('\u{e0000}'..='\u{e0fff}').contains(&c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_numbers_and_times() {
        for value in [0, 7, 10, 99, 100, 12_345, u64::MAX] {
            assert_eq!(written(|out| number(out, value)), value.to_string());
        }
        for (micros, text) in
            [(0, "0.000"), (1, "0.001"), (999, "0.999"), (12_345, "12.345"), (60_000_000, "60000.000")]
        {
            assert_eq!(written(|out| millis(out, Duration::from_micros(micros))), text);
        }
    }

    #[test]
    fn escapes_what_a_reader_might_obey() {
        for (text, expected) in [
            (&b"plain"[..], r#""plain""#),
            (b"", r#""""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"a\r\n\tb\0\x1b[31m\x7f", r#""a\r\n\tb\u0000\u001b[31m\u007f""#),
            ("é…\u{1f600}".as_bytes(), "\"é…\u{1f600}\""),
            ("\u{85}\u{9b}\u{2028}\u{202e}\u{feff}".as_bytes(), r#""\u0085\u009b\u2028\u202e\ufeff""#),
            ("\u{e0041}".as_bytes(), r#""\udb40\udc41""#),
            (b"a\xffb\xc3", "\"a\u{fffd}b\u{fffd}\""),
        ] {
            assert_eq!(written(|out| json(out, text)), expected);
        }
        for (text, expected) in
            [("/a/b=c", "/a/b=c"), ("a b", "\"a b\""), ("", "\"\""), ("a\u{1b}", "\"a\\u001b\"")]
        {
            assert_eq!(written(|out| plain(out, text.as_bytes())), expected);
        }
    }

    #[test]
    fn cuts_long_texts_between_characters() {
        let long = format!("{}é{}", "a".repeat(MAX_TEXT_LEN - 1), "b".repeat(70_000));
        assert_eq!(
            written(|out| json(out, long.as_bytes())),
            format!("\"{}…\"", "a".repeat(MAX_TEXT_LEN - 1))
        );
    }

    proptest! {
        #[test]
        fn a_json_text_reads_back(text in any::<String>()) {
            let out = written(|out| json(out, text.as_bytes()));
            let back: String = serde_json::from_str(&out).unwrap();
            prop_assert!(text.len() > MAX_TEXT_LEN || back == text);
            prop_assert!(!out.contains(char::is_control));
        }

        #[test]
        fn any_bytes_make_one_json_text(bytes in prop::collection::vec(any::<u8>(), 0..1100)) {
            let out = written(|out| json(out, &bytes));
            prop_assert!(serde_json::from_str::<String>(&out).is_ok());
        }

        #[test]
        fn a_timestamp_is_what_the_clock_shows(millis in -62_000_000_000_000_i64..253_402_300_799_999) {
            let moment = Timestamp(millis);
            prop_assert_eq!(written(|out| timestamp(out, moment)), moment.to_string());
        }
    }
}
