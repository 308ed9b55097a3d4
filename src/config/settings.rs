//! The resolved settings by section. docs/settings.md describes the keys.

mod address;
mod credentials;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;

use super::secret::Secret;
use crate::{
    accounts,
    forward::HostName,
    gate::MethodOverride,
    hasher,
    mail::{Message, SmtpAddress},
    pages::Color,
    policy::Unmatched,
    templates::Language,
    wire::ProxyVersion,
};

pub use address::{Listen, UpstreamAddress, UpstreamScheme};
pub use credentials::{CredentialsSettings, Scheme};
pub use server::ServerSettings;

mod server;

/// The profile, which sets defaults and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The default, with safer answers than LoopBack's.
    Standard,
    /// LoopBack 3.28's answers, including its oddities.
    Loopback3,
}

/// How requests are distributed over the servers of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// To the server with the fewest requests in progress.
    LeastConnections,
    /// By a hash of the client's address, so that a client stays on its server.
    Hash,
}

/// `upstream.send_proxy_protocol`: the version of the header; `None` = none is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SendProxyProtocol(pub Option<ProxyVersion>);

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate chain, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// The minimum version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

/// The algorithm of new password hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// argon2id.
    Argon2id,
}

/// The identity headers for the app (docs/interface.md, "Towards the app").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// `X-Forwarded-User` and the like.
    XForwarded,
    /// `Remote-User` and the like.
    Remote,
    /// `X-Auth-Request-User` and the like.
    XAuthRequest,
}

/// The origins whose pages may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// None.
    Off,
    /// All origins (`*`).
    Any,
    /// Every origin, by reflecting the name that the request contains.
    Reflect,
    /// These origins.
    Listed(Vec<String>),
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// A JSON object on each line.
    Json,
    /// Text for people.
    Text,
}

/// The decision about a request that no rule applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    Allow,
    Deny,
}

/// The status of a denial; `None` = 401 without a valid token, 403 with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DenialStatus(pub(crate) Option<u16>);

/// The lifetime of a token in seconds; -1 = unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenTtl(pub(crate) i64);

/// `[tls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificates, selected by the server name of the handshake.
    pub certificates: Vec<Certificate>,
    /// The minimum version.
    pub min_version: TlsVersion,
    /// The authority whose certificates clients must present.
    pub client_ca: Option<PathBuf>,
    /// Whether the HTTP listener only redirects to HTTPS.
    pub redirect_http: bool,
    /// The value of `Strict-Transport-Security`.
    pub hsts: Option<String>,
    /// Names for which certificates are requested, in lower case.
    pub acme_domains: Vec<String>,
    /// The contact address for the certificate authority.
    pub acme_email: String,
    /// The certificate authority; `None` = Let's Encrypt.
    pub acme_directory: Option<String>,
    /// The authority whose certificate the ACME server must present; `None` = those of the system.
    pub acme_ca: Option<PathBuf>,
}

/// `[upstream]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// The servers; at least one.
    pub servers: Vec<UpstreamAddress>,
    /// The distribution of requests.
    pub balance: Balance,
    /// The time limit for a connection.
    pub connect_timeout: Duration,
    /// The time limit for the head of the response.
    pub response_timeout: Duration,
    /// The path of the health check.
    pub health_path: Option<String>,
    /// Names of header fields with `_` that are forwarded.
    pub underscore_headers: Vec<String>,
    /// The `Host` header that the app receives.
    pub host: HostName,
    /// The treatment of a method override in the query or the body.
    pub method_override: MethodOverride,
    /// Whether the app reads the whole body of every POST, PUT and PATCH, so that its connection can be reused.
    pub reads_bodies: bool,
    /// The authority whose certificates the servers must present.
    pub ca: Option<PathBuf>,
    /// The client certificate for the servers.
    pub client_cert: Option<PathBuf>,
    /// The key of the client certificate.
    pub client_key: Option<PathBuf>,
    /// The PROXY header that connections to the servers begin with.
    pub send_proxy_protocol: Option<ProxyVersion>,
}

/// `[api]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// The prefix, without a trailing slash: `/api`, or empty for `/`.
    pub root: String,
    /// The plural of the account model, unless the model file sets it.
    pub users: String,
    /// The name of the account model.
    pub user_model: Option<String>,
    /// Whether `/login` and the other short routes are served, too.
    pub short_routes: bool,
    /// Maximum size of an API body in bytes.
    pub body_limit: usize,
    /// Whether openapi.json is served.
    pub openapi: bool,
}

/// `[users]`. [`super::Config::is_set`] tells which keys override the account model's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsersSettings {
    /// Default lifetime of a token in seconds; -1 = unlimited, with `allow_eternal_tokens` only.
    pub ttl: i64,
    /// Maximum lifetime of a token in seconds.
    pub max_ttl: i64,
    /// Whether use extends a token.
    pub sliding_ttl: bool,
    /// Maximum number of tokens of a user; 0 = unlimited.
    pub max_tokens: usize,
    /// Lifetime of a reset token in seconds.
    pub reset_password_token_ttl: i64,
    /// Whether a reset token is good for a reset only.
    pub restrict_reset_password_token_scope: bool,
    /// Whether a user with an unconfirmed email address cannot log in.
    pub email_verification_required: bool,
    /// Whether a login needs a realm.
    pub realm_required: bool,
    /// The delimiter between realm and name.
    pub realm_delimiter: Option<String>,
    /// Whether `A@x` and `a@x` are different users.
    pub case_sensitive_email: bool,
    /// Whether a `ttl` of -1 means unlimited.
    pub allow_eternal_tokens: bool,
    /// Whether PATCH and PUT with a password are refused.
    pub reject_password_changes_via_patch_or_replace: bool,
    /// The length of a token id in characters.
    pub access_token_id_length: usize,
    /// The path segment that is replaced by the caller's id.
    pub current_user_literal: Option<String>,
    /// Whether `Bearer` expects the base64 form.
    pub bearer_token_base64_encoded: bool,
    /// Who may create accounts.
    pub registration: accounts::Registration,
    /// Whether owners may change their username and email.
    pub rename: bool,
    /// Hosts that a redirect may lead to, in addition to this one.
    pub redirect_hosts: Vec<String>,
}

/// `[password]`.
#[derive(Clone, Debug)]
pub struct PasswordSettings {
    /// The algorithm of new hashes.
    pub algorithm: Algorithm,
    /// The parameters of the algorithm, and the hashing threads.
    pub hasher: hasher::Settings,
    /// Minimum length of a new password in characters.
    pub min_length: usize,
    /// Maximum length of a new password in bytes.
    pub max_bytes: usize,
    /// Whether the most common passwords are refused.
    pub blocklist: bool,
    /// The file of breached passwords.
    pub breached: Option<PathBuf>,
}

/// `[policies]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoliciesSettings {
    /// The folder of the policy files.
    pub dir: PathBuf,
    /// The decision about a request that no model or route covers.
    pub unmatched: Unmatched,
    /// Whether a request is allowed if no rule applies to it.
    pub default_allow: bool,
    /// The status of all denials: 401, 403 or 404. `None` = 401 without a valid token, 403 with one.
    pub acl_error_status: Option<u16>,
}

/// An entry of `[[apps]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSettings {
    /// Its name.
    pub name: String,
    /// Its hosts in lower case, without port and final dot; `*.` stands for one label. Empty = every host that no other
    /// app names.
    pub hosts: Vec<String>,
    /// The prefix of its paths: `/`, or without a final slash.
    pub path: String,
    /// Whether the User API is served here, too.
    pub accounts: bool,
    /// Its servers.
    pub upstream: UpstreamSettings,
    /// Its policies.
    pub policies: PoliciesSettings,
}

/// `[identity]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentitySettings {
    /// The headers to set.
    pub preset: Vec<Preset>,
    /// Whether a signed assertion is added.
    pub assertion: bool,
    /// The audience of the assertion; not empty if there is one.
    pub assertion_audience: String,
    /// Whether the client's own token reaches the app.
    pub forward_credentials: bool,
    /// Names of header fields that no client may send to the app, in addition to the built-in ones.
    pub reserved: Vec<String>,
    /// Those of the built-in ones that clients may send.
    pub unreserved: Vec<String>,
}

/// `[cors]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsSettings {
    /// The origins that may read answers.
    pub origins: CorsOrigins,
    /// Whether they may do so with cookies.
    pub credentials: bool,
}

/// `[pages]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagesSettings {
    /// Whether the pages are served.
    pub enabled: bool,
    /// The title of the pages.
    pub title: String,
    /// The colour of buttons and links.
    pub color: Option<Color>,
    /// An image beside the title.
    pub logo: Option<PathBuf>,
    /// A folder of templates that replace the built-in ones.
    pub templates: Option<PathBuf>,
    /// Whether visitors can register on the pages.
    pub register: bool,
    /// The languages in order of preference.
    pub languages: Vec<Language>,
}

/// `[mail]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSettings {
    /// The mail server with the login there; `None` = files in the outbox folder.
    pub smtp: Option<SmtpAddress>,
    /// The authority of its certificate, PEM; `None` = those of the system.
    pub ca: Option<PathBuf>,
    /// The time limit of each of its answers.
    pub timeout: Duration,
    /// The sender.
    pub from: String,
    /// A folder of templates that replace the built-in ones.
    pub templates: Option<PathBuf>,
    /// The mails that are sent.
    pub messages: Vec<Message>,
    /// Whether a registration sends the confirmation mail.
    pub verify_on_register: bool,
}

/// `[webhook]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// The URL that events are posted to.
    pub url: Option<String>,
    /// The key of the signatures.
    pub secret: Option<Secret>,
}

/// `[forward_auth]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardAuthSettings {
    /// The listener.
    pub listen: Option<SocketAddr>,
    /// The proxies that may send requests.
    pub trusted: Vec<IpNet>,
}

/// `[admin]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// The listener for health and metrics.
    pub listen: Option<SocketAddr>,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The file that lines go to; `None` = standard output.
    pub file: Option<PathBuf>,
    /// The format of the lines.
    pub format: LogFormat,
    /// Whether each request is logged.
    pub access: bool,
    /// Whether account events are logged.
    pub audit: bool,
}
