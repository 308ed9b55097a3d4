//! Checks the target of a request, so that all servers read it in the same way.

use memchr::memchr;

use crate::wire::Reject;

/// The parts of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Length of the path. If there is more, a `?` and the query follow.
    pub(super) path: usize,
    /// Whether the path contains a `%2f`.
    pub(super) encoded_slash: bool,
}

/// Checks a target. `scratch` receives decoded segments.
///
/// The path is not changed. If it would have to be changed to be safe, it is refused (docs/what-is-refused.md,
/// "Paths"), so that the judged path is the forwarded one.
pub(super) fn check(target: &[u8], scratch: &mut Vec<u8>) -> Result<Target, Reject> {
    // Absolute targets name a second host, and servers disagree which one counts.
    if target.first() != Some(&b'/') {
        return Err(Reject::OriginForm);
    }
    let path = memchr(b'?', target).unwrap_or(target.len());
    let (bytes, query) = target.split_at_checked(path).unwrap_or_default();
    let marks = marks_of_path(bytes);
    let bad = (marks | query.iter().fold(0, |marks, &byte| marks | mark_of(byte))) & BAD != 0;
    if bad && let Some(reject) = name_bad_byte(target, path) {
        return Err(reject);
    }
    let encoded_slash = marks & (ESCAPE | BEGINNING) != 0 && check_segments(bytes, scratch)?;
    Ok(Target { path, encoded_slash })
}

/// Marks a byte that may not be in a target, or not in its path.
const BAD: u8 = 1;
/// Marks `%`: a path that contains one is checked by segment.
const ESCAPE: u8 = 2;
/// Marks the bytes that make a path be checked by segment where they follow a slash.
const BEGINNING: u8 = 4;

/// The marks of all bytes of a path, combined. [`BEGINNING`] counts only after a slash.
fn marks_of_path(path: &[u8]) -> u8 {
    let (marks, _) = path.iter().fold((0, 0), |(marks, before), &byte| {
        (marks | mark_of(byte) & !(BEGINNING & !before), if byte == b'/' { BEGINNING } else { 0 })
    });
    marks
}

fn mark_of(byte: u8) -> u8 {
    MARKS.get(usize::from(byte)).copied().unwrap_or(BAD)
}

const MARKS: [u8; 256] = {
    let mut table = [0; 256];
    let mut rest: &mut [u8] = &mut table;
    let mut byte = 0_u8;
    while let Some((mark, after)) = rest.split_first_mut() {
        *mark = match byte {
            0..=b' ' | 0x7f.. | b'#' | b'\\' => BAD,
            b'%' => ESCAPE,
            b'/' | b'.' | b';' => BEGINNING,
            _ => 0,
        };
        byte = byte.wrapping_add(1);
        rest = after;
    }
    table
};

/// Checks every segment of a path that begins with `/`. Returns whether there is an encoded slash.
fn check_segments(path: &[u8], scratch: &mut Vec<u8>) -> Result<bool, Reject> {
    let mut encoded_slash = false;
    let mut segments = path.split(|&byte| byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let inner = segments.peek().is_some();
        // A server that drops `;params` reads `/;x/` as `//`.
        if inner && matches!(segment.first(), None | Some(b';')) {
            return Err(Reject::DoubleSlash);
        }
        scratch.clear();
        decode(segment, scratch)?;
        encoded_slash |= scratch.contains(&b'/');
        check_decoded(segment, scratch)?;
    }
    Ok(encoded_slash)
}

/// Decodes the escapes of a segment, and refuses control characters and backslashes. By hand, because each
/// reason for a refusal has a name, and because the buffer is reused.
fn decode(segment: &[u8], decoded: &mut Vec<u8>) -> Result<(), Reject> {
    let mut parts = segment.split(|&byte| byte == b'%');
    decoded.extend_from_slice(parts.next().unwrap_or_default());
    for part in parts {
        let Some((byte, rest)) = escaped_byte(part) else {
            return Err(Reject::PercentEscape { segment: as_sent(segment) });
        };
        match byte {
            0 => return Err(Reject::EncodedNul),
            b'\\' => return Err(Reject::EncodedBackslash),
            _ if byte.is_ascii_control() => return Err(Reject::EncodedControl),
            _ => decoded.push(byte),
        }
        decoded.extend_from_slice(rest);
    }
    Ok(())
}

/// The byte that two hex digits at the front of `part` encode, and the rest.
fn escaped_byte(part: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = part.split_first_chunk::<2>()?;
    let value = char::from(high).to_digit(16)? * 16 + char::from(low).to_digit(16)?;
    Some((u8::try_from(value).ok()?, rest))
}

/// Checks the decoded content of a segment.
fn check_decoded(segment: &[u8], decoded: &[u8]) -> Result<(), Reject> {
    let Ok(text) = std::str::from_utf8(decoded) else {
        return Err(Reject::InvalidUtf8 { segment: as_sent(segment) });
    };
    let again = decoded.split(|&byte| byte == b'%').skip(1).filter_map(escaped_byte);
    for (byte, _) in again {
        // An app behind a decoding server would see a separator, a dot segment or another escape.
        if matches!(byte, 0 | b'.' | b'/' | b'\\' | b'%') {
            return Err(Reject::DoubleEncoding);
        }
    }
    if may_be_dots(text) {
        return Err(Reject::DotSegment);
    }
    Ok(())
}

/// Whether a server could read a dot segment in a decoded segment: behind an encoded slash, with `;params` or
/// blanks behind it, or in characters that Unicode NFKC turns into dots and slashes.
fn may_be_dots(text: &str) -> bool {
    if text.is_ascii() && !text.contains('.') {
        return false;
    }
    text.split(is_slash).any(|piece| {
        let name = piece.split(is_semicolon).next().unwrap_or_default();
        // Decoded once, an escaped `;` may still be there.
        let name = name.split("%3b").next().unwrap_or_default();
        let name = name.split("%3B").next().unwrap_or_default();
        matches!(count_dots(name.trim_end()), Some(1 | 2))
    })
}

/// The number of dots, if a name consists of nothing else.
fn count_dots(name: &str) -> Option<usize> {
    name.chars().try_fold(0_usize, |dots, letter| match letter {
        '.' | '\u{2024}' | '\u{fe52}' | '\u{ff0e}' => Some(dots + 1),
        '\u{2025}' => Some(dots + 2),
        _ => None,
    })
}

fn is_slash(letter: char) -> bool {
    matches!(letter, '/' | '\\' | '\u{ff0f}' | '\u{fe68}' | '\u{ff3c}')
}

fn is_semicolon(letter: char) -> bool {
    matches!(letter, ';' | '\u{fe54}' | '\u{ff1b}' | '\u{37e}')
}

/// The error for the first forbidden byte of a target. The path is its first `path` bytes. In the query
/// browsers send a backslash unescaped (WHATWG URL, the query percent-encode set), and no app takes it for a
/// slash.
fn name_bad_byte(target: &[u8], path: usize) -> Option<Reject> {
    target.iter().enumerate().find_map(|(at, &byte)| match byte {
        b'\r' => Some(Reject::BareCarriageReturn),
        b'#' => Some(Reject::Fragment),
        b'\\' if at < path => Some(Reject::Backslash),
        0x80.. => Some(Reject::NonAscii),
        b' ' => Some(Reject::RequestLine),
        _ if byte.is_ascii_control() => Some(Reject::ControlByte),
        _ => None,
    })
}

/// A segment for the answer. It is ASCII, because the target has been checked.
fn as_sent(segment: &[u8]) -> Box<str> {
    String::from_utf8_lossy(segment).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(target: &str) -> Result<Target, Reject> {
        check(target.as_bytes(), &mut Vec::new())
    }

    fn needs_segments(path: &str) -> bool {
        marks_of_path(path.as_bytes()) & (ESCAPE | BEGINNING) != 0
    }

    #[test]
    fn the_path_ends_before_the_first_question_mark() {
        for (target, path) in
            [("/", 1), ("/a/b", 4), ("/a?", 2), ("/a?b?c", 2), ("/?/../a", 1), ("/a%3Fb?c", 6)]
        {
            assert_eq!(parse(target), Ok(Target { path, encoded_slash: false }), "{target}");
        }
    }

    #[test]
    fn an_encoded_slash_is_told_and_only_in_the_path() {
        for (target, encoded_slash) in
            [("/a%2fb", true), ("/%2F", true), ("/a?b=%2f", false), ("/a/b", false)]
        {
            assert_eq!(parse(target).map(|found| found.encoded_slash), Ok(encoded_slash), "{target}");
        }
    }

    #[test]
    fn the_segment_that_does_not_decode_is_kept_as_sent() {
        for (target, segment) in [("/a/%zz/b", "%zz"), ("/x%2y", "x%2y"), ("/a/b%", "b%"), ("/%e", "%e")] {
            assert_eq!(parse(target), Err(Reject::PercentEscape { segment: segment.into() }), "{target}");
        }
        for (target, segment) in [("/a/%ff%41", "%ff%41"), ("/%c3/%a4", "%c3")] {
            assert_eq!(parse(target), Err(Reject::InvalidUtf8 { segment: segment.into() }), "{target}");
        }
    }

    #[test]
    fn dots_count_in_every_spelling() {
        let dots = [
            ".",
            "..",
            "..;",
            ".;x=..",
            "../a",
            "a/..",
            "a\\..",
            ". ",
            "..%3b",
            "..%3Ba",
            "\u{ff0e}.",
            "\u{2025}",
        ];
        for text in dots {
            assert!(may_be_dots(text), "{text}");
        }
        for text in ["", "...", "a..", "..a", "a;..", "a.;b", ";..", " ", "\u{2026}", "\u{2025}."] {
            assert!(!may_be_dots(text), "{text}");
        }
    }

    #[test]
    fn only_suspicious_paths_are_taken_apart() {
        for path in ["/a%20", "/.well-known", "/a/;b", "//"] {
            assert!(needs_segments(path), "{path}");
        }
        for path in ["/", "/a/b.c/d;e", "/a..b"] {
            assert!(!needs_segments(path), "{path}");
        }
    }
}
