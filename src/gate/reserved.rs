//! The gate's own paths (docs/interface.md, "Paths"): no policy hands one to the app.

use bytes::Bytes;

use super::request::Request;
use crate::refusal::Refusal;

/// With everything below them.
const RESERVED: [&str; 2] = ["/.portcullis", "/.well-known/portcullis"];

/// The description of the User API.
pub const OPENAPI: &str = "/.portcullis/openapi.json";

impl Request<'_> {
    /// The gate's own answer to what is under one of them; `None` = it is not. What is served here is for everyone, and
    /// needs no permit.
    pub(super) fn reserved(&self) -> Result<Option<http::Response<Bytes>>, Refusal> {
        let path = self.head.path();
        if !is_reserved(path) {
            return Ok(None);
        }
        let describe = || self.rules.api.description(self.http_head(), &self.rules.set);
        let found = (path == OPENAPI).then(describe).flatten();
        found.map(Some).ok_or(Refusal::NothingHere)
    }
}

/// Whether a path is the gate's own, however it is escaped: the app might read `%2e` as a dot.
#[must_use]
pub fn is_reserved(path: &str) -> bool {
    // Most paths end here: all names of ours begin with a dot.
    if !matches!(path.as_bytes().get(1), Some(b'.' | b'%')) {
        return false;
    }
    RESERVED.iter().any(|ours| {
        let mut path = decoded(path.as_bytes());
        ours.bytes().all(|byte| path.next() == Some(byte)) && matches!(path.next(), None | Some(b'/'))
    })
}

fn decoded(mut rest: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (byte, after) = match rest {
            [b'%', high, low, after @ ..] => (hex(*high)? << 4 | hex(*low)?, after),
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        rest = after;
        Some(byte)
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_own_paths_however_they_are_spelt() {
        for (path, ours) in [
            ("/.portcullis", true),
            ("/.portcullis/", true),
            ("/.portcullis/login", true),
            ("/%2eportcullis/login", true),
            ("/%2E%70ortcullis", true),
            ("/.portcullis%2flogin", true),
            ("/.well-known/portcullis/jwks.json", true),
            ("/.well-known/%70ortcullis/jwks.json", true),
            ("/", false),
            ("/.portcullisx", false),
            ("/portcullis", false),
            ("/a/.portcullis", false),
            ("/.well-known/acme-challenge/x", false),
            ("/.well-known", false),
        ] {
            assert_eq!(is_reserved(path), ours, "{path}");
        }
    }
}
