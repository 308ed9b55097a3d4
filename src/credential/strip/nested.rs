//! Removes credentials inside a pair: in a URL that the app returns to, or in a fragment that was passed on. Each
//! time it is passed on it is escaped once more.

use std::borrow::Cow;

use crate::{credential::Settings, encoding::hex_value};

/// How many times a pair is decoded. A URL in a parameter of a URL in a parameter takes two.
const LEVELS: usize = 4;

/// Characters that end a credential: separators of a URL, and what no URL contains (RFC 3986 section 2).
const ENDS: &[u8] = b"&#;,\"<>\\^`{}| \t\r\n";

/// A decoded byte, and its place in the original text.
#[derive(Clone, Copy)]
struct Unit {
    byte: u8,
    start: usize,
    end: usize,
}

/// The pair without the credentials in its value; borrowed if there are none. All other bytes are kept.
pub(super) fn strip<'p>(settings: &Settings, pair: &'p str) -> Cow<'p, str> {
    if !may_hold_another(pair.as_bytes()) {
        return Cow::Borrowed(pair);
    }
    let mut units: Vec<Unit> =
        pair.bytes().enumerate().map(|(at, byte)| Unit { byte, start: at, end: at + 1 }).collect();
    let mut gone = Vec::new();
    for _ in 0..=LEVELS {
        cut(settings, &mut units, &mut gone);
        let Some(decoded) = decode(&units) else { break };
        units = decoded;
    }
    if gone.is_empty() { Cow::Borrowed(pair) } else { Cow::Owned(without(pair, gone)) }
}

/// Whether the pair may contain another one: there is a second `=`, plain or escaped, or its name is more than a name.
fn may_hold_another(pair: &[u8]) -> bool {
    let is_equals = |at: usize| {
        let escape = pair.get(at + 1..).and_then(|rest| rest.get(..2)).unwrap_or_default();
        escape.eq_ignore_ascii_case(b"3d") || escape == b"25"
    };
    let mut equals = memchr::memchr_iter(b'=', pair);
    let key = equals.next().and_then(|at| pair.get(..at)).unwrap_or_default();
    equals.next().is_some()
        || key.iter().any(|byte| *byte == b'%' || separates(*byte))
        || memchr::memchr_iter(b'%', pair).any(is_equals)
}

/// Removes the credentials that this level of decoding shows, each with the `&` behind it.
fn cut(settings: &Settings, units: &mut Vec<Unit>, gone: &mut Vec<(usize, usize)>) {
    let text: Vec<u8> = units.iter().map(|unit| unit.byte).collect();
    let Some(last) = memchr::memrchr(b'=', &text) else { return };
    let mut left = Vec::new();
    let (mut at, mut kept) = (0, 0);
    while at < last {
        let rest = text.get(at..).unwrap_or_default();
        let is_first = at.checked_sub(1).and_then(|at| text.get(at)).is_none_or(|byte| separates(*byte));
        let value = || settings.param_names().find_map(|name| behind_name(rest, name));
        let Some(value) = is_first.then(value).flatten() else {
            at += 1;
            continue;
        };
        left.extend_from_slice(units.get(kept..at).unwrap_or_default());
        let length = value.iter().position(|byte| ENDS.contains(byte)).unwrap_or(value.len());
        let (sign, end) = (text.len() - value.len(), text.len() - value.len() + length);
        // An `&` that is escaped fewer times than the `=` belongs to an outer query.
        let escaped = |at: usize| units.get(at).map_or(0, |unit| unit.end - unit.start);
        kept = end + usize::from(value.get(length) == Some(&b'&') && escaped(end) >= escaped(sign));
        let taken = units.get(at..kept).unwrap_or_default();
        gone.extend(taken.first().zip(taken.last()).map(|(first, last)| (first.start, last.end)));
        at = kept;
    }
    if kept > 0 {
        left.extend_from_slice(units.get(kept..).unwrap_or_default());
        *units = left;
    }
}

/// The rest behind the name, if a pair of this name begins here: `name=`, `name[x]=`, `[name]=`.
fn behind_name<'t>(text: &'t [u8], name: &str) -> Option<&'t [u8]> {
    let text = text.strip_prefix(b"[").unwrap_or(text);
    let (start, rest) = text.split_at_checked(name.len())?;
    // A blank is also written `+`.
    let is_name = start.iter().zip(name.bytes()).all(|(&a, b)| a == b || (a == b'+' && b == b' '));
    (is_name && matches!(rest.first(), Some(b'=' | b'[' | b']'))).then_some(rest)
}

/// Whether a name may follow. Not after a bracket: `filter[access_token]=x` is a parameter of the app.
fn separates(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"_-.[]%$~@".contains(&byte)
}

/// The text decoded once more; `None` if that changes nothing.
fn decode(units: &[Unit]) -> Option<Vec<Unit>> {
    let mut decoded = Vec::with_capacity(units.len());
    let mut rest = units;
    while let Some((first, after)) = rest.split_first() {
        let escape = match after {
            [high, low, behind @ ..] if first.byte == b'%' => hex_value(high.byte)
                .zip(hex_value(low.byte))
                .map(|(high, digit)| (high << 4 | digit, low.end, behind)),
            _ => None,
        };
        let (byte, end, behind) = escape.unwrap_or((first.byte, first.end, after));
        decoded.push(Unit { byte, start: first.start, end });
        rest = behind;
    }
    (decoded.len() < units.len()).then_some(decoded)
}

/// The text without these parts.
fn without(text: &str, mut gone: Vec<(usize, usize)>) -> String {
    gone.sort_unstable();
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end) in gone {
        kept.push_str(text.get(at..start).unwrap_or_default());
        at = at.max(end);
    }
    kept.push_str(text.get(at..).unwrap_or_default());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b12_a_credential_inside_of_a_pair_goes_and_nothing_else_does() {
        let settings = Settings { params: vec!["sid".into(), "my token".into()], ..Settings::default() };
        for (pair, expected) in [
            ("", ""),
            ("a", "a"),
            ("a=1", "a=1"),
            ("next=/cb?access_token=T", "next=/cb?"),
            ("next=/cb?sid=T", "next=/cb?"),
            ("next=/cb?my+token=T", "next=/cb?"),
            ("next=%2Fcb%3Fmy%2520token=T", "next=%2Fcb%3F"),
            ("next=%2Fcb%3Faccess_token%3DT", "next=%2Fcb%3F"),
            ("next=%2Fcb%3Faccess_token%3DT%26x%3D1", "next=%2Fcb%3Fx%3D1"),
            ("next=%2Fcb%3Fx%3D1%26access_token%3DT", "next=%2Fcb%3Fx%3D1%26"),
            ("next=%2Fcb%3Fx%3D1%26sid%3DT%26access_token%3DU%26y%3D2", "next=%2Fcb%3Fx%3D1%26y%3D2"),
            ("next=%252Fcb%253Faccess_token%253DT%2526x%253D1", "next=%252Fcb%253Fx%253D1"),
            ("next=%25252Fcb%25253F%252561ccess_token%25253DT", "next=%25252Fcb%25253F"),
            (
                "next=%2Fcb%3Fnext%3D%252Fcb%253Faccess_token%253DT%26z%3D1",
                "next=%2Fcb%3Fnext%3D%252Fcb%253F%26z%3D1",
            ),
            ("next=%2fcb%3f%61ccess%5ftoken%3dT", "next=%2fcb%3f"),
            ("next=/cb?%61ccess_token=T", "next=/cb?"),
            ("next=https://a/%23access_token=T", "next=https://a/%23"),
            ("next=%2F%23%2Fcb%3Faccess_token%3DT", "next=%2F%23%2Fcb%3F"),
            ("next=%2F%3Faccess_token%3DT%23top", "next=%2F%3F%23top"),
            ("next=%2F%3Faccess_token%3DT%2BU%2F%3D%3D%26x", "next=%2F%3Fx"),
            ("next=%2F%3Faccess_token%5B%5D%3DT", "next=%2F%3F"),
            ("next=%2F%3F%5Baccess_token%5D%3DT", "next=%2F%3F"),
            ("hash=access_token%3DT%26state%3Dx", "hash=state%3Dx"),
            ("hash=access_token=T", "hash="),
            ("hash=%23access_token%3DT", "hash=%23"),
            ("%3Fnext%3D%2F%3Faccess_token%3DT", "%3Fnext%3D%2F%3F"),
            ("/cb?access_token=T", "/cb?"),
            ("%3Faccess_token=T", "%3F"),
            (r#"a={"url":"/cb?access_token=T","n":1}"#, r#"a={"url":"/cb?","n":1}"#),
            ("a=%7B%22url%22:%22/cb?access_token%3DT%22%7D", "a=%7B%22url%22:%22/cb?%22%7D"),
            ("q=see+access_token%3DT+there", "q=see+"),
            ("a=%C3%A9%3Faccess_token%3D%C3%A9%26%C3%A9", "a=%C3%A9%3F%C3%A9"),
            ("a=é?access_token=é#é", "a=é?#é"),
        ] {
            assert_eq!(strip(&settings, pair), expected, "{pair}");
        }
    }

    #[test]
    fn b12_what_holds_no_credential_stays_as_it_is() {
        let settings = Settings { params: vec!["sid".into()], ..Settings::default() };
        for same in [
            "q=access_token",
            "q=%2Faccess_token",
            "q=%3Faccess_token",
            "next=%2Fcb%3Fx%3D1",
            "next=/cb?access_tokens=1",
            "next=/cb?my_access_token=1",
            "next=/cb?my.sid=1",
            "next=/cb?my%5Bsid%5D=1",
            "next=/cb?Access_Token=1",
            "filter[where][access_token]=1",
            "filter%5Bwhere%5D%5Bsid%5D=1",
            r#"filter={"where":{"access_token":"=1"}}"#,
            "q=a%3Db",
            "q=YWJj%3D%3D",
            "q=YWJj==",
            "q=100%25",
            "q=%zz%3D%",
            "q=%25zz%3D%2",
            "response_type=access_token",
        ] {
            assert!(matches!(strip(&settings, same), Cow::Borrowed(kept) if kept == same), "{same}");
        }
    }

    /// A reader that decodes as often as it can finds no credential in what is left.
    #[test]
    fn b12_however_it_is_escaped() {
        let settings = Settings::default();
        let mut seed = 7_u32;
        let mut chance = move |most: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % most
        };
        for _ in 0..2000 {
            let escaped = |text: &str, chance: &mut dyn FnMut(u32) -> u32| {
                let one = |byte: u8| match chance(3) {
                    0 if byte != b'%' => char::from(byte).to_string(),
                    1 => format!("%{byte:02x}"),
                    _ => format!("%{byte:02X}"),
                };
                text.bytes().map(one).collect::<String>()
            };
            let mut pair = "/cb?x=1&access_token=SECRET&y=2".to_owned();
            for _ in 0..=chance(3) {
                pair = escaped(&pair, &mut chance);
            }
            let pair = format!("next={pair}");
            let stripped = strip(&settings, &pair);
            let mut read = stripped.to_string();
            for _ in 0..5 {
                read = String::from_utf8(percent_encoding::percent_decode_str(&read).collect()).unwrap();
            }
            // With random escapes the `&` behind the token may belong to the outer query.
            assert_eq!(read.replace("&&", "&"), "next=/cb?x=1&y=2", "{pair}");
        }
    }

    #[test]
    fn b12_a_long_pair_takes_time_by_its_length_alone() {
        let settings = Settings { params: vec!["sid".into()], ..Settings::default() };
        for piece in ["?sid=", "/", "%2525", "access_token[", "?sid", "=", "%3D"] {
            let pair = format!("a={}=", piece.repeat(60_000 / piece.len()));
            assert!(strip(&settings, &pair).len() <= pair.len());
        }
    }
}
