//! The forms of a header's value: a raw id, `Bearer`, `Basic`.

use std::{borrow::Cow, iter};

use super::{Bearer, Hit, Place, Settings};

/// Headers of which Node.js keeps the first line and drops others. It joins the lines of other headers with `,
/// `.
const KEPT_FIRST: [&str; 5] = ["authorization", "proxy-authorization", "from", "referer", "user-agent"];

/// The id in the header `name`. An empty value is ignored.
pub(super) fn read<'h>(
    fields: impl Iterator<Item = (&'h str, &'h [u8])>,
    name: &str,
    settings: &Settings,
) -> Option<Hit<'h>> {
    let is_authorization = is_authorization(name);
    let ours = fields.filter(|(own, value)| {
        own.eq_ignore_ascii_case(name) && (!is_authorization || settings.schemes.take(value.trim_ascii()))
    });
    match text(ours.map(|(_, value)| value), name)? {
        // An empty header is as good as none, so the next place is tried.
        Cow::Borrowed("") => None,
        Cow::Borrowed(text) => Some(hit(text, is_authorization, settings)),
        Cow::Owned(text) => {
            let Hit { place, id, alternative } = hit(&text, is_authorization, settings);
            let owned = |id: Cow<'_, str>| Cow::Owned(id.into_owned());
            Some(Hit { place, id: owned(id), alternative: alternative.map(owned) })
        }
    }
}

/// Whether `[credentials] schemes` applies to this header.
pub(super) fn is_authorization(name: &str) -> bool {
    name.eq_ignore_ascii_case("authorization")
}

/// A byte of a name, folded so that names become equal that an app may take for the same.
pub(super) fn fold(byte: u8) -> u8 {
    match byte {
        b'_' | b'.' | b' ' => b'-',
        other => other.to_ascii_lowercase(),
    }
}

/// The lines of the header `name` as Node.js presents them: one text, in which each byte is a Latin-1
/// character.
fn text<'h>(lines: impl Iterator<Item = &'h [u8]>, name: &str) -> Option<Cow<'h, str>> {
    let mut values = lines.map(<[u8]>::trim_ascii);
    let first = values.next()?;
    let second =
        if KEPT_FIRST.iter().any(|kept| kept.eq_ignore_ascii_case(name)) { None } else { values.next() };
    match (second, str::from_utf8(first)) {
        // The usual case, without an allocation.
        (None, Ok(text)) if text.is_ascii() => Some(Cow::Borrowed(text)),
        (None, _) => Some(Cow::Owned(latin1(first).collect())),
        (Some(second), _) => Some(Cow::Owned(iter::once(second).chain(values).fold(
            latin1(first).collect(),
            |mut joined: String, value| {
                joined.push_str(", ");
                joined.extend(latin1(value));
                joined
            },
        ))),
    }
}

fn latin1(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.iter().copied().map(char::from)
}

fn hit<'h>(text: &'h str, is_authorization: bool, settings: &Settings) -> Hit<'h> {
    let exact = settings.exact_case;
    let header = |id, alternative| Hit { place: Place::Header, id, alternative };
    if let Some(word) = behind(text, "Bearer", exact) {
        let word = if exact { word } else { word.trim_ascii() };
        return match settings.bearer {
            Bearer::Base64 => header(Cow::Owned(base64_text(word)), None),
            Bearer::Raw => header(Cow::Borrowed(word), None),
            Bearer::RawThenBase64 => header(Cow::Borrowed(word), plausible(word).map(Cow::Owned)),
        };
    }
    // LoopBack accepts this scheme in any letter case.
    if let Some(word) = behind(text, "Basic", false) {
        let place = if is_authorization { Place::Basic } else { Place::Header };
        return Hit { place, id: Cow::Owned(longer_half(base64_text(word))), alternative: None };
    }
    header(Cow::Borrowed(text), None)
}

/// The rest of the text behind a scheme and a blank.
fn behind<'h>(text: &'h str, scheme: &str, exact: bool) -> Option<&'h str> {
    let (word, rest) = text.split_at_checked(scheme.len())?;
    let is_it = if exact { word == scheme } else { word.eq_ignore_ascii_case(scheme) };
    rest.strip_prefix(' ').or_else(|| rest.strip_prefix('\t').filter(|_| !exact)).filter(|_| is_it)
}

/// Of `user:password`, split at the first colon, the longer half in UTF-16 units; the left one if they are
/// equal.
fn longer_half(text: String) -> String {
    let length = |half: &str| half.encode_utf16().count();
    match text.split_once(':') {
        // LoopBack's regular expression for the right half does not match line ends.
        Some((_, right)) if right.contains(['\n', '\r', '\u{2028}', '\u{2029}']) => text,
        Some((left, right)) if length(right) > length(left) => right.to_owned(),
        Some((left, _)) => left.to_owned(),
        None => text,
    }
}

/// The decoded text as Node.js has it. Invalid UTF-8 becomes U+FFFD, which is in no token.
fn base64_text(text: &str) -> String {
    String::from_utf8_lossy(&base64(text).collect::<Vec<_>>()).into_owned()
}

/// The base64 reading of a word that is probably an id itself, if it decodes to text. A raw id of 64 characters
/// decodes to 48 random bytes, which is found out without an allocation.
fn plausible(word: &str) -> Option<String> {
    // On the stack. Longer words than any id are decoded below, if at all.
    let mut text = [0_u8; 256];
    let mut length = 0;
    for (byte, slot) in base64(word).zip(&mut text) {
        *slot = byte;
        length += 1;
    }
    let text = str::from_utf8(text.get(..length)?).ok()?;
    if length < 256 { (!text.is_empty()).then(|| text.to_owned()) } else { Some(base64_text(word)) }
}

/// Node.js' lenient decoder: both alphabets, optional padding, unknown characters are skipped, the first `=`
/// ends the text.
fn base64(text: &str) -> impl Iterator<Item = u8> {
    let mut digits = text.chars().take_while(|c| *c != '=').filter_map(digit);
    let mut held = 0_u32;
    let mut bits = 0_u32;
    iter::from_fn(move || {
        while bits < 8 {
            held = (held << 6 | digits.next()?) & 0xffff;
            bits += 6;
        }
        bits -= 8;
        u8::try_from(held >> bits & 0xff).ok()
    })
}

fn digit(c: char) -> Option<u32> {
    let value = match c {
        'A'..='Z' => u32::from(c) - u32::from('A'),
        'a'..='z' => u32::from(c) - u32::from('a') + 26,
        '0'..='9' => u32::from(c) - u32::from('0') + 52,
        '+' | '-' => 62,
        '/' | '_' => 63,
        _ => return None,
    };
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row was read off node 20's `Buffer.from(text, "base64")`.
    #[test]
    fn decodes_as_leniently_as_node() {
        for (text, expected) in [
            ("YWJj", &b"abc"[..]),
            ("YWJjZA", b"abcd"),
            ("YWJjZA==", b"abcd"),
            ("YW Jj", b"abc"),
            ("YW\tJj", b"abc"),
            ("*YW.Jj.", b"abc"),
            ("YWJj\u{e9}ZGVm", b"abcdef"),
            ("a-_b", b"k\xef\xdb"),
            ("a+/b", b"k\xef\xdb"),
            ("YW=Jj", b"a"),
            ("YQ==YQ==", b"a"),
            ("YWI=YWI=", b"ab"),
            ("YWJjZG=VmZ", b"abcd"),
            ("YQ= =", b"a"),
            ("YR", b"a"),
            ("YWJjZ", b"abc"),
            ("=bad", b""),
            ("Y=WJj", b""),
            ("Y", b""),
            ("", b""),
        ] {
            assert_eq!(base64(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn takes_the_longer_half_of_basic() {
        for (text, expected) in [
            ("token:0123456789", "0123456789"),
            ("0123456789:", "0123456789"),
            (":0123456789", "0123456789"),
            ("0123456789", "0123456789"),
            ("a:b:c", "b:c"),
            ("left:same", "left"),
            ("alice:id", "alice"),
            ("\u{e9}\u{e9}:abc", "abc"),
            ("a:b\nc", "a:b\nc"),
            ("", ""),
            (":", ""),
        ] {
            assert_eq!(longer_half(text.to_owned()), expected, "{text}");
        }
    }

    #[test]
    fn offers_a_base64_reading_only_of_text() {
        let raw = "kQ7aZ0xPw3RtYv5LmN8bJc1HsDfGeTuIoQ2WrXyC4VnB6MzAqSwEdRfTgYhUjIkO";
        assert_eq!(plausible(raw), None);
        assert_eq!(plausible("dG9rLWFsaWNl").as_deref(), Some("tok-alice"));
        assert_eq!(plausible(""), None);
        let long = "YWJj".repeat(200);
        assert_eq!(plausible(&long), Some("abc".repeat(200)));
    }
}
