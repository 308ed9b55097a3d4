//! Where credentials are looked for.

use super::cookie::CookieSecret;

/// Where to look, besides the built-in names: `[credentials]` and `users.bearer_token_base64_encoded`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Headers that are tried before `X-Access-Token` and `Authorization`.
    pub headers: Vec<String>,
    /// Query parameters that are tried before `access_token`.
    pub params: Vec<String>,
    /// Signed cookies that are tried before `access_token` and `authorization`.
    pub cookies: Vec<String>,
    /// The app's Express cookie secret; `None`: no signed cookie is read.
    pub cookie_secret: Option<CookieSecret>,
    /// Whether a query parameter is a credential at all.
    pub query: bool,
    /// Whether LoopBack's own names are places, too (LoopBack's `searchDefaultTokenKeys`).
    pub default_keys: bool,
    /// What of `Authorization` is a credential; the app gets the rest.
    pub schemes: Schemes,
    /// How the word behind `Bearer` is read.
    pub bearer: Bearer,
    /// Whether `Bearer` counts in this letter case alone, as in LoopBack; schemes have none (RFC 9110 section 11.1).
    pub exact_case: bool,
}

/// The forms of `Authorization` that are credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schemes {
    /// The id alone: one word.
    pub raw: bool,
    /// `Bearer`.
    pub bearer: bool,
    /// `Basic`.
    pub basic: bool,
}

/// How the word behind `Bearer` is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bearer {
    /// As base64 of the id: LoopBack's default.
    Base64,
    /// As the id itself: LoopBack with `bearerTokenBase64Encoded: false`.
    Raw,
    /// As the id itself, and where that is unknown as base64: profile `standard`.
    #[default]
    RawThenBase64,
}

/// The cookies that the pages set, the preferred name first; looked at last. The second one is for plain HTTP on a
/// loopback address.
pub(super) const PAGE_COOKIES: [&str; 2] = ["__Host-portcullis", "portcullis"];
