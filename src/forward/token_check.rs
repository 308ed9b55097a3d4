//! Re-checks the token of a long-lived request.

use std::fmt;

/// The check of a request's token, repeated while the request lasts.
#[derive(Clone, Copy)]
pub struct TokenCheck<'r>(&'r dyn Fn() -> bool);

impl<'r> TokenCheck<'r> {
    /// Creates a check from a function.
    #[must_use]
    pub fn new(good: &'r dyn Fn() -> bool) -> Self {
        Self(good)
    }

    /// Whether the token is valid now.
    #[must_use]
    pub fn is_good(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for TokenCheck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenCheck")
    }
}
