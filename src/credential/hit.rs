//! A candidate for the access token, and where it was.

use std::{borrow::Cow, fmt};

/// The part of a request that a credential was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A query parameter.
    Param,
    /// A request header.
    Header,
    /// `Authorization: Basic`, which a browser sends by itself after a challenge.
    Basic,
    /// A signed cookie of the app, or the cookie of the login pages.
    Cookie,
}

/// A candidate for the access token.
#[derive(Clone, PartialEq, Eq)]
pub struct Hit<'h> {
    /// The part of the request.
    pub place: Place,
    /// The id to look up. Empty: the request is anonymous, whatever follows.
    pub id: Cow<'h, str>,
    /// A second reading, tried if the first one is unknown.
    pub alternative: Option<Cow<'h, str>>,
}

/// Without the id, which is a secret.
impl fmt::Debug for Hit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hit").field("place", &self.place).finish_non_exhaustive()
    }
}
