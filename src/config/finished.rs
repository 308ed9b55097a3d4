//! The configuration, finished and valid.

use std::{collections::BTreeSet, time::Duration};

use super::{
    live::Origin,
    settings::{
        AdminSettings, ApiSettings, CorsSettings, CredentialsSettings, ForwardAuthSettings, IdentitySettings,
        LogSettings, MailSettings, PagesSettings, PasswordSettings, PoliciesSettings, Profile,
        ServerSettings, TlsSettings, UpstreamSettings, UsersSettings, WebhookSettings,
    },
};
use crate::{limit, store};

/// Finished and valid settings: every value in its range, every path counted from the config file, every secret read.
#[derive(Clone, Debug)]
pub struct Config {
    /// What set the defaults.
    pub profile: Profile,
    /// The listeners.
    pub server: ServerSettings,
    /// TLS towards clients.
    pub tls: TlsSettings,
    /// The app.
    pub upstream: UpstreamSettings,
    /// The User API.
    pub api: ApiSettings,
    /// The User model's settings.
    pub users: UsersSettings,
    /// More places to look for credentials in.
    pub credentials: CredentialsSettings,
    /// New passwords.
    pub password: PasswordSettings,
    /// The policy files, and what they leave open.
    pub policies: PoliciesSettings,
    /// Which store.
    pub store: store::Settings,
    /// How long a replica may go without seeing changes.
    pub max_staleness: Duration,
    /// Rates per client.
    pub limits: limit::Settings,
    /// The rate of logins per account.
    pub login_per_account: Option<limit::Rate>,
    /// Headers towards the app.
    pub identity: IdentitySettings,
    /// Pages of other origins.
    pub cors: CorsSettings,
    /// Our own pages.
    pub pages: PagesSettings,
    /// Mail.
    pub mail: MailSettings,
    /// Events.
    pub webhook: WebhookSettings,
    /// The listener for other proxies.
    pub forward_auth: ForwardAuthSettings,
    /// The listener for health and metrics.
    pub admin: AdminSettings,
    /// The log.
    pub log: LogSettings,
    pub(super) set: BTreeSet<String>,
    pub(super) origin: Origin,
}
