//! The names of rate limits.

/// A rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitName {
    /// Logins from one client.
    LoginPerClient,
    /// Failed logins to one account.
    LoginPerAccount,
    /// Requests for a password reset from one client.
    ResetPerClient,
    /// Registrations from one client.
    RegisterPerClient,
    /// All requests from one client.
    RequestsPerClient,
    /// All requests with one token.
    RequestsPerToken,
    /// Requests of one caller to a route whose policy file has a `limit`.
    Routes,
    /// Writes of one user's row, which no setting changes.
    WritesPerUser,
}

impl LimitName {
    /// All names, in the order of the values.
    pub const NAMES: [&'static str; 8] = [
        "login_per_client",
        "login_per_account",
        "reset_per_client",
        "register_per_client",
        "requests_per_client",
        "requests_per_token",
        "routes",
        "writes_per_user",
    ];

    /// The name in settings, metrics and header fields.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or_default()
    }
}
