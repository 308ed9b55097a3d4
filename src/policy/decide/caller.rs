//! The caller of a request.

/// The caller of a request, as far as decisions depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'c> {
    /// The user's id as text; `None` = anonymous.
    pub user: Option<&'c str>,
    /// The names of the granted roles, sorted.
    pub roles: &'c [Box<str>],
    /// The subject of the certificate that the client has shown, verified by `tls.client_ca`.
    pub certificate: Option<&'c str>,
    /// The token's scopes; empty = `DEFAULT`.
    pub scopes: &'c [String],
}
