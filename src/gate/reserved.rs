//! The gate's own paths (docs/interface.md, "Paths"): no policy hands one to the app.

use bytes::Bytes;
use percent_encoding::percent_decode_str;

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
        let mut path = percent_decode_str(path);
        ours.bytes().all(|byte| path.next() == Some(byte)) && matches!(path.next(), None | Some(b'/'))
    })
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
