//! Query parameters, read as Express reads them (the `qs` package), so that the same request holds the same token.

use std::borrow::Cow;

use super::Settings;

/// `qs` reads so many parameters and no more.
const PARAMETER_LIMIT: usize = 1000;

/// The value of `name`, if it is a string: given once, and not as `name[]` or `name[x]`. A value may be empty.
pub(super) fn string<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let mut found: Option<(Cow<'q, str>, &'q str)> = None;
    for part in query.split('&').take(PARAMETER_LIMIT) {
        let (key, value) = split(part);
        let key = decode(key);
        let (root, plain) = root(&key);
        if root != name {
            continue;
        }
        match &found {
            _ if !plain => return None,
            None => found = Some((key, value)),
            // A later value under another spelling (`[name]`) is merged in, and an empty one leaves no trace.
            Some((first, _)) if *first != key && value.is_empty() => {}
            Some(_) => return None,
        }
    }
    found.map(|(_, value)| decode(value))
}

/// The query without its credential pairs, as the app gets it; borrowed when nothing has to go.
///
/// Wider than what is read: repeated names, `name[x]`, and every spelling that some app might decode to the name.
/// With `query` off a parameter is no credential, and the query stays as it is.
#[must_use]
pub fn strip_query<'q>(settings: &Settings, query: &'q str) -> Cow<'q, str> {
    strip(settings, query, names)
}

/// The pairs that `holds` finds in none of the credentials' names.
fn strip<'q>(settings: &Settings, query: &'q str, holds: impl Fn(&str, &str) -> bool) -> Cow<'q, str> {
    let credential = |part: &&str| settings.param_names().any(|name| holds(part, name));
    if !settings.query || !query.split('&').any(|part| credential(&part)) {
        return Cow::Borrowed(query);
    }
    let mut kept = String::with_capacity(query.len());
    for (index, part) in query.split('&').filter(|part| !credential(part)).enumerate() {
        if index > 0 {
            kept.push('&');
        }
        kept.push_str(part);
    }
    Cow::Owned(kept)
}

/// A URL without the credential pairs of its query, and of its fragment, where some clients leave one, or a router has
/// a path and a query of its own; borrowed when nothing has to go. Where it is no text, all of that goes.
#[must_use]
pub fn strip_url<'u>(settings: &Settings, url: &'u [u8]) -> Cow<'u, [u8]> {
    let Some(at) = memchr::memchr2(b'?', b'#', url) else { return Cow::Borrowed(url) };
    let (page, rest) = url.split_at_checked(at).unwrap_or((url, b""));
    let Ok(rest) = str::from_utf8(rest) else { return Cow::Borrowed(page) };
    let (query, fragment) = rest.split_once('#').map_or((rest, None), |(query, rest)| (query, Some(rest)));
    let parts =
        [query.strip_prefix('?'), fragment].map(|part| part.map(|part| strip(settings, part, leads_to)));
    if !parts.iter().flatten().any(|part| matches!(part, Cow::Owned(_))) {
        return Cow::Borrowed(url);
    }
    let mut kept = page.to_vec();
    for (mark, part) in [b'?', b'#'].into_iter().zip(parts).filter_map(|(mark, part)| Some((mark, part?))) {
        if !part.is_empty() {
            kept.push(mark);
            kept.extend_from_slice(part.as_bytes());
        }
    }
    Cow::Owned(kept)
}

/// Whether a pair has this name, or a URL in it: after a second `?`, behind the path of a router, or escaped.
fn leads_to(part: &str, name: &str) -> bool {
    let inside = |text: &str| text.split(['?', '#', '/', '!', '&']).any(|piece| names(piece, name));
    names(part, name)
        || inside(part)
        || part.contains('%') && inside(&String::from_utf8_lossy(&unescape(part).0))
}

/// Whether the key of a pair, under any reading, has this root.
fn names(part: &str, name: &str) -> bool {
    if !part.contains(['%', '+']) && !part.contains(name) {
        return false;
    }
    let (first, _) = part.split_once('=').unwrap_or((part, ""));
    let (second, _) = split(part);
    [first, second].into_iter().any(|key| {
        let strict = decode(key);
        let loose = String::from_utf8_lossy(&unescape(key).0).into_owned();
        root(&strict).0 == name || root(&loose).0 == name || loose.split('[').next() == Some(name)
    })
}

/// Key and value of a pair. A `]=` counts before an earlier `=`: `a=b]=c` has the key `a=b]`.
fn split(part: &str) -> (&str, &str) {
    let bracket = part.bytes().enumerate().find_map(|(at, byte)| {
        let rest = part.get(at..)?;
        match byte {
            b']' if rest.starts_with("]=") => Some(at + 1),
            b'%' if rest.get(..4).is_some_and(|text| text.eq_ignore_ascii_case("%5D=")) => Some(at + 3),
            _ => None,
        }
    });
    let Some(at) = bracket.or_else(|| part.find('=')) else { return (part, "") };
    let (key, rest) = part.split_at_checked(at).unwrap_or((part, ""));
    (key, rest.strip_prefix('=').unwrap_or(rest))
}

/// The name that a key is stored under, and whether it stands for a plain value. `a[b]` is a part of `a`, and `[a]`
/// is `a` itself.
fn root(key: &str) -> (&str, bool) {
    let Some((start, inner, rest)) = segment(key) else {
        // A bracket that is never closed still makes the value an object.
        return match key.find('[') {
            Some(at) if at > 0 => (key.get(..at).unwrap_or(key), false),
            _ => (key, true),
        };
    };
    match key.get(..start) {
        Some("") | None => (inner, !rest.contains('[')),
        Some(parent) => (parent.split('[').next().unwrap_or(parent), false),
    }
}

/// The first `[…]` without brackets inside: where it starts, what it holds, what comes after it.
fn segment(key: &str) -> Option<(usize, &str, &str)> {
    let close = |open: usize| {
        let inner = key.get(open + 1..)?;
        let end = inner.find(['[', ']'])?;
        inner.get(end..)?.strip_prefix(']').and_then(|rest| Some((open, inner.get(..end)?, rest)))
    };
    key.match_indices('[').find_map(|(open, _)| close(open))
}

/// Percent-decoding of a whole text. As in `qs`, a text with a broken escape or without a meaning in UTF-8 stays
/// undecoded, but for blanks and brackets.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Cow::Borrowed(text);
    }
    let (bytes, whole) = unescape(text);
    match String::from_utf8(bytes) {
        Ok(decoded) if whole => Cow::Owned(decoded),
        _ => Cow::Owned(
            [("+", " "), ("%5B", "["), ("%5b", "["), ("%5D", "]"), ("%5d", "]")]
                .into_iter()
                .fold(text.to_owned(), |text, (from, to)| text.replace(from, to)),
        ),
    }
}

/// The decoded bytes, and whether all escapes were sound; a broken one stays as it is.
fn unescape(text: &str) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(text.len());
    let mut whole = true;
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(digit(*high) << 4 | digit(*low));
                rest = tail;
            }
            (b'%', _) => {
                whole = false;
                out.push(byte);
            }
            _ => out.push(byte),
        }
    }
    (out, whole)
}

fn digit(byte: u8) -> u8 {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0)
}

/// For cookies, whose values Express decodes in the same way, but where `+` means itself.
pub(super) fn decode_component(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    decode_kept_plus(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn decode_kept_plus(text: &str) -> Option<String> {
    let (bytes, whole) = unescape(&text.replace('+', "%2B"));
    String::from_utf8(bytes).ok().filter(|_| whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row was read off `qs` 6.16 with `allowPrototypes`, as Express 4 calls it.
    #[test]
    fn reads_what_express_reads() {
        for (query, expected) in [
            ("access_token=a", Some("a")),
            ("x=1&access_token=a&y=2", Some("a")),
            ("&access_token=1", Some("1")),
            ("access_token", Some("")),
            ("access_token=", Some("")),
            ("access_token=a+b", Some("a b")),
            ("access_token=%zz", Some("%zz")),
            ("access_token=%ff", Some("%ff")),
            ("access_token=%2B%20+%zz", Some("%2B%20 %zz")),
            ("access_token=a;access_token=b", Some("a;access_token=b")),
            ("access%5Ftoken=a", Some("a")),
            ("[access_token]=a", Some("a")),
            ("[access_token]z=1", Some("1")),
            ("[access_token]]=1", Some("1")),
            ("access_token=a&access_token=b", None),
            ("access_token&access_token=a", None),
            ("access_token=a&[access_token]=b", None),
            ("access_token=a&access_token[x]=b", None),
            ("access_token=a&access_token%5b=1", None),
            ("access_token[]=a", None),
            ("access_token[=a", None),
            ("access_token[x]y=1", None),
            ("access_token%5B%5D=a", None),
            ("[access_token][x]=1", None),
            ("[access_token][=1", None),
            ("access_token=a&[access_token]", Some("a")),
            ("access_token=&[access_token]=a", None),
            ("[access_token]%5B%", None),
            ("access_token=a]=b", None),
            ("access_token=a%5D=b", None),
            ("access_token]=z", None),
            ("[access_token=1", None),
            ("[[access_token]]=1", None),
            ("x[access_token]=1", None),
            ("access_token%00=a", None),
            ("access_token.x=1", None),
            ("Access_Token=a", None),
            ("a%20=1", None),
            ("", None),
        ] {
            assert_eq!(string(query, "access_token").as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn looks_at_a_thousand_parameters() {
        let last = format!("{}access_token=in", "a=1&".repeat(PARAMETER_LIMIT - 1));
        assert_eq!(string(&last, "access_token").as_deref(), Some("in"));
        let beyond = format!("{}access_token=in", "a=1&".repeat(PARAMETER_LIMIT));
        assert_eq!(string(&beyond, "access_token"), None);
        assert!(!strip_query(&Settings::default(), &beyond).contains("access_token"), "but no app gets it");
    }

    #[test]
    fn b12_strips_urls() {
        let settings = Settings { params: vec!["sid".into()], ..Settings::default() };
        for (url, expected) in [
            ("", ""),
            ("https://a/b", "https://a/b"),
            ("https://a/?x=1#y", "https://a/?x=1#y"),
            ("https://a/?access_token=T", "https://a/"),
            ("https://a/?access_token=T#top", "https://a/#top"),
            ("https://a/b?x=1&access%5Ftoken=T&y=2", "https://a/b?x=1&y=2"),
            ("https://a/b?sid=T", "https://a/b"),
            ("https://a/b?%73id=T&x", "https://a/b?x"),
            ("https://a/b#access_token=T&state=x", "https://a/b#state=x"),
            ("/b?access_token[]=T", "/b"),
            ("https://a/?access_token=T?x#access_token=T#", "https://a/"),
            ("https://a/?a?access_token=T&b", "https://a/?b"),
            ("https://a/??access_token=T", "https://a/"),
            ("https://a/#/cb?access_token=T&x=1", "https://a/#x=1"),
            ("https://a/?x=1#!/x?access_token=T", "https://a/?x=1"),
            ("https://a/#/access_token=T", "https://a/"),
            ("https://a/#!/x?sid=T", "https://a/"),
            ("https://a/?r=%2F%3Faccess_token%3DT&x", "https://a/?x"),
            ("https://a/?r=%2f%3fx%26%61ccess_token%3dT", "https://a/"),
            ("https://a/?r=/x?y=access_token", "https://a/?r=/x?y=access_token"),
            ("https://a/#/cb?x=1", "https://a/#/cb?x=1"),
            ("https://a/?r=%zz%2F", "https://a/?r=%zz%2F"),
        ] {
            let stripped = strip_url(&settings, url.as_bytes());
            assert_eq!(str::from_utf8(&stripped).unwrap(), expected, "{url}");
            assert_eq!(matches!(stripped, Cow::Borrowed(_)), url == expected, "{url}");
        }
        assert_eq!(&*strip_url(&settings, b"https://a/\xff?access_token=T"), b"https://a/\xff");
        assert_eq!(&*strip_url(&settings, b"https://a/?\xff&access_token=T"), b"https://a/");
        let off = Settings { query: false, ..settings };
        assert_eq!(&*strip_url(&off, b"/b?access_token=T"), b"/b?access_token=T");
    }

    #[test]
    fn strips_every_spelling() {
        let settings = Settings { params: vec!["sid".into()], ..Settings::default() };
        for (query, expected) in [
            ("a=1", "a=1"),
            ("", ""),
            ("access_token=x", ""),
            ("a=1&access_token=x&b=2", "a=1&b=2"),
            ("access_token=x&a=%zz&access_token=y", "a=%zz"),
            ("access%5Ftoken=x&a", "a"),
            ("%61ccess_toke%6E=x&a", "a"),
            ("access_token[]=x&a", "a"),
            ("access_token%5Bx%5D=x&a", "a"),
            ("access_token[=x&a", "a"),
            ("[access_token]=x&a", "a"),
            ("access_token=a]=b&a", "a"),
            ("access%5Ftoken[%zz]=b&a", "a"),
            ("sid=1&access_token&a", "a"),
            ("a=access_token=x", "a=access_token=x"),
            ("Access_Token=x", "Access_Token=x"),
            ("a&&b", "a&&b"),
        ] {
            let stripped = strip_query(&settings, query);
            assert_eq!(stripped, expected, "{query}");
            assert_eq!(matches!(stripped, Cow::Borrowed(_)), query == expected, "{query}");
        }
        let off = Settings { query: false, ..settings };
        assert_eq!(strip_query(&off, "access_token=x"), "access_token=x");
    }
}
