//! The resolved configuration.

use std::{collections::BTreeSet, time::Duration};

use super::{
    live::Provenance,
    settings::{
        AdminSettings, ApiSettings, AppSettings, CorsSettings, CredentialsSettings, ForwardAuthSettings,
        IdentitySettings, LogSettings, MailSettings, PagesSettings, PasswordSettings, PoliciesSettings,
        Profile, ServerSettings, TlsSettings, UpstreamSettings, UsersSettings, WebhookSettings,
    },
};
use crate::{limit, store};

/// The resolved configuration: every value is valid, every path is resolved against the folder of the config file,
/// every secret is read.
#[derive(Clone, Debug)]
pub struct Config {
    /// The profile, which sets defaults.
    pub profile: Profile,
    /// The listeners, and limits and deadlines of clients.
    pub server: ServerSettings,
    /// TLS towards clients.
    pub tls: TlsSettings,
    /// The servers of the app.
    pub upstream: UpstreamSettings,
    /// The User API.
    pub api: ApiSettings,
    /// Accounts and tokens.
    pub users: UsersSettings,
    /// The places of credentials.
    pub credentials: CredentialsSettings,
    /// Rules and hashing of passwords.
    pub password: PasswordSettings,
    /// The policy files and the defaults of decisions.
    pub policies: PoliciesSettings,
    /// `[[apps]]`. With apps, `upstream` is that of the first, and `policies` holds the defaults of all: see [`Config::each_app`].
    pub apps: Vec<AppSettings>,
    /// The app that this configuration has been narrowed to by [`Config::each_app`].
    pub app: Option<AppSettings>,
    /// The engine of the store, and the rules for names.
    pub store: store::Settings,
    /// How long a replica may lag behind.
    pub max_staleness: Duration,
    /// The rate limits.
    pub limits: limit::Settings,
    /// The identity headers.
    pub identity: IdentitySettings,
    /// Access by pages of other origins.
    pub cors: CorsSettings,
    /// The gate's own pages.
    pub pages: PagesSettings,
    /// Mail.
    pub mail: MailSettings,
    /// The webhook for events.
    pub webhook: WebhookSettings,
    /// The listener for forward authentication.
    pub forward_auth: ForwardAuthSettings,
    /// The listener for health and metrics.
    pub admin: AdminSettings,
    /// The log.
    pub log: LogSettings,
    pub(super) set: BTreeSet<String>,
    pub(super) origin: Provenance,
}

impl Config {
    /// The configuration of each app: with its own `upstream` and `policies`. Without `[[apps]]` there is one, without a
    /// name.
    #[must_use]
    pub fn each_app(&self) -> Vec<Self> {
        if self.apps.is_empty() {
            return vec![self.clone()];
        }
        let narrowed = |app: &AppSettings| Self {
            upstream: app.upstream.clone(),
            policies: app.policies.clone(),
            app: Some(app.clone()),
            ..self.clone()
        };
        self.apps.iter().map(narrowed).collect()
    }

    /// The name of the app that this configuration is of.
    #[must_use]
    pub fn app_name(&self) -> Option<&str> {
        self.app.as_ref().map(|app| app.name.as_str())
    }

    /// Whether the gate sends mails itself, or writes them as files. Else the receiver of the webhook does.
    #[must_use]
    pub fn sends_mail(&self) -> bool {
        self.mail.smtp.is_some() || self.webhook.url.is_none()
    }

    /// Whether the User API is served for the app that this configuration is of.
    #[must_use]
    pub fn serves_accounts(&self) -> bool {
        self.app.as_ref().is_none_or(|app| app.accounts)
    }
}
