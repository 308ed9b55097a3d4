//! From the settings of the file to the settings of each part.

use crate::{
    accounts, api,
    config::{self, Config, Listen, Profile, UpstreamAddress},
    credential, forward, gate, limit, listen,
    policy::{self, AccountModel},
    wire::{HeadLimits, MAX_FIELDS},
};

/// An answer's head may be larger than a request's: nobody but the app sends it.
const RESPONSE_HEAD: HeadLimits = HeadLimits { bytes: 128 * 1024, fields: MAX_FIELDS };

pub(super) fn is_loopback(config: &Config) -> bool {
    config.profile == Profile::Loopback3
}

/// What the policy files leave open.
#[must_use]
pub fn policy(config: &Config) -> policy::Settings {
    policy::Settings {
        api_root: config.api.root.clone(),
        users_plural: config.api.users.clone(),
        user_model: config.api.user_model.clone(),
        unmatched: config.policies.unmatched,
        default_allow: config.policies.default_allow,
        acl_error_status: config.policies.acl_error_status,
        loopback: is_loopback(config),
        restrict_reset_scope: config.users.restrict_reset_password_token_scope,
    }
}

pub(super) fn address(listen: &Listen) -> Option<listen::Address> {
    match listen {
        Listen::Off => None,
        Listen::Tcp(address) => Some(listen::Address::Tcp(*address)),
        Listen::Unix(path) => Some(listen::Address::Unix(path.clone())),
    }
}

pub(super) fn listen(config: &Config) -> listen::Settings {
    let server = &config.server;
    listen::Settings {
        head: HeadLimits { bytes: server.max_header_bytes, fields: server.max_headers },
        times: forward::Times {
            header: server.header_timeout,
            body: server.body_timeout,
            write: server.write_timeout,
            idle: server.idle_timeout,
        },
        max_connections: server.max_connections,
        per_client: limit::Connections::new(server.max_connections_per_client),
    }
}

pub(super) fn forward(config: &Config) -> forward::Settings {
    let upstream = &config.upstream;
    let server = |server: &UpstreamAddress| match server {
        UpstreamAddress::Http { host, port, .. } if host.contains(':') => {
            forward::Address::Tcp(format!("[{host}]:{port}"))
        }
        UpstreamAddress::Http { host, port, .. } => forward::Address::Tcp(format!("{host}:{port}")),
        UpstreamAddress::Unix(path) => forward::Address::Unix(path.clone()),
    };
    forward::Settings {
        servers: upstream.servers.iter().map(server).collect(),
        balance: match upstream.balance {
            config::Balance::LeastConnections => forward::Balance::LeastConnections,
            config::Balance::Hash => forward::Balance::Hash,
        },
        connect_timeout: upstream.connect_timeout,
        response_timeout: upstream.response_timeout,
        response_head: RESPONSE_HEAD,
    }
}

pub(super) fn gate(config: &Config) -> gate::Settings {
    let preset = |preset: &config::Preset| match preset {
        config::Preset::XForwarded => forward::Preset::XForwarded,
        config::Preset::Remote => forward::Preset::Remote,
        config::Preset::XAuthRequest => forward::Preset::XAuthRequest,
    };
    gate::Settings {
        credentials: credentials(config),
        presets: config.identity.preset.iter().map(preset).collect(),
        forward_credentials: config.identity.forward_credentials,
        trust_unverified_email: !config.users.email_verification_required,
        allow_eternal_tokens: config.users.allow_eternal_tokens,
        loopback: is_loopback(config),
        trusted_proxies: config.server.trusted_proxies.clone(),
        api_root: config.api.root.clone(),
        body_limit: config.api.body_limit as u64,
    }
}

pub(super) fn credentials(config: &Config) -> credential::Settings {
    let from = &config.credentials;
    credential::Settings {
        headers: from.headers.clone(),
        params: from.params.clone(),
        cookies: from.cookies.clone(),
        cookie_secret: from
            .cookie_secret
            .as_ref()
            .map(|secret| credential::CookieSecret::new(secret.expose())),
        query: from.query,
        bearer: match (is_loopback(config), config.users.bearer_token_base64_encoded) {
            (true, true) => credential::Bearer::Base64,
            (_, false) => credential::Bearer::Raw,
            (false, true) => credential::Bearer::RawThenBase64,
        },
        page_cookie: vec!["__Host-portcullis".to_owned(), "portcullis".to_owned()],
    }
}

/// How accounts behave; without a model they are called `User`.
#[must_use]
pub fn accounts(config: &Config, model: Option<&AccountModel>) -> accounts::Settings {
    let users = &config.users;
    #[expect(clippy::cast_precision_loss, reason = "a number of seconds is far below 2^52")]
    let seconds = |seconds: i64| seconds as f64;
    accounts::Settings {
        model: model.map_or_else(|| "User".to_owned(), |model| model.name.clone()),
        loopback: is_loopback(config),
        ttl: seconds(users.ttl),
        max_ttl: seconds(users.max_ttl),
        allow_eternal_tokens: users.allow_eternal_tokens,
        access_token_id_length: users.access_token_id_length,
        max_tokens: users.max_tokens,
        email_verification_required: users.email_verification_required,
        realm_required: users.realm_required,
        realm_delimiter: users.realm_delimiter.clone(),
        case_sensitive_email: users.case_sensitive_email,
        min_length: config.password.min_length,
        max_bytes: config.password.max_bytes,
        blocklist: config.password.blocklist,
        hidden: model.map(|model| model.hidden.clone()).unwrap_or_default(),
        properties: model.map(declared).unwrap_or_default(),
        reset_ttl: seconds(users.reset_password_token_ttl),
        restrict_reset_scope: users.restrict_reset_password_token_scope
            || model.is_some_and(|model| model.restrict_reset_password_token_scope == Some(true)),
        reject_password_changes: users.reject_password_changes_via_patch_or_replace,
        verify_on_register: config.mail.verify_on_register,
        mail_from: config.mail.from.clone(),
        links: accounts::Links {
            base: link_base(config, address(&config.server.http).as_ref()),
            api: format!(
                "{}/{}",
                config.api.root,
                model.map_or(config.api.users.as_str(), |model| model.plural.as_str())
            ),
        },
        events: config.webhook.url.is_some(),
    }
}

/// What links begin with: `server.public_url`, else where this gate listens.
pub(super) fn link_base(config: &Config, address: Option<&listen::Address>) -> String {
    if let Some(url) = &config.server.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    match address {
        Some(listen::Address::Tcp(address)) if address.ip().is_unspecified() => {
            format!("http://localhost:{}", address.port())
        }
        Some(listen::Address::Tcp(address)) => format!("http://{address}"),
        Some(listen::Address::Unix(_)) | None => "http://localhost".to_owned(),
    }
}

/// The properties that an app's own user model adds to LoopBack's.
fn declared(model: &AccountModel) -> Vec<accounts::Property> {
    let own = ["realm", "username", "password", "email", "emailVerified", "verificationToken", "id"];
    let added = model.properties.iter().filter(|property| !own.contains(&property.name.as_str()));
    added
        .map(|property| accounts::Property {
            name: property.name.clone(),
            kind: accounts::Kind::named(&property.kind),
            required: property.required,
            default: property.default.clone(),
        })
        .collect()
}

pub(super) fn api(config: &Config) -> api::Settings {
    api::Settings { body_limit: config.api.body_limit, redirect_hosts: config.users.redirect_hosts.clone() }
}
