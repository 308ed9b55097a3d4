//! Paths of the gate itself (docs/interface.md, "Paths"). No policy can forward them.

use percent_encoding::percent_decode_str;

use super::{Stop, assertion::JWKS, request::Request};
use crate::{connection::Downstream, refusal::Refusal};

/// These paths and all below them.
const RESERVED: [&str; 2] = ["/.portcullis", "/.well-known/portcullis"];

/// The OpenAPI document of the User API.
pub const OPENAPI: &str = "/.portcullis/openapi.json";

/// The pages are below it.
const PAGES: &str = "/.portcullis/";

impl Request<'_> {
    /// Answers a request for which [`is_reserved`] is true. What is served here is public or asks for a session itself,
    /// and needs no permit.
    pub(super) async fn reserved(&self, down: &mut Downstream) -> Result<bool, Stop> {
        let path = self.head.path();
        let describe = || self.rules.api.description(self.http_head(), &self.rules.set);
        let response = match (path == OPENAPI).then(describe).flatten() {
            Some(response) => response,
            None if path == JWKS => self.jwks().ok_or(Refusal::NothingHere)?,
            None if path.starts_with(PAGES) => self.page(down).await?,
            None => return Err(Refusal::NothingHere.into()),
        };
        Ok(self.answer(self.head, response, down).await)
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
