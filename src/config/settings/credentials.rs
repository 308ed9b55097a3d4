//! The places of tokens in a request.

use crate::config::secret::Secret;

/// `[credentials]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsSettings {
    /// Additional header names.
    pub headers: Vec<String>,
    /// Additional query parameters.
    pub params: Vec<String>,
    /// Additional cookie names.
    pub cookies: Vec<String>,
    /// The secret by which the app's Express signs its cookies.
    pub cookie_secret: Option<Secret>,
    /// Whether `?access_token=` is a credential.
    pub query: bool,
    /// The schemes of `Authorization` that carry a token of the gate.
    pub schemes: Vec<Scheme>,
    /// Whether LoopBack's built-in names are used, too.
    pub default_keys: bool,
}

/// A form of `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The token without a scheme.
    Raw,
    /// `Bearer`.
    Bearer,
    /// `Basic`.
    Basic,
}
