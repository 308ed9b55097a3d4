//! Segments and readings of a path.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

use crate::{
    encoding::{hex_value, percent_encoded},
    javascript::decode_uri_component,
};

/// The largest number of captures in a route.
pub(super) const MAX_CAPTURES: usize = 16;

/// Splits off the first segment of a path without a leading slash. `None` at its end.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    if path.is_empty() {
        return None;
    }
    let (segment, rest) = path.split_at_checked(first_slash(path.as_bytes()))?;
    Some((segment, rest.strip_prefix('/').unwrap_or_default()))
}

/// The index of the first slash, or the length. Segments are short, so this is faster than a search for long
/// texts.
fn first_slash(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let slashes = equal(u64::from_le_bytes(*word), b'/');
        if slashes != 0 {
            return at * 8 + slashes.trailing_zeros() as usize / 8;
        }
    }
    let before = tail.iter().take_while(|byte| **byte != b'/').count();
    words.len() * 8 + before
}

/// The result of one pass over a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PathScan {
    /// See [`is_tricky`].
    pub(super) is_tricky: bool,
    /// Whether the path has a `%` or a `;`, so that servers may read it in several ways.
    pub(super) is_odd: bool,
}

/// Scans a path eight bytes at a time.
pub(super) fn scan(path: &str) -> PathScan {
    let bytes = path.as_bytes();
    // In each word, bit 7 of a byte marks a match of that byte.
    let (mut odd, mut backslashes, mut pairs, mut slash_before) = (0, 0, 0, 0);
    let mut add = |word: u64| {
        let slashes = equal(word, b'/');
        odd |= equal(word, b'%') | equal(word, b';');
        backslashes |= equal(word, b'\\');
        pairs |= (slashes << 8 | slash_before) & (slashes | equal(word, b'.'));
        slash_before = slashes >> 56;
    };
    let (words, tail) = bytes.as_chunks::<8>();
    words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
    if !tail.is_empty() {
        // The last eight bytes of the path. Bytes that they repeat are found twice, which does no harm.
        let last = bytes.last_chunk::<8>().copied().unwrap_or_else(|| {
            let mut padded = [0; 8];
            padded.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
            padded
        });
        add(u64::from_le_bytes(last));
    }
    // The pairs also match the harmless `/.well-known`, so the exact check follows.
    let is_tricky = backslashes != 0 || !path.starts_with('/') || (pairs != 0 && is_tricky(path));
    PathScan { is_tricky, is_odd: odd != 0 }
}

/// Sets bit 7 of each byte of `word` that equals `byte`, and no other bit.
fn equal(word: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::from_le_bytes([0x7f; 8]);
    let zero = word ^ u64::from_le_bytes([byte; 8]);
    !(((zero & LOW) + LOW) | zero | LOW)
}

/// Decodes a segment. One with a bad escape or invalid UTF-8, which `wire` refuses, is returned as it is.
pub(super) fn decode(segment: &str) -> Cow<'_, str> {
    decode_uri_component(segment).unwrap_or(Cow::Borrowed(segment))
}

/// A decoded segment under the widest case folding of any app: `É` is `é`, and the Kelvin sign is `k`.
pub(super) fn folded(text: &str) -> String {
    // Both directions, because some letters have one case mapping only.
    let lower = text.nfkc().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// Whether a character is escaped that needs no escape (RFC 3986 section 2.3). Apps disagree whether that is
/// the same path.
pub(super) fn is_over_encoded(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.windows(3).any(|window| match window {
        [b'%', high, low] => match (hex_value(*high), hex_value(*low)) {
            (Some(high), Some(low)) => is_unreserved(high << 4 | low),
            _ => false,
        },
        _ => false,
    })
}

/// Whether a path has what `wire` refuses because servers read it differently: an empty segment, a dot segment,
/// a backslash, no leading slash. Checked again here, because `explain` and cases pass paths that `wire` has
/// not seen.
fn is_tricky(path: &str) -> bool {
    !path.starts_with('/')
        || path.contains("//")
        || path.contains('\\')
        || (path.contains("/.") && path.split('/').any(|segment| matches!(segment, "." | "..")))
}

/// Whether [`other_reading`] or [`decoded_again`] would change the path.
pub(super) fn has_other_readings(path: &str) -> bool {
    path.contains(';')
        || path.as_bytes().windows(3).any(|three| is_escaped_end(three) || three == b"%25")
        || is_over_encoded(path)
}

/// Whether it begins with `%3b`, `%3f` or `%23`. Some servers end the segment there once it is decoded.
fn is_escaped_end(text: &[u8]) -> bool {
    matches!(text, [b'%', b'3', b'b' | b'B' | b'f' | b'F', ..] | [b'%', b'2', b'3', ..])
}

/// The path as an app reads it that decodes needless escapes and drops what follows a `;` in a segment. The
/// `;`, and `?` and `#`, may be escaped: a server decodes them, and the app behind it drops the rest.
pub(super) fn other_reading(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            plain.push('/');
        }
        unescape(before_params(segment), &mut plain);
    }
    plain
}

/// The path as an app behind a decoding server reads it, which decodes once more. `None` if it is the same.
pub(super) fn decoded_again(path: &str) -> Option<String> {
    if !path.contains("%25") {
        return None;
    }
    // An escaped slash stays one here. [`with_slashes`] is the reading in which it separates.
    let once: Vec<String> = path.split('/').map(|segment| decode(segment).replace('/', "%2F")).collect();
    Some(other_reading(&once.join("/")))
}

/// Every way in which apps read a path, besides the raw one.
#[must_use]
pub fn readings(path: &str) -> Vec<String> {
    let mut found = vec![other_reading(path)];
    found.extend(decoded_again(path));
    if let Some(plain) = with_slashes(path) {
        found.extend([other_reading(&plain)]);
        found.extend(decoded_again(&plain));
        found.push(plain);
    }
    found
}

/// A segment without its path parameters.
fn before_params(segment: &str) -> &str {
    // A raw path has no `?` and no `#`, but one that is decoded once may.
    let is_end = |rest: &[u8]| matches!(rest, [b';' | b'?' | b'#', ..]) || is_escaped_end(rest);
    let end = (0..segment.len()).find(|at| segment.as_bytes().get(*at..).is_some_and(is_end));
    end.and_then(|end| segment.get(..end)).unwrap_or(segment)
}

/// The path as an app reads it that decodes before it splits at slashes, and merges empty segments. `None` if
/// the path has no escaped slash.
pub(super) fn with_slashes(path: &str) -> Option<String> {
    if !path.as_bytes().windows(3).any(|window| matches!(window, [b'%', b'2', b'f' | b'F'])) {
        return None;
    }
    let decoded = path.replace("%2f", "/").replace("%2F", "/");
    let mut plain = String::with_capacity(decoded.len());
    for segment in decoded.split('/').filter(|segment| !segment.is_empty()) {
        plain.push('/');
        unescape(segment, &mut plain);
    }
    if plain.is_empty() {
        plain.push('/');
    }
    Some(plain)
}

/// Appends a segment with all needless escapes decoded, and no others.
pub(super) fn unescape(segment: &str, plain: &mut String) {
    let mut rest = segment;
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        plain.push_str(before);
        let (three, after) = escape.split_at_checked(3).unwrap_or((escape, ""));
        if is_over_encoded(three) {
            plain.push_str(&decode(three));
        } else {
            plain.push_str(three);
        }
        rest = after;
    }
    plain.push_str(rest);
}

/// Encodes a text as one segment: all except the unreserved characters. `None` if no encoding is safe: an empty
/// text, a dot segment, or one with a character that servers may treat as a separator after decoding.
pub(super) fn encode(text: &str) -> Option<String> {
    // These would change the path of the look-up, and so the row that is read.
    let unsafe_text = matches!(text, "" | "." | "..")
        || text.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | ';'))
        // A text with an escape in it might be decoded twice.
        || text.as_bytes().windows(3).any(is_escape);
    if unsafe_text {
        return None;
    }
    Some(percent_encoded(text).into_owned())
}

fn is_escape(three: &[u8]) -> bool {
    matches!(three, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decodes_what_is_whole() {
        for (raw, decoded) in [
            ("a", "a"),
            ("%31", "1"),
            ("a%20b", "a b"),
            ("%C3%A9", "é"),
            ("%zz", "%zz"),
            ("%4", "%4"),
            ("%ff", "%ff"),
        ] {
            assert_eq!(decode(raw), decoded, "{raw}");
        }
        assert!(matches!(decode("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn folds_letters_of_all_alphabets() {
        for (text, other) in [
            ("CAF\u{c9}", "caf\u{e9}"),
            ("cafe\u{301}", "caf\u{e9}"),
            ("\u{212a}iosk", "kiosk"),
            ("\u{17f}ecret", "secret"),
            ("\u{ff21}dmin", "admin"),
            ("STRASSE", "stra\u{df}e"),
        ] {
            assert_eq!(folded(text), folded(other), "{text}");
        }
        assert_ne!(folded("\u{e9}"), folded("e"));
    }

    #[test]
    fn knows_a_needless_escape() {
        for (path, needless) in
            [("/a", false), ("/%61", true), ("/a%20b", false), ("/%2D", true), ("/%", false), ("/%2f", false)]
        {
            assert_eq!(is_over_encoded(path), needless, "{path}");
        }
    }

    #[test]
    fn knows_other_readings() {
        for (path, other) in [
            ("/%61%20%2F/x%zz%4", "/a%20%2F/x%zz%4"),
            ("/a;b=%61/c;/%3Cx", "/a/c/%3Cx"),
            ("/;x", "/"),
            ("/a%3bb=c/%3B/x%3C", "/a//x%3C"),
            ("/%61%3bb;c", "/a"),
        ] {
            assert_eq!(other_reading(path), other, "{path}");
        }
        for (path, again) in [
            ("/%2561dmin", Some("/admin")),
            ("/%25%36%31dmin", Some("/admin")),
            ("/%25%361%2Fx", Some("/a%2Fx")),
            ("/a%25%33%62x/y", Some("/a/y")),
            ("/a%25%33%46x", Some("/a")),
            ("/50%2520off", Some("/50%20off")),
            ("/%253bx/y", Some("//y")),
            ("/%20", None),
        ] {
            assert_eq!(decoded_again(path).as_deref(), again, "{path}");
            assert_eq!(has_other_readings(path), again.is_some(), "{path}");
        }
        for (path, tricky) in [
            ("/", false),
            ("", true),
            ("a", true),
            ("/.well-known/x", false),
            ("/a/..b", false),
            ("//", true),
            ("/a//b", true),
            ("/a/.", true),
            ("/../a", true),
            ("/a\\b", true),
        ] {
            assert_eq!(is_tricky(path), tricky, "{path}");
        }
    }

    #[test]
    fn never_encodes_a_path_trick() {
        for bad in ["", ".", "..", "a/b", "../x", "a\\b", "a\u{0}", "a;b", "%2e"] {
            assert_eq!(encode(bad), None, "{bad:?}");
        }
        assert_eq!(encode("a b?c#é").as_deref(), Some("a%20b%3Fc%23%C3%A9"));
        assert_eq!(encode("50% off, 5%a").as_deref(), Some("50%25%20off%2C%205%25a"));
    }

    proptest! {
        #[test]
        fn splits_at_the_first_slash(path in "[aé/]{0,20}") {
            let expected = (!path.is_empty()).then(|| path.split_once('/').unwrap_or((&path, "")));
            prop_assert_eq!(split(&path), expected);
        }

        #[test]
        fn one_look_sees_what_a_search_sees(path in "/?[a.%;/\\\\é]{0,24}") {
            let expected = PathScan { is_tricky: is_tricky(&path), is_odd: path.contains(['%', ';']) };
            prop_assert_eq!(scan(&path), expected);
        }

        #[test]
        fn what_is_encoded_decodes_to_itself(text in "\\PC{1,20}") {
            if let Some(encoded) = encode(&text) {
                prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b'?'));
                prop_assert!(!is_over_encoded(&encoded));
                prop_assert_eq!(decode(&encoded), text);
            }
        }
    }
}
