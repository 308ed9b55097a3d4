//! Express paths that consist of whole segments.

use crate::policy::{
    path::{MAX_CAPTURES, decode},
    trie::Piece,
};

/// More optional segments are refused, because each one doubles the number of patterns.
const MAX_OPTIONAL: u32 = 4;

/// Characters that Express reads as part of a regular expression.
const SPECIAL: [char; 14] = [':', '*', '(', ')', '?', '+', '[', ']', '|', '^', '$', '{', '}', '\\'];

/// All patterns of a path that begins with a slash, or an error text.
pub(super) fn patterns(path: &str) -> Result<Vec<Vec<Piece>>, &'static str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    // Express is not strict about a slash at the end.
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        segments.push(read(segment)?);
    }
    let optional = segments.iter().filter(|(_, optional)| *optional).count();
    let captures = segments.iter().filter(|(piece, _)| matches!(piece, Piece::Capture(_))).count();
    if captures > MAX_CAPTURES || optional > MAX_OPTIONAL as usize {
        return Err("captures too many segments");
    }
    // One pattern for each choice of optional segments. Express matches greedily, so the longest comes first.
    let choices = (0..1_u32 << optional).rev();
    Ok(choices.map(|choice| chosen(&segments, choice)).collect())
}

/// The segment, and whether it is optional.
fn read(segment: &str) -> Result<(Piece, bool), &'static str> {
    let Some(name) = segment.strip_prefix(':') else {
        if segment.contains(SPECIAL) {
            // A regular expression could match paths that its text does not show, so it is refused and not
            // approximated.
            return Err("has a pattern that is not understood here");
        }
        // Decoded, because requests are compared in decoded form.
        return Ok((Piece::Literal(decode(segment).into()), false));
    };
    let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_word) {
        return Err("has a pattern that is not understood here");
    }
    Ok((Piece::Capture(name.into()), optional))
}

/// The segments without the optional ones whose bit in `choice` is 0. The first one has the highest bit.
fn chosen(segments: &[(Piece, bool)], choice: u32) -> Vec<Piece> {
    let mut left = segments.iter().filter(|(_, optional)| *optional).count();
    let taken = segments.iter().filter(|(_, optional)| {
        if *optional {
            left -= 1;
        }
        !*optional || choice >> left & 1 == 1
    });
    taken.map(|(piece, _)| piece.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &str) -> Vec<String> {
        let text = |pieces: &Vec<Piece>| {
            let parts = pieces.iter().map(|piece| match piece {
                Piece::Literal(text) => text.to_string(),
                Piece::Capture(name) | Piece::Rest(name) => format!(":{name}"),
            });
            parts.collect::<Vec<_>>().join("/")
        };
        patterns(path).map_or_else(|error| vec![error.to_owned()], |all| all.iter().map(text).collect())
    }

    #[test]
    fn reads_whole_segments() {
        for (path, expected) in [
            ("/", &[""][..]),
            ("/a/:b/", &["a/:b"]),
            ("/a.json", &["a.json"]),
            ("/a%20b", &["a b"]),
            ("/a/:b?", &["a/:b", "a"]),
            ("/:a?/:b?", &[":a/:b", ":a", ":b", ""]),
        ] {
            assert_eq!(written(path), expected, "{path}");
        }
        for path in [
            "/a*", "/:a-:b", "/:a-b", "/:a(x)", "/a+b", "/(a|b)", "/:", "/a?", "/a|b", "/$x", "/:a*", "/a\\b",
        ] {
            assert_eq!(written(path), ["has a pattern that is not understood here"], "{path}");
        }
        assert_eq!(written("/:a?/:b?/:c?/:d?/:e?"), ["captures too many segments"]);
    }
}
