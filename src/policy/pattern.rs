//! The paths of `routes` files, `/a/{b}/{*c}`, read strictly. The notation of other routers is an error with a
//! suggestion: taken as a literal it would protect nothing.

use super::{
    path,
    path::MAX_CAPTURES,
    trie::{Piece, captures},
};

/// Paths that the gate serves itself. No request below them reaches a route.
pub(super) const RESERVED_PATHS: [&str; 2] = ["/.portcullis", "/.well-known/portcullis"];

/// Parses a path. The error is a message and a fix.
pub(super) fn read(text: &str) -> Result<Vec<Piece>, (String, String)> {
    parse(text)
        .map_err(|(what, fix)| (what.to_owned(), fix.map_or_else(|| write_instead(text), str::to_owned)))
}

/// As [`read`], but the fix is `None` where it has to be computed from the text.
fn parse(text: &str) -> Result<Vec<Piece>, (&'static str, Option<&'static str>)> {
    if !text.starts_with('/') {
        return Err(("a path begins with a slash, and has no host", None));
    }
    if let Some(what) = odd_character(text) {
        return Err((what, None));
    }
    let is_at = |ours: &str| {
        text.strip_prefix(ours).is_some_and(|rest| matches!(rest.bytes().next(), None | Some(b'/')))
    };
    if RESERVED_PATHS.iter().any(|ours| is_at(ours)) {
        return Err((
            "the gate serves this path itself, and no request to it reaches a route",
            Some("remove the route"),
        ));
    }
    let rest = text.strip_prefix('/').unwrap_or(text);
    // A slash at the end makes no difference in requests, either.
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let segments: Vec<&str> = if rest.is_empty() { Vec::new() } else { rest.split('/').collect() };
    let last = segments.len().saturating_sub(1);
    let mut pieces: Vec<Piece> = Vec::with_capacity(segments.len());
    for (index, segment) in segments.into_iter().enumerate() {
        let piece = piece(segment).map_err(|what| (what, None))?;
        if let Piece::Capture(name) | Piece::Rest(name) = &piece {
            // A remainder extends to the end, so nothing behind it could match.
            if matches!(piece, Piece::Rest(_)) && index != last {
                return Err(("`{*name}` comes last", None));
            }
            if captures(&pieces).any(|known| *known == **name) {
                return Err(("two captures have the same name", Some("rename one of them")));
            }
        }
        pieces.push(piece);
    }
    if captures(&pieces).count() > MAX_CAPTURES {
        return Err(("a path has at most 16 captures", Some("end it with `{*rest}`")));
    }
    Ok(pieces)
}

/// The message for a character that no path of a file may have in any segment.
fn odd_character(text: &str) -> Option<&'static str> {
    if text.contains('?') && !text.contains(['{', ':']) {
        return Some("rules see the path alone, without the query");
    }
    if text.contains('#') {
        return Some("a fragment never leaves the browser");
    }
    if text.contains('\\') {
        return Some("a path is not a regular expression, and no request has a `\\` in it");
    }
    if text.chars().any(char::is_control) {
        return Some("no request has a control character in its path");
    }
    if path::is_over_encoded(text) {
        return Some("a letter is written as it is, without an escape");
    }
    None
}

/// Parses one segment: `{name}`, `{*name}`, or a literal.
fn piece(segment: &str) -> Result<Piece, &'static str> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if let Some(inner) = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'))
        && !inner.contains(['{', '}'])
    {
        return match inner.strip_prefix('*') {
            Some(name) if is_name(name) => Ok(Piece::Rest(name.into())),
            None if is_name(inner) => Ok(Piece::Capture(inner.into())),
            _ => Err("a capture is a name of letters, digits and `_`, without a pattern"),
        };
    }
    if segment.contains(['{', '}']) {
        return Err("a `{name}` is a whole segment");
    }
    if segment.starts_with(':') {
        return Err("a capture is `{name}` here");
    }
    if segment.contains(['*', '<', '>', '[', ']', '(', ')', '|', '^', '"', '`'])
        || matches!(segment, "..." | ".+")
    {
        return Err("this is a literal here, and no wildcard");
    }
    if matches!(segment, "" | "." | "..") {
        return Err("empty and dot segments never arrive here");
    }
    if segment.contains(';') {
        return Err("servers drop what follows a `;`, so such a path is refused");
    }
    if segment.contains(char::is_whitespace) {
        return Err("a blank arrives as `%20`");
    }
    if segment.contains('?') {
        return Err("rules see the path alone, without the query");
    }
    // Only a broken escape decodes to itself.
    if segment.contains('%') && path::decode(segment) == segment {
        return Err("`%` begins an escape of two hex digits");
    }
    let literal = path::decode(segment);
    // `wire` and `path` refuse such requests, so the literal would match none.
    if literal.contains(['/', '\\', ';', '%']) || literal.chars().any(char::is_control) {
        return Err("such an escape is refused before any rule");
    }
    Ok(Piece::Literal(literal.as_ref().into()))
}

/// Message and fix for the target of a look-up in another notation. A `{name}` may be part of a segment there,
/// and a query may follow.
pub(super) fn lookup_mistake(target: &str) -> Option<(String, String)> {
    let path = target.split('?').next().unwrap_or_default();
    let odd = |segment: &str| {
        segment.starts_with([':', '<', '[']) || segment.contains('*') || segment.contains(char::is_whitespace)
    };
    let inner = path.trim_matches('/').split('/');
    let is_odd = !target.starts_with('/')
        || path.contains("//")
        || path::is_over_encoded(path)
        || RESERVED_PATHS.iter().any(|ours| path.starts_with(ours))
        || inner.clone().any(|segment| odd(segment) || matches!(segment, "." | ".."))
        || inner.filter_map(|segment| segment.split_once('{')).any(|(_, rest)| {
            let name = rest.split('}').next().unwrap_or_default();
            name.contains([':', '*', '?', '.', ' ', '(', '<'])
        });
    if !is_odd {
        return None;
    }
    let meant = meant(path).replace("{*", "{");
    let query = target.get(path.len()..).unwrap_or_default();
    let fix = if RESERVED_PATHS.iter().any(|ours| meant.starts_with(ours)) {
        "write a path that the app serves".to_owned()
    } else {
        format!("write `{meant}{query}`")
    };
    Some((
        format!(
            "`{target}` is not a target of a look-up: a path of the app with `{{name}}` for what a route captures"
        ),
        fix,
    ))
}

/// A suggestion for a path in another notation: `write …`.
pub(super) fn write_instead(text: &str) -> String {
    let meant = meant(text);
    // A suggestion that is an error itself would not help.
    if parse(&meant).is_err() {
        return "write whole segments: words, `{name}`, and `{*rest}` at the end".to_owned();
    }
    // `/admin*` means the path itself and all below.
    let last = text.rsplit('/').next().unwrap_or_default();
    match last.strip_suffix('*').map(|word| word.trim_end_matches('*')) {
        Some(word) if !word.is_empty() && piece(word).is_ok() => {
            format!("write `{}` and `{meant}`", meant.trim_end_matches("/{*rest}"))
        }
        _ => format!("write `{meant}`"),
    }
}

/// The path in our notation that a text in another one probably means.
fn meant(written: &str) -> String {
    let mut text = String::new();
    path::unescape(written.trim(), &mut text);
    let local = match text.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => &*text,
    };
    let local =
        if local.contains(['{', ':', '<', '(']) { local } else { local.split('?').next().unwrap_or(local) };
    let local = local.split('#').next().unwrap_or(local).trim_start_matches('^').trim_end_matches('$');
    let mut segments: Vec<String> = Vec::new();
    for segment in local.split('/') {
        match segment.trim() {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.extend(segment_meant(segment)),
        }
    }
    // A remainder in the middle is a capture.
    let last = segments.len().saturating_sub(1);
    for segment in segments.iter_mut().take(last).filter(|segment| segment.starts_with("{*")) {
        *segment = "{name}".to_owned();
    }
    format!("/{}", segments.join("/"))
}

/// The segments in our notation that one segment probably means.
fn segment_meant(segment: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>()
    };
    let capture = |name: &str| vec![format!("{{{}}}", if name.is_empty() { "name" } else { name })];
    let rest = |name: &str| vec![format!("{{*{}}}", if name.is_empty() { "rest" } else { name })];
    if matches!(segment, "*" | "**" | "..." | ".*" | ".+" | "(.*)" | "(.+)") {
        return rest("");
    }
    if let Some(inner) = segment.strip_prefix("{*").or_else(|| segment.strip_prefix("{**")) {
        return rest(&word(inner));
    }
    if let Some(name) = segment.strip_prefix('*') {
        return if word(name) == name { rest(name) } else { capture("") };
    }
    if let Some(inner) = segment.strip_prefix("[...").or_else(|| segment.strip_prefix("<path:")) {
        return rest(&word(inner));
    }
    if let Some(inner) = segment.strip_prefix('{') {
        let inner = inner.split('}').next().unwrap_or_default();
        if inner.ends_with("...") || inner.ends_with(":path") || inner.ends_with('*') {
            return rest(&word(inner.split([':', '.', '*']).next().unwrap_or_default()));
        }
        let name: String =
            inner.trim().replace('-', "_").chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        return capture(&word(&name));
    }
    if let Some(inner) = segment.strip_prefix(':') {
        let name: String =
            inner.replace('-', "_").chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        return if inner.ends_with('*') { rest(&word(&name)) } else { capture(&word(&name)) };
    }
    if let Some(inner) = segment.strip_prefix('<').or_else(|| segment.strip_prefix('[')) {
        return capture(&word(inner.rsplit(':').next().unwrap_or(inner)));
    }
    if let Some(before) = segment.strip_suffix('*') {
        let before = before.trim_end_matches('*');
        return if piece(before).is_ok() {
            vec![before.to_owned(), "{*rest}".to_owned()]
        } else {
            capture("")
        };
    }
    if segment.contains(['*', '(', '[', '|', '{', '}']) || segment.contains("\\d") || segment.contains("\\w")
    {
        return capture("");
    }
    // `\.` is a dot in a regular expression.
    let plain = segment.split(';').next().unwrap_or(segment).replace('\\', "");
    vec![plain.split_whitespace().collect::<Vec<_>>().join("%20")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_what_other_routers_write_is_an_error_with_the_right_spelling() {
        for (path, right) in [
            ("/admin/*", "write `/admin/{*rest}`"),
            ("/f/**", "write `/f/{*rest}`"),
            ("/admin*", "write `/admin` and `/admin/{*rest}`"),
            ("/admin/(.*)", "write `/admin/{*rest}`"),
            ("/admin/.*", "write `/admin/{*rest}`"),
            ("/files/*path", "write `/files/{*path}`"),
            ("/a/*/b", "write `/a/{name}/b`"),
            ("/c/:id", "write `/c/{id}`"),
            ("/c/:id?", "write `/c/{id}`"),
            ("/c/:id(\\d+)", "write `/c/{id}`"),
            ("/c/:path*", "write `/c/{*path}`"),
            ("/c/:user-id/x", "write `/c/{user_id}/x`"),
            ("/x/{id:[0-9]+}", "write `/x/{id}`"),
            ("/x/{id}.json", "write `/x/{id}`"),
            ("/x/{user-id}", "write `/x/{user_id}`"),
            ("/x/{rest...}", "write `/x/{*rest}`"),
            ("/x/{rest:path}", "write `/x/{*rest}`"),
            ("/x/{**slug}", "write `/x/{*slug}`"),
            ("/x/{*rest}/y", "write `/x/{name}/y`"),
            ("/x/<id>", "write `/x/{id}`"),
            ("/x/<int:id>/y", "write `/x/{id}/y`"),
            ("/x/<path:rest>", "write `/x/{*rest}`"),
            ("/x/[id]", "write `/x/{id}`"),
            ("/x/[...slug]", "write `/x/{*slug}`"),
            ("/x/...", "write `/x/{*rest}`"),
            ("/x\\.y", "write `/x.y`"),
            ("/shop?sql=1", "write `/shop`"),
            ("/shop#top", "write `/shop`"),
            ("/shop?at=12:30", "write whole segments"),
            ("/%61dmin", "write `/admin`"),
            ("/a%2ejson", "write `/a.json`"),
            ("/%2e%2e/a", "write `/a`"),
            ("/a%2fb", "write whole segments"),
            ("/a//b", "write `/a/b`"),
            ("/a/./b", "write `/a/b`"),
            ("/a/../b", "write `/b`"),
            ("admin", "write `/admin`"),
            ("https://shop.example.com/admin", "write `/admin`"),
            ("/admin ", "write `/admin`"),
            (" /admin", "write `/admin`"),
            ("/my file", "write `/my%20file`"),
            ("/a;v=1", "write `/a`"),
            ("/.portcullis", "remove the route"),
            ("/.portcullis/x", "remove the route"),
            ("/.well-known/portcullis/{*rest}", "remove the route"),
            ("", "write `/`"),
        ] {
            let (what, fix) = read(path).expect_err(path);
            assert!(fix.starts_with(right), "{path}: {what}; {fix}");
        }
    }

    #[test]
    fn f1_a_look_up_has_the_same_spelling() {
        for (target, right) in [
            ("/rows/:id", "write `/rows/{id}`"),
            ("/rows/<int:id>?full=1", "write `/rows/{id}?full=1`"),
            ("/rows/{id:[0-9]+}", "write `/rows/{id}`"),
            ("rows/{id}", "write `/rows/{id}`"),
            ("http://app/rows/{id}", "write `/rows/{id}`"),
            ("/rows//{id}", "write `/rows/{id}`"),
            ("/rows/*", "write `/rows/{rest}`"),
            ("/.portcullis/{id}", "write a path that the app serves"),
        ] {
            let (message, fix) = lookup_mistake(target).expect(target);
            assert_eq!(fix, right, "{message}");
        }
        for target in ["/rows/{id}.json", "/rows/{id}?a=:b", "/rows/a-{id}", "/a:b/{id}"] {
            assert_eq!(lookup_mistake(target), None, "{target}");
        }
    }

    #[test]
    fn f1_what_apps_really_serve_is_read() {
        for path in [
            "/",
            "/a/{b}/{*c}",
            "/.well-known/acme-challenge/{token}",
            "/$metadata",
            "/v1/items:batchGet",
            "/@me/~x/a+b,c=d!'",
            "/my%20file",
            "/caf%C3%A9",
            "/café",
            "/a.json",
            "/.portcullis2",
            "/{id}/",
        ] {
            assert!(read(path).is_ok(), "{path}: {:?}", read(path));
        }
        assert_eq!(read("/my%20file"), Ok(vec![Piece::Literal("my file".into())]));
    }
}
