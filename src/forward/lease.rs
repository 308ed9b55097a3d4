//! What ends a request that would go on for ever: its token, and the gate's own end.

use std::fmt;

/// Whether the token of a request is still good: asked again and again as long as the request lasts.
#[derive(Clone, Copy)]
pub struct Lease<'r>(&'r dyn Fn() -> bool);

impl<'r> Lease<'r> {
    /// The answer comes from here.
    #[must_use]
    pub fn new(good: &'r dyn Fn() -> bool) -> Self {
        Self(good)
    }

    /// Whether it is good now.
    #[must_use]
    pub fn is_good(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for Lease<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lease")
    }
}
