//! Settings of the credentials that are read.

use super::cookie::CookieSecret;

/// The places of credentials besides the built-in ones: `[credentials]` and
/// `users.bearer_token_base64_encoded`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Headers that precede `X-Access-Token` and `Authorization`.
    pub headers: Vec<String>,
    /// Query parameters that precede `access_token`.
    pub params: Vec<String>,
    /// Signed cookies that precede `access_token` and `authorization`.
    pub cookies: Vec<String>,
    /// The app's Express cookie secret; `None` = signed cookies are not read.
    pub cookie_secret: Option<CookieSecret>,
    /// Whether query parameters are credentials.
    pub query: bool,
    /// Whether LoopBack's own names are read, too (LoopBack's `searchDefaultTokenKeys`).
    pub default_keys: bool,
    /// The schemes of `Authorization` that are credentials. The app gets all others.
    pub schemes: Schemes,
    /// The encoding of the word behind `Bearer`.
    pub bearer: Bearer,
    /// Whether `Bearer` is case-sensitive, as in LoopBack. Schemes are not, by RFC 9110 section 11.1.
    pub exact_case: bool,
}

/// The forms of `Authorization` that are credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schemes {
    /// An id alone: one word.
    pub raw: bool,
    /// `Bearer`.
    pub bearer: bool,
    /// `Basic`.
    pub basic: bool,
}

/// The encoding of the word behind `Bearer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bearer {
    /// Base64 of the id: LoopBack's default.
    Base64,
    /// The id itself: LoopBack with `bearerTokenBase64Encoded: false`.
    Raw,
    /// The id itself, and if that is unknown base64: profile `standard`.
    #[default]
    RawThenBase64,
}

/// The cookies of a session that the login pages set, the preferred name first. They are read last. The second one is for
/// plain HTTP on a loopback address.
pub const PAGE_COOKIES: [&str; 2] = ["__Host-portcullis", "portcullis"];

/// The cookies that the forms of the login pages are bound to, in the same order. The app does not get them: with one,
/// it could send such a form.
pub const FORM_COOKIES: [&str; 2] = ["__Host-portcullis-form", "portcullis-form"];
