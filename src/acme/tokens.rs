//! The open challenges of http-01 (RFC 8555 section 8.3).

use std::sync::Arc;

use arc_swap::ArcSwap;

/// Tokens with what the ACME server expects to read. It is not secret: it proves nothing without the account's key.
#[derive(Debug, Default)]
pub struct Tokens(ArcSwap<Vec<Open>>);

#[derive(Clone, Debug)]
struct Open {
    token: String,
    authorization: Arc<str>,
}

impl Tokens {
    /// The key authorization for a token, while its challenge is open.
    #[must_use]
    pub fn authorization(&self, token: &str) -> Option<Arc<str>> {
        let open = self.0.load();
        let found = open.iter().find(|open| open.token == token)?;
        Some(Arc::clone(&found.authorization))
    }

    pub(super) fn open(&self, token: &str, authorization: &str) {
        let opened = Open { token: token.to_owned(), authorization: authorization.into() };
        self.0.rcu(|open| open.iter().chain([&opened]).cloned().collect::<Vec<_>>());
    }

    pub(super) fn close(&self, token: &str) {
        self.0.rcu(|open| open.iter().filter(|open| open.token != token).cloned().collect::<Vec<_>>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_while_it_is_open() {
        let tokens = Tokens::default();
        assert_eq!(tokens.authorization("a"), None);
        tokens.open("a", "a.x");
        tokens.open("b", "b.x");
        assert_eq!(tokens.authorization("a").as_deref(), Some("a.x"));
        tokens.close("a");
        assert_eq!((tokens.authorization("a"), tokens.authorization("b").as_deref()), (None, Some("b.x")));
        assert_eq!(tokens.authorization(""), None);
    }
}
