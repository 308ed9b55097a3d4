//! Paths of the gate itself (docs/interface.md, "Paths"). No policy can forward them.

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::request::Request;
use crate::refusal::Refusal;

/// These paths and all below them.
const RESERVED: [&str; 2] = ["/.portcullis", "/.well-known/portcullis"];

/// The OpenAPI document of the User API.
pub const OPENAPI: &str = "/.portcullis/openapi.json";

impl Request<'_> {
    /// The gate's answer to a request below one of the paths; `None` for all others. What is served here is
    /// public and needs no permit.
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

/// Whether a path is the gate's own in any escaping: the app might decode `%2e` to a dot.
#[must_use]
pub fn is_reserved(path: &str) -> bool {
    // The quick check comes first: all of our names begin with a dot.
    if !matches!(path.as_bytes().get(1), Some(b'.' | b'%')) {
        return false;
    }
    RESERVED.iter().any(|ours| {
        // Lazily decoded, so that a long path costs no more than the prefix.
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
