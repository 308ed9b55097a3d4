//! The settings of accounts.

use super::{key::Key, property::Property};
use crate::mail::Message;

/// The settings of accounts: `[users]` and `[password]` in docs/settings.md.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The name of the account model in error messages: `User`.
    pub model: String,
    /// Whether profile `loopback3` is in force: LoopBack 3.28's answers even where `standard` is safer.
    pub loopback: bool,
    /// Default lifetime of a token in seconds.
    pub ttl: f64,
    /// Maximum lifetime of a token in seconds.
    pub max_ttl: f64,
    /// Whether a `ttl` of -1 makes a token that never expires.
    pub allow_eternal_tokens: bool,
    /// Whether use extends a token.
    pub sliding_ttl: bool,
    /// The length of a token's id in characters.
    pub access_token_id_length: usize,
    /// Maximum number of tokens of a user, beyond which the oldest ends; 0 = unlimited.
    pub max_tokens: usize,
    /// Whether a login needs a confirmed email address.
    pub email_verification_required: bool,
    /// LoopBack's `realmRequired`.
    pub realm_required: bool,
    /// LoopBack's `realmDelimiter`: names are written as `realm:name`.
    pub realm_delimiter: Option<String>,
    /// Whether the letter case of emails counts. If not, they are stored and compared in lower case.
    pub case_sensitive_email: bool,
    /// Minimum length of a new password in characters.
    pub min_length: usize,
    /// Maximum length of a new password in bytes.
    pub max_bytes: usize,
    /// Whether the most common passwords are refused.
    pub blocklist: bool,
    /// The file of breached passwords.
    pub breached: Option<std::path::PathBuf>,
    /// The names of the site, which no password is made of.
    pub site_names: Vec<String>,
    /// Properties that no answer shows, in addition to the password and the verification token.
    pub hidden: Vec<String>,
    /// The key of the account model.
    pub key: Key,
    /// The principal type of these accounts if the app has several user models. Token rows show it.
    pub principal_type: Option<String>,
    /// The properties of the account model in its order, see [`Property::complete`].
    pub properties: Vec<Property>,
    /// Lifetime of a reset token in seconds.
    pub reset_ttl: f64,
    /// Whether a reset token is good for a reset only. In profile `standard` it always is.
    pub restrict_reset_scope: bool,
    /// Whether a patch or a replacement that contains a password is refused.
    pub reject_password_changes: bool,
    /// Whether a registration sends the confirmation mail.
    pub verify_on_register: bool,
    /// The sender address of mails.
    pub mail_from: String,
    /// The prefixes of links.
    pub links: Links,
    /// Whether events are delivered. Without a webhook none is stored.
    pub events: bool,
    /// The mails that are sent.
    pub mails: Vec<Message>,
    /// Who may create accounts through the API.
    pub registration: Registration,
    /// Whether owners may change their username and email address.
    pub rename: bool,
}

/// Who may create accounts, in addition to an operator and an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// All callers whom the rules allow to call `create`; by default every caller.
    Open,
    /// As [`Closed`](Self::Closed); an operator invites users.
    Invite,
    /// Only callers whom a rule other than `$everyone` allows.
    Closed,
}

/// The prefixes of links in mails. They come from the settings, never from a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The origin: `https://example.com`.
    pub base: String,
    /// The path of the User API: `/api/users`.
    pub api: String,
    /// Whether the gate's pages are served, which links in mails lead to.
    pub pages: bool,
}
