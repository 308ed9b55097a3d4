//! The finished settings, section by section. docs/settings.md says what each key means.

mod address;
mod credentials;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;

use super::secret::Secret;
use crate::{accounts, forward::HostName, gate::MethodOverride, hasher, policy::Unmatched};

pub use address::{Listen, UpstreamAddress};
pub use credentials::{CredentialsSettings, Scheme};
pub use server::ServerSettings;

mod server;

/// What sets the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The safer answers.
    Standard,
    /// LoopBack 3.28, to the quirk.
    Loopback3,
}

/// How servers of the app share the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The server with the fewest requests.
    LeastConnections,
    /// The same client, the same server.
    Hash,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The chain, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// The oldest TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

/// How new passwords are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// argon2id.
    Argon2id,
}

/// Identity headers towards the app (docs/interface.md, "Towards the app").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// `X-Forwarded-User` and its kin.
    XForwarded,
    /// `Remote-User` and its kin.
    Remote,
    /// `X-Auth-Request-User` and its kin.
    XAuthRequest,
}

/// Which pages of other origins may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// None.
    Off,
    /// `*`: all of them.
    Any,
    /// The origin that asks, by its name.
    Reflect,
    /// These.
    Listed(Vec<String>),
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// What becomes of a request that no rule applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    Allow,
    Deny,
}

/// The status of a denial; `None` = 401 without a valid token, 403 with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DenialStatus(pub(crate) Option<u16>);

/// Seconds; -1 = for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenTtl(pub(crate) i64);

/// `[tls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Picked by the name that the client asks for.
    pub certificates: Vec<Certificate>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Whose certificates clients must show.
    pub client_ca: Option<PathBuf>,
    /// Whether the HTTP listener only sends people here.
    pub redirect_http: bool,
    /// `max-age` of Strict-Transport-Security, and what follows it.
    pub hsts: String,
    /// Names to get certificates for.
    pub acme_domains: Vec<String>,
    /// Whom the authority may write to.
    pub acme_email: String,
    /// The authority; `None` = Let's Encrypt.
    pub acme_directory: Option<String>,
}

/// `[upstream]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// At least one.
    pub servers: Vec<UpstreamAddress>,
    /// How they share the requests.
    pub balance: Balance,
    /// To be connected.
    pub connect_timeout: Duration,
    /// To the response head.
    pub response_timeout: Duration,
    /// What to ask to see whether a server is well.
    pub health_path: Option<String>,
    /// Names of fields with `_` that go on to the app.
    pub underscore_headers: Vec<String>,
    /// The `Host` that the app sees.
    pub host: HostName,
    /// What becomes of a method in the query or the body.
    pub method_override: MethodOverride,
    /// Whether the app reads every body of POST, PUT and PATCH, so that its connection can be used again.
    pub reads_bodies: bool,
    /// Whose certificates servers must show.
    pub ca: Option<PathBuf>,
    /// The certificate that is shown to them.
    pub client_cert: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
    /// Whether connections to them begin with a PROXY header.
    pub send_proxy_protocol: bool,
}

/// `[api]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// `/api`, without a slash at its end; empty for `/`.
    pub root: String,
    /// The plural of the account model, unless its file says it.
    pub users: String,
    /// The name of the account model.
    pub user_model: Option<String>,
    /// Whether `/login` and its kin are served too.
    pub short_routes: bool,
    /// Bytes of an API body.
    pub body_limit: usize,
    /// Whether openapi.json is served.
    pub openapi: bool,
}

/// `[users]`. [`super::Config::is_set`] tells which keys win over the account model's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsersSettings {
    /// Seconds that a token lives; -1 = for ever, only with `allow_eternal_tokens`.
    pub ttl: i64,
    /// Seconds that a token may live at most.
    pub max_ttl: i64,
    /// Whether use extends a token.
    pub sliding_ttl: bool,
    /// Tokens of a user; 0 = no bound.
    pub max_tokens: usize,
    /// Seconds that a reset token lives.
    pub reset_password_token_ttl: i64,
    /// Whether a reset token can only reset.
    pub restrict_reset_password_token_scope: bool,
    /// Whether an unconfirmed email keeps its user out.
    pub email_verification_required: bool,
    /// Whether a login needs a realm.
    pub realm_required: bool,
    /// What parts a realm from a name.
    pub realm_delimiter: Option<String>,
    /// Whether `A@x` and `a@x` are two users.
    pub case_sensitive_email: bool,
    /// Whether a ttl of -1 is for ever.
    pub allow_eternal_tokens: bool,
    /// Whether PATCH and PUT leave the password alone.
    pub reject_password_changes_via_patch_or_replace: bool,
    /// Characters of a token id.
    pub access_token_id_length: usize,
    /// The path segment that stands for the caller's id.
    pub current_user_literal: Option<String>,
    /// Whether `Bearer` takes the base64 form.
    pub bearer_token_base64_encoded: bool,
    /// Who may create accounts.
    pub registration: accounts::Registration,
    /// Whether owners may change their username and email.
    pub rename: bool,
    /// Hosts that a redirect may lead to, besides this one.
    pub redirect_hosts: Vec<String>,
}

/// `[password]`.
#[derive(Clone, Debug)]
pub struct PasswordSettings {
    /// The algorithm of new hashes.
    pub algorithm: Algorithm,
    /// Its parameters, and the hashing threads.
    pub hasher: hasher::Settings,
    /// Characters that a new password needs.
    pub min_length: usize,
    /// Bytes that a new password may have.
    pub max_bytes: usize,
    /// Whether the commonest passwords are refused.
    pub blocklist: bool,
}

/// `[policies]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoliciesSettings {
    /// The folder.
    pub dir: PathBuf,
    /// What becomes of a request that no model and no route covers.
    pub unmatched: Unmatched,
    /// Whether a request is allowed that no rule applies to.
    pub default_allow: bool,
    /// 401, 403 or 404 for every denial; `None` = 401 without a valid token, 403 with one.
    pub acl_error_status: Option<u16>,
}

/// `[identity]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentitySettings {
    /// The headers to set.
    pub preset: Vec<Preset>,
    /// Whether a signed assertion goes along.
    pub assertion: bool,
    /// Whom it is for.
    pub assertion_audience: String,
    /// Whether the client's own token reaches the app.
    pub forward_credentials: bool,
    /// Names of fields, beside the built-in ones, that no client may send to the app.
    pub reserved: Vec<String>,
}

/// `[cors]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsSettings {
    /// Who may read answers.
    pub origins: CorsOrigins,
    /// Whether also with cookies.
    pub credentials: bool,
}

/// `[pages]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagesSettings {
    /// Whether there are any.
    pub enabled: bool,
    /// Their title.
    pub title: String,
    /// A folder that overrides the built-in ones.
    pub templates: Option<PathBuf>,
    /// Whether they let strangers register.
    pub register: bool,
    /// In the order of preference.
    pub languages: Vec<String>,
}

/// `[mail]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSettings {
    /// The server's address with its login; `None` = files in the outbox folder.
    pub smtp: Option<Secret>,
    /// The sender.
    pub from: String,
    /// A folder that overrides the built-in templates.
    pub templates: Option<PathBuf>,
    /// Whether a registration sends the confirmation mail.
    pub verify_on_register: bool,
}

/// `[webhook]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Where events are posted.
    pub url: Option<String>,
    /// What they are signed with.
    pub secret: Option<Secret>,
}

/// `[forward_auth]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardAuthSettings {
    /// The listener.
    pub listen: Option<SocketAddr>,
    /// The proxies that may ask.
    pub trusted: Vec<IpNet>,
}

/// `[admin]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// The listener for health and metrics.
    pub listen: Option<SocketAddr>,
}

/// `[log]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How lines look.
    pub format: LogFormat,
    /// Whether each request is a line.
    pub access: bool,
    /// Whether events are lines.
    pub audit: bool,
}
