//! Converts the configuration to the settings of each part.

mod accounts;
mod mail;

use std::sync::Arc;

use anyhow::Context as _;

use super::Addresses;
use crate::{
    acme, api,
    assertion::Signer,
    config::{self, Config, Listen, Profile, UpstreamAddress, UpstreamScheme},
    connection, credential, forward, gate, limit, listen, policy,
    tls::{self, ClientTls},
    wire::{HeadLimits, MAX_FIELDS},
};

pub(super) use accounts::links;
pub use accounts::{accounts, store};
pub use mail::mail;

/// Limits of a response head. They are larger than those of a request, because only the app sends it.
const RESPONSE_HEAD: HeadLimits = HeadLimits { bytes: 128 * 1024, fields: MAX_FIELDS };

pub(super) fn is_loopback(config: &Config) -> bool {
    config.profile == Profile::Loopback3
}

/// The settings of the policies.
#[must_use]
pub fn policy(config: &Config) -> policy::Settings {
    policy::Settings {
        api_root: config.api.root.clone(),
        users_plural: config.is_set("api.users").then(|| config.api.users.clone()),
        user_model: config.api.user_model.clone(),
        is_one_of_several: config.app.is_some(),
        unmatched: config.policies.unmatched,
        default_allow: config.policies.default_allow,
        acl_error_status: config.policies.acl_error_status,
        loopback: is_loopback(config),
        short_routes: config.api.short_routes && config.serves_accounts(),
        serves_accounts: config.serves_accounts(),
        restrict_reset_scope: config
            .is_set("users.restrict_reset_password_token_scope")
            .then_some(config.users.restrict_reset_password_token_scope),
        current_user_literal: config.users.current_user_literal.clone(),
        set_users_keys: config.set_in("users").map(str::to_owned).collect(),
    }
}

pub(super) fn address(listen: &Listen) -> Option<listen::Address> {
    match listen {
        Listen::Off => None,
        Listen::Tcp(address) => Some(listen::Address::Tcp(*address)),
        Listen::Unix(path) => Some(listen::Address::Unix(path.clone())),
    }
}

/// `open_files` is the limit of the process.
pub(super) fn listen(config: &Config, open_files: u64) -> listen::Settings {
    let server = &config.server;
    listen::Settings {
        head: HeadLimits { bytes: server.max_header_bytes, fields: server.max_headers },
        times: connection::Times {
            header: server.header_timeout,
            body: server.body_timeout,
            write: server.write_timeout,
            idle: server.idle_timeout,
            min_rate: server.body_min_rate,
        },
        // Each connection may need a second descriptor, for the app.
        bounds: listen::Bounds {
            all: server.max_connections.min(limit::connections_within(open_files)),
            per_client: limit::Connections::new(server.max_connections_per_client),
            most_per_client: server.max_connections_per_client,
            trusted_proxies: server.trusted_proxies.clone(),
        },
        max_buffer_bytes: server.max_buffer_bytes,
        proxy_protocol: server.proxy_protocol,
        strict_transport: config.tls.hsts.as_ref().map(|hsts| hsts.as_str().into()),
    }
}

/// How servers of the app are verified; `None` = none speaks TLS.
#[must_use]
pub fn upstream_tls(config: &Config) -> Option<tls::UpstreamSettings> {
    let upstream = &config.upstream;
    let identity = upstream.client_cert.clone().zip(upstream.client_key.clone());
    upstream.servers.iter().any(UpstreamAddress::is_tls).then(|| tls::UpstreamSettings {
        ca: upstream.ca.clone(),
        identity: identity.map(|(cert, key)| tls::Files { cert, key }),
    })
}

/// `terms`: for the servers that speak TLS.
fn server(address: &UpstreamAddress, terms: Option<&Arc<ClientTls>>) -> anyhow::Result<forward::Address> {
    let (scheme, host, port) = match address {
        UpstreamAddress::Http { scheme, host, port, .. } => (scheme, host, port),
        UpstreamAddress::Unix(path) => return Ok(forward::Address::Unix(path.clone())),
    };
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let protocol = match scheme {
        UpstreamScheme::Http => return Ok(forward::Address::Tcp(authority)),
        UpstreamScheme::H2c => return Ok(forward::Address::Http2(authority)),
        UpstreamScheme::Https => tls::Protocol::Http1,
        UpstreamScheme::H2 => tls::Protocol::Http2,
    };
    let name = tls::server_name(host)
        .with_context(|| format!("`upstream.servers`: no certificate can be for `{host}`"))?;
    let terms = terms.map(Arc::clone).context("`upstream.servers`: no parameters for TLS")?;
    Ok(forward::Address::Tls { authority, name, protocol, terms })
}

pub(super) fn forward(config: &Config, instance: forward::Instance) -> anyhow::Result<forward::Settings> {
    let upstream = &config.upstream;
    let terms = upstream_tls(config).map(|settings| ClientTls::load(&settings)).transpose();
    let terms = terms.context("the certificates of `[upstream]` cannot be used")?.map(Arc::new);
    let servers = upstream.servers.iter().map(|at| Ok((server(at, terms.as_ref())?, Arc::default())));
    Ok(forward::Settings {
        servers: servers.collect::<anyhow::Result<_>>()?,
        health_path: upstream.health_path.clone(),
        balance: match upstream.balance {
            config::Balance::LeastConnections => forward::Balance::LeastConnections,
            config::Balance::Hash => forward::Balance::Hash,
        },
        connect_timeout: upstream.connect_timeout,
        response_timeout: upstream.response_timeout,
        response_head: RESPONSE_HEAD,
        host: upstream.host,
        reads_bodies: upstream.reads_bodies,
        announce: upstream.send_proxy_protocol,
        instance,
    })
}

/// `is_its`: whether requests with a host may reach the app.
pub(super) fn app(config: &Config, is_its: impl Fn(&str) -> bool) -> gate::AppSettings {
    gate::AppSettings {
        name: config.app_name().map(Into::into),
        names: forward::Names::new(
            &config.identity.reserved,
            &config.identity.unreserved,
            &config.upstream.underscore_headers,
        ),
        method_override: config.upstream.method_override,
        public_url: config.server.public_url.clone().filter(|url| is_its(tls::host_of(url))),
        audience: audience(config).into(),
    }
}

/// The audience of an app's assertions. Each app has one of its own, so that none can use at another what it was sent.
fn audience(config: &Config) -> String {
    let audience = &config.identity.assertion_audience;
    let Some(name) = config.app_name() else { return audience.clone() };
    format!("{}/{name}", audience.trim_end_matches('/'))
}

pub(super) fn gate(
    config: &Config,
    assertion: Option<Arc<Signer>>,
    acme: Option<Arc<acme::Tokens>>,
    redirect: Option<gate::Redirect>,
) -> gate::Settings {
    let preset = |preset: &config::Preset| match preset {
        config::Preset::XForwarded => forward::Preset::XForwarded,
        config::Preset::Remote => forward::Preset::Remote,
        config::Preset::XAuthRequest => forward::Preset::XAuthRequest,
    };
    gate::Settings {
        credentials: credentials(config),
        public_url: config.server.public_url.clone(),
        presets: config.identity.preset.iter().map(preset).collect(),
        forward_credentials: config.identity.forward_credentials,
        loopback: is_loopback(config),
        trusted_proxies: config.server.trusted_proxies.clone(),
        api_root: config.api.root.clone(),
        body_limit: config.api.body_limit as u64,
        acme,
        redirect,
        assertion,
        cors: cors(&config.cors),
        forward_auth: forward_auth(config),
    }
}

fn cors(settings: &config::CorsSettings) -> Option<gate::Cors> {
    let origins = match &settings.origins {
        config::CorsOrigins::Off => return None,
        config::CorsOrigins::Any => gate::Origins::Any,
        config::CorsOrigins::Reflect => gate::Origins::Reflect,
        config::CorsOrigins::Listed(listed) => gate::Origins::Listed(listed.clone()),
    };
    Some(gate::Cors { origins, credentials: settings.credentials })
}

fn forward_auth(config: &Config) -> gate::ForwardAuth {
    let trusted = &config.forward_auth.trusted;
    // A proxy may add its own address to the client's, behind that of the proxies before it.
    let believed = trusted.iter().chain(&config.server.trusted_proxies).copied().collect();
    gate::ForwardAuth { trusted: trusted.clone(), believed }
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
        default_keys: from.default_keys,
        schemes: credential::Schemes {
            raw: from.schemes.contains(&config::Scheme::Raw),
            bearer: from.schemes.contains(&config::Scheme::Bearer),
            basic: from.schemes.contains(&config::Scheme::Basic),
        },
        exact_case: is_loopback(config),
        bearer: match (is_loopback(config), config.users.bearer_token_base64_encoded) {
            // docs/loopback-3.28.md section 1.2: LoopBack decodes `Bearer` values from base64.
            (true, true) => credential::Bearer::Base64,
            (_, false) => credential::Bearer::Raw,
            (false, true) => credential::Bearer::RawThenBase64,
        },
    }
}

/// What clients over TLS are offered.
#[must_use]
pub fn tls(config: &Config) -> tls::Settings {
    let files = |of: &config::Certificate| tls::Files { cert: of.cert.clone(), key: of.key.clone() };
    tls::Settings {
        files: config.tls.certificates.iter().map(files).collect(),
        acme: !config.tls.acme_domains.is_empty(),
        min_version: match config.tls.min_version {
            config::TlsVersion::V12 => tls::Version::V12,
            config::TlsVersion::V13 => tls::Version::V13,
        },
        client_ca: config.tls.client_ca.clone(),
    }
}

/// Which certificates are requested.
#[must_use]
pub(super) fn acme(config: &Config) -> acme::Settings {
    let tls = &config.tls;
    acme::Settings {
        domains: tls.acme_domains.clone(),
        email: tls.acme_email.clone(),
        directory: tls.acme_directory.clone().unwrap_or_else(|| acme::LETS_ENCRYPT.to_owned()),
        ca: tls.acme_ca.clone(),
        folder: config.server.data_dir.join("acme"),
        challenges: challenges(config),
    }
}

/// The challenges that the listeners can answer. The one on its own port goes first: an ACME server connects to no other.
/// With ports that a firewall or a container maps, it is the one that needs no plain HTTP.
fn challenges(config: &Config) -> Vec<acme::ChallengeKind> {
    use acme::ChallengeKind::{Http01, TlsAlpn01};
    // Handshakes without a certificate of `client_ca` fail.
    let https = config.server.https.filter(|_| config.tls.client_ca.is_none());
    let http = match &config.server.http {
        Listen::Off => None,
        Listen::Tcp(address) => Some(address.port()),
        // Behind another server, which listens on port 80.
        Listen::Unix(_) => Some(0),
    };
    match (https.map(|address| address.port()), http) {
        (Some(443), Some(_)) => vec![TlsAlpn01, Http01],
        (Some(_), Some(80)) => vec![Http01, TlsAlpn01],
        (Some(_), Some(_)) => vec![TlsAlpn01, Http01],
        (Some(_), None) => vec![TlsAlpn01],
        (None, Some(_)) => vec![Http01],
        (None, None) => Vec::new(),
    }
}

/// Where the gate is to listen.
#[must_use]
pub fn addresses(config: &Config) -> Addresses {
    let server = &config.server;
    Addresses {
        http: address(&server.http),
        https: server.https,
        forward_auth: config.forward_auth.listen,
        admin: config.admin.listen,
    }
}

/// The prefix of links: `server.public_url`, otherwise the address of the listener, the one with TLS first.
#[must_use]
pub fn link_base(config: &Config, own: &Addresses) -> String {
    if let Some(url) = &config.server.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let plain = own.http.as_ref().and_then(listen::Address::tcp).map(|address| ("http", address));
    match own.https.map(|address| ("https", address)).or(plain) {
        // `0.0.0.0` is no address that a client can open.
        Some((scheme, address)) if address.ip().is_unspecified() => {
            format!("{scheme}://localhost:{}", address.port())
        }
        Some((scheme, address)) => format!("{scheme}://{address}"),
        None => "http://localhost".to_owned(),
    }
}

pub(super) fn api(config: &Config) -> api::Settings {
    api::Settings { body_limit: config.api.body_limit, redirect_hosts: config.users.redirect_hosts.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_on_its_own_port_goes_first() {
        for (http, https, more, wanted) in [
            ("0.0.0.0:80", "0.0.0.0:443", "", "tls-alpn-01 http-01"),
            ("0.0.0.0:80", "0.0.0.0:8443", "", "http-01 tls-alpn-01"),
            ("0.0.0.0:8080", "0.0.0.0:8443", "", "tls-alpn-01 http-01"),
            ("0.0.0.0:8080", "0.0.0.0:443", "", "tls-alpn-01 http-01"),
            ("unix:gate.sock", "0.0.0.0:443", "", "tls-alpn-01 http-01"),
            ("", "0.0.0.0:8443", "", "tls-alpn-01"),
            ("0.0.0.0:80", "0.0.0.0:443", "client_ca = \"ca.pem\"\nredirect_http = true", "http-01"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("portcullis.toml");
            let text = format!(
                "[server]\nhttp = {http:?}\nhttps = {https:?}\n[tls]\nacme_domains = [\"a.example\"]\n{more}"
            );
            std::fs::write(&file, text).unwrap();
            let sources = config::Sources { file: Some(file), ..config::Sources::default() };
            let settings = super::acme(&config::load(&sources).unwrap().config);
            let challenges: Vec<_> = settings.challenges.iter().map(ToString::to_string).collect();
            assert_eq!(challenges.join(" "), wanted, "{http} {https} {more}");
            assert_eq!(settings.directory, "https://acme-v02.api.letsencrypt.org/directory");
            assert!(settings.folder.ends_with("data/acme"));
        }
    }
}
