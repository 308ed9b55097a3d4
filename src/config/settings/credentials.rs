//! Where a client may carry its token.

use crate::config::secret::Secret;

/// `[credentials]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsSettings {
    /// Further header names.
    pub headers: Vec<String>,
    /// Further query parameters.
    pub params: Vec<String>,
    /// Further cookie names.
    pub cookies: Vec<String>,
    /// What the app's Express signs its cookies with.
    pub cookie_secret: Option<Secret>,
    /// Whether `?access_token=` is a credential.
    pub query: bool,
    /// What of `Authorization` is a credential.
    pub schemes: Vec<Scheme>,
    /// Whether LoopBack's own names are places, too.
    pub default_keys: bool,
}

/// A form of `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The token alone.
    Raw,
    /// `Bearer`.
    Bearer,
    /// `Basic`.
    Basic,
}
