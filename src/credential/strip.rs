//! Removes credentials from queries and URLs.

mod nested;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::Settings;
use crate::qs;

/// The query without its credentials, as the app gets it; borrowed if it has none.
///
/// More is removed than is read: repeated names, `name[x]`, and every spelling that some app might decode to
/// the name. With `query` off no parameter is a credential, and the query does not change.
#[must_use]
pub fn strip_query<'q>(settings: &Settings, query: &'q str) -> Cow<'q, str> {
    strip(settings, query, |pair| (!is_named(settings, pair)).then_some(Cow::Borrowed(pair)))
}

/// The query without credentials inside its other pairs: in a URL to return to, or in a fragment that was passed
/// on. The rest may mean something else than the query that was sent, so it is what must be judged.
#[must_use]
pub fn strip_nested<'q>(settings: &Settings, query: &'q str) -> Cow<'q, str> {
    strip(settings, query, |pair| {
        Some(if is_named(settings, pair) { Cow::Borrowed(pair) } else { nested::strip(settings, pair) })
    })
}

/// A URL without credentials in its query and fragment; borrowed if it has none. Some clients put one into the
/// fragment, where a router may have a path and a query of its own. If query and fragment are not UTF-8, both
/// are removed.
#[must_use]
pub fn strip_url<'u>(settings: &Settings, url: &'u [u8]) -> Cow<'u, [u8]> {
    let Some(at) = memchr::memchr2(b'?', b'#', url) else { return Cow::Borrowed(url) };
    let (page, rest) = url.split_at_checked(at).unwrap_or((url, b""));
    let Ok(rest) = str::from_utf8(rest) else { return Cow::Borrowed(page) };
    let (query, fragment) = rest.split_once('#').map_or((rest, None), |(query, rest)| (query, Some(rest)));
    let both = |text| {
        strip(settings, text, |pair| (!is_named(settings, pair)).then(|| nested::strip(settings, pair)))
    };
    let parts = [query.strip_prefix('?'), fragment].map(|part| part.map(both));
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

/// The pairs, each as `left` returns it, or without it.
fn strip<'q>(
    settings: &Settings,
    query: &'q str,
    left: impl Fn(&'q str) -> Option<Cow<'q, str>>,
) -> Cow<'q, str> {
    let is_escaped = || memchr::memchr2(b'%', b'+', query.as_bytes()).is_some();
    let may_hold = || is_escaped() || settings.param_names().any(|name| query.contains(name));
    let stays = |pair| matches!(left(pair), Some(Cow::Borrowed(_)));
    if !settings.query || !may_hold() || query.split('&').all(stays) {
        return Cow::Borrowed(query);
    }
    let mut kept = String::with_capacity(query.len());
    for (index, pair) in query.split('&').filter_map(left).enumerate() {
        if index > 0 {
            kept.push('&');
        }
        kept.push_str(&pair);
    }
    Cow::Owned(kept)
}

fn is_named(settings: &Settings, pair: &str) -> bool {
    settings.param_names().any(|name| names(pair, name))
}

/// Whether the name of a pair has this root in any reading.
fn names(part: &str, name: &str) -> bool {
    // The quick check: most pairs are plain and have another name.
    if !part.contains(['%', '+']) && !part.contains(name) {
        return false;
    }
    // At the first `=`, as most readers split, and as qs does: a credential must not reach the app by either.
    let (first, _) = part.split_once('=').unwrap_or((part, ""));
    let (second, _) = qs::split(part);
    [first, second].into_iter().any(|key| {
        let loose = unescaped(key);
        qs::root(&qs::decode(key)).0 == name
            || qs::root(&loose).0 == name
            || loose.split('[').next() == Some(name)
    })
}

/// The decoded text as apps read it that keep broken escapes.
fn unescaped(text: &str) -> Cow<'_, str> {
    match qs::with_blanks(text) {
        Cow::Borrowed(text) => percent_decode_str(text).decode_utf8_lossy(),
        Cow::Owned(text) => Cow::Owned(percent_decode_str(&text).decode_utf8_lossy().into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_what_express_does_not_read() {
        let beyond = format!("{}access_token=in", "a=1&".repeat(qs::MAX_PAIRS));
        assert!(!strip_query(&Settings::default(), &beyond).contains("access_token"));
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
            ("https://a/?a?access_token=T&b", "https://a/?a?&b"),
            ("https://a/??access_token=T", "https://a/??"),
            ("https://a/#/cb?access_token=T&x=1", "https://a/#/cb?&x=1"),
            ("https://a/?x=1#!/x?access_token=T", "https://a/?x=1#!/x?"),
            ("https://a/#/access_token=T", "https://a/#/"),
            ("https://a/#!/x?sid=T", "https://a/#!/x?"),
            ("https://a/?r=%2F%3Faccess_token%3DT&x", "https://a/?r=%2F%3F&x"),
            ("https://a/?r=%252F%253Faccess_token%253DT&x", "https://a/?r=%252F%253F&x"),
            ("https://a/?r=%2f%3fx%26%61ccess_token%3dT", "https://a/?r=%2f%3fx%26"),
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
        assert_eq!(strip_nested(&off, "a=?access_token=x"), "a=?access_token=x");
    }

    #[test]
    fn b12_strips_what_is_inside_of_other_pairs() {
        let settings = Settings::default();
        for (query, expected) in [
            ("a=1&b=2", "a=1&b=2"),
            ("a=%2F&b=%3D", "a=%2F&b=%3D"),
            ("a=%2F%3Faccess_token%3DT&b=%zz&&c", "a=%2F%3F&b=%zz&&c"),
            ("x&a=?access_token=T", "x&a=?"),
            // A pair of its own is looked at by itself.
            ("access_token=T=&b", "access_token=T=&b"),
        ] {
            let stripped = strip_nested(&settings, query);
            assert_eq!(stripped, expected, "{query}");
            assert_eq!(matches!(stripped, Cow::Borrowed(_)), query == expected, "{query}");
        }
    }
}
