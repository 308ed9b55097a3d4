//! Who asks.

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'c> {
    /// The user's id as text; `None` = anonymous.
    pub user: Option<&'c str>,
    /// The names of the static roles, sorted.
    pub roles: &'c [Box<str>],
    /// The token's scopes; empty = `DEFAULT`.
    pub scopes: &'c [String],
}
