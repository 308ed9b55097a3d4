//! What accounts are configured with.

use super::{key::Key, property::Property};

/// How accounts behave: `[users]` and `[password]` in docs/settings.md.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the account model, as error texts show it: `User`.
    pub model: String,
    /// Profile `loopback3`: what LoopBack 3.28 answers, also where `standard` is safer.
    pub loopback: bool,
    /// Lifetime of a token in seconds, when the login names none.
    pub ttl: f64,
    /// The longest lifetime in seconds that a login may ask for.
    pub max_ttl: f64,
    /// Whether a `ttl` of -1 makes a token that never expires.
    pub allow_eternal_tokens: bool,
    /// Whether use extends a token.
    pub sliding_ttl: bool,
    /// The length of a token's id in characters.
    pub access_token_id_length: usize,
    /// How many tokens a user has at most, the oldest ends; 0 = no bound.
    pub max_tokens: usize,
    /// Whether a login needs a confirmed email address.
    pub email_verification_required: bool,
    /// LoopBack's `realmRequired`.
    pub realm_required: bool,
    /// LoopBack's `realmDelimiter`: `realm:name` in a name.
    pub realm_delimiter: Option<String>,
    /// `false`: emails are written and compared in lower case.
    pub case_sensitive_email: bool,
    /// The fewest characters of a new password.
    pub min_length: usize,
    /// The most bytes of a new password.
    pub max_bytes: usize,
    /// Whether the commonest passwords are refused.
    pub blocklist: bool,
    /// Properties that no answer shows, besides the password and the verification token.
    pub hidden: Vec<String>,
    /// The account model's key.
    pub key: Key,
    /// The principal type of these accounts, where the app has users of other models, too: its tokens show it.
    pub principal_type: Option<String>,
    /// What the account model declares, in its order: see [`Property::complete`].
    pub properties: Vec<Property>,
    /// Lifetime in seconds of a token that resets a password.
    pub reset_ttl: f64,
    /// Whether such a token can do nothing else; in profile `standard` it never can.
    pub restrict_reset_scope: bool,
    /// Whether a patch or a replacement may not change the password.
    pub reject_password_changes: bool,
    /// Whether a registration asks for the confirmation mail.
    pub verify_on_register: bool,
    /// The sender of mails.
    pub mail_from: String,
    /// What links begin with.
    pub links: Links,
    /// Whether events are delivered: without a receiver none is kept.
    pub events: bool,
    /// Who may create accounts.
    pub registration: Registration,
    /// Whether owners may change their username and email.
    pub rename: bool,
}

/// Who may create accounts, besides an operator and an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Callers whom the rules let call `create`: by default all.
    Open,
    /// Whom an operator invites, and callers whom a rule lets in that is not for `$everyone`.
    Invite,
    /// Callers whom a rule lets in that is not for `$everyone`.
    Closed,
}

/// What links in mails begin with: never what a client sent.
#[derive(Clone, Debug)]
pub struct Links {
    /// `https://example.com`.
    pub base: String,
    /// The path of the User API: `/api/users`.
    pub api: String,
}
