//! Resolves a [`RawConfig`] into a [`Config`]: paths, secrets, and rules between keys.

mod fields;

use std::path::{Path, PathBuf};

use super::{
    Config,
    apps::RawApp,
    code::Code,
    finding::quoted,
    keys::{
        RawApi, RawConfig, RawCors, RawForwardAuth, RawLimits, RawPages, RawPassword, RawPolicies, RawServer,
        RawStore, RawUpstream, RawUsers, RawWebhook, Sourced,
    },
    secret::{self, Secret},
    setting::{FilePath, NonEmptyText},
    settings::{
        AdminSettings, ApiSettings, CorsOrigins, CorsSettings, ForwardAuthSettings, Listen, LogSettings,
        PagesSettings, PasswordSettings, Permission, PoliciesSettings, Profile, UpstreamAddress,
        UpstreamSettings, UsersSettings, WebhookSettings,
    },
};
use crate::{hasher, limit, store};

pub(crate) use resolver::Resolver;

mod acme;
mod apps;
mod mail;
mod passwords;
mod resolver;
mod server;
mod tls;

impl Resolver<'_> {
    /// Resolves `raw`. The result must not be used if the report contains an error.
    pub(crate) fn config(mut self, raw: RawConfig, raw_apps: Vec<RawApp>) -> Config {
        // First, because the app's servers are compared with the listeners.
        let links_place = raw.server.public_url.place.clone();
        let server = self.server(raw.server);
        self.check_public_path(&server, &links_place, raw.pages.enabled.value);
        let users = self.users(raw.users);
        let own = vec![
            ("server.http", server.http.clone()),
            ("server.https", server.https.map_or(Listen::Off, Listen::Tcp)),
            ("admin.listen", raw.admin.listen.value.map_or(Listen::Off, Listen::Tcp)),
            ("forward_auth.listen", raw.forward_auth.listen.value.map_or(Listen::Off, Listen::Tcp)),
            ("server.data_dir", server::admin_socket(&server.data_dir)),
        ];
        let max_staleness = raw.store.max_staleness.value.0;
        let apps = self.apps(raw_apps, &own);
        self.warn_of_links(&apps, &server, &raw.api.root.value.0, &links_place);
        // With apps this section is only a default, which each app has been resolved with.
        let upstream = match apps.first() {
            Some(first) => first.upstream.clone(),
            None => self.upstream(raw.upstream, &own),
        };
        Config {
            profile: self.profile,
            tls: self.tls(raw.tls, &server),
            upstream,
            api: api(raw.api),
            credentials: self.credentials(raw.credentials),
            password: self.password(&raw.password),
            policies: self.policies(&raw.policies),
            apps,
            app: None,
            store: self.store(&raw.store, &server.data_dir, &users),
            max_staleness,
            limits: limits(raw.limits),
            identity: self.identity(raw.identity),
            cors: self.cors(raw.cors),
            mail: self.mail(raw.mail, &server, raw.pages.enabled.value),
            pages: self.pages(raw.pages),
            webhook: self.webhook(raw.webhook),
            forward_auth: self.forward_auth(raw.forward_auth),
            admin: AdminSettings { listen: raw.admin.listen.value },
            log: LogSettings {
                file: self.optional_path(raw.log.file.value),
                format: raw.log.format.value,
                access: raw.log.access.value,
                audit: raw.log.audit.value,
            },
            server,
            users,
            set: self.set,
            origin: super::live::Provenance::default(),
        }
    }

    fn upstream(&mut self, raw: RawUpstream, own: &server::Own) -> UpstreamSettings {
        if raw.servers.value.is_empty() {
            let message = "`upstream.servers` is empty".to_owned();
            let fix = "write where the app is, such as [\"http://127.0.0.1:3000\"]".to_owned();
            self.report.error(&raw.servers.place, Code::BadValue, message, Some(fix));
        }
        let based = |server: UpstreamAddress| server.based(self.base);
        let servers: Vec<_> = raw.servers.value.into_iter().map(based).collect();
        self.refuse_own(&servers, &raw.servers.place, own);
        if raw.client_cert.value.is_some() != raw.client_key.value.is_some() {
            let set = if raw.client_cert.value.is_some() { &raw.client_cert } else { &raw.client_key };
            let message = "of `upstream.client_cert` and `upstream.client_key` only one is set".to_owned();
            self.report.error(&set.place, Code::MissingKey, message, Some("set both".to_owned()));
        }
        UpstreamSettings {
            servers,
            balance: raw.balance.value,
            connect_timeout: raw.connect_timeout.value.0,
            response_timeout: raw.response_timeout.value.0,
            health_path: raw.health_path.value.map(|path| path.0),
            underscore_headers: self.underscore_headers(raw.underscore_headers),
            host: raw.host.value,
            method_override: raw.method_override.value,
            reads_bodies: raw.reads_bodies.value,
            ca: self.optional_path(raw.ca.value),
            client_cert: self.optional_path(raw.client_cert.value),
            client_key: self.optional_path(raw.client_key.value),
            send_proxy_protocol: raw.send_proxy_protocol.value.0,
        }
    }

    fn users(&mut self, raw: RawUsers) -> UsersSettings {
        // Such tokens would be refused from their creation (docs/loopback-3.28.md section 1.3).
        if raw.ttl.value.0 == -1 && !raw.allow_eternal_tokens.value {
            let message = "`users.ttl` is -1, but tokens for ever are not allowed".to_owned();
            let fix = "write seconds, or set `allow_eternal_tokens = true`".to_owned();
            self.report.error(&raw.ttl.place, Code::BadValue, message, Some(fix));
        }
        UsersSettings {
            ttl: raw.ttl.value.0,
            max_ttl: raw.max_ttl.value.0,
            sliding_ttl: raw.sliding_ttl.value,
            max_tokens: raw.max_tokens.value.count(),
            reset_password_token_ttl: raw.reset_password_token_ttl.value.0,
            restrict_reset_password_token_scope: raw.restrict_reset_password_token_scope.value,
            email_verification_required: raw.email_verification_required.value,
            realm_required: raw.realm_required.value,
            realm_delimiter: text(raw.realm_delimiter),
            case_sensitive_email: raw.case_sensitive_email.value,
            allow_eternal_tokens: raw.allow_eternal_tokens.value,
            reject_password_changes_via_patch_or_replace: raw
                .reject_password_changes_via_patch_or_replace
                .value,
            access_token_id_length: raw.access_token_id_length.value.count(),
            current_user_literal: raw.current_user_literal.value.map(|segment| segment.0),
            bearer_token_base64_encoded: raw.bearer_token_base64_encoded.value,
            registration: raw.registration.value,
            rename: raw.rename.value,
            redirect_hosts: texts(raw.redirect_hosts),
        }
    }

    fn password(&mut self, raw: &RawPassword) -> PasswordSettings {
        // LoopBack's limit is part of its answers (docs/loopback-3.28.md section 2.1).
        let max_bytes = if self.profile == Profile::Loopback3 { BCRYPT_BYTES } else { MAX_PASSWORD_BYTES };
        let (memory_kib, iterations) = (raw.memory_kib.value.small(), raw.iterations.value.small());
        let parallelism = raw.parallelism.value.small();
        // argon2 requires 8 KiB for each lane (RFC 9106 section 3.1).
        let least = parallelism.saturating_mul(8);
        if memory_kib < least {
            let message = format!("`password.memory_kib` is {memory_kib}, and argon2 needs 8 a lane");
            let fix = format!("write at least {least}, or lower `parallelism`");
            self.report.error(&raw.memory_kib.place, Code::BadValue, message, Some(fix));
        } else if !OWASP_MINIMA.iter().any(|(memory, passes)| memory_kib >= *memory && iterations >= *passes)
        {
            let message = format!(
                "`memory_kib = {memory_kib}` with `iterations = {iterations}` is below OWASP's minimum for argon2id"
            );
            let fix = "write `memory_kib = 19456` with `iterations = 2`, or more".to_owned();
            self.report.warning(&raw.memory_kib.place, Code::WeakPasswordHash, message, Some(fix));
        }
        let min_length = raw.min_length.value.count();
        if min_length > max_bytes {
            let message = format!(
                "`password.min_length` is {min_length}, more than the {max_bytes} bytes of the longest password"
            );
            self.report.error(
                &raw.min_length.place,
                Code::BadValue,
                message,
                Some(format!("write at most {max_bytes}")),
            );
        }
        let (workers, queue) = (raw.workers.value.count(), raw.queue.value.count());
        PasswordSettings {
            algorithm: raw.algorithm.value,
            hasher: hasher::Settings { memory_kib, iterations, parallelism, workers, queue },
            min_length,
            max_bytes,
            blocklist: raw.blocklist.value,
            breached: self.breached(&raw.breached),
        }
    }

    fn policies(&self, raw: &RawPolicies) -> PoliciesSettings {
        PoliciesSettings {
            dir: self.base.join(&raw.dir.value.0),
            unmatched: raw.unmatched.value,
            default_allow: raw.default_permission.value == Permission::Allow,
            acl_error_status: raw.acl_error_status.value.0,
        }
    }

    fn store(&mut self, raw: &RawStore, data_dir: &Path, users: &UsersSettings) -> store::Settings {
        let url = self.secret("store.url", &raw.url, &raw.url_file);
        let engine = match url.as_ref().map_or("", Secret::expose) {
            "" => store::Engine::Sled(data_dir.join("store")),
            url => self.engine(url).unwrap_or_else(|| self.no_engine(url, raw)),
        };
        let per_realm = users.realm_required && users.realm_delimiter.is_some();
        let keys = store::KeyRules {
            fold_email_case: !users.case_sensitive_email,
            per_realm,
            canonical: self.profile == Profile::Standard,
        };
        store::Settings { engine, keys }
    }

    fn engine(&self, url: &str) -> Option<store::Engine> {
        let (kind, rest) = store::EngineKind::of(url)?;
        match kind {
            store::EngineKind::Memory => rest.is_empty().then_some(store::Engine::Memory),
            store::EngineKind::Sled => {
                (!rest.is_empty() && !rest.contains('\0')).then(|| store::Engine::Sled(self.base.join(rest)))
            }
        }
    }

    /// Reports an invalid store URL without showing it: it may contain a password.
    fn no_engine(&mut self, url: &str, raw: &RawStore) -> store::Engine {
        let place = if raw.url.value.is_some() { &raw.url.place } else { &raw.url_file.place };
        let (scheme, _) = url.split_once(':').unwrap_or(("", url));
        let (code, message) = if scheme == "postgres" || scheme == "postgresql" {
            (Code::NotBuilt, "`store.url` names PostgreSQL, which is not built yet".to_owned())
        } else if scheme.is_empty() {
            (Code::BadValue, "`store.url` names no kind of store".to_owned())
        } else {
            (Code::BadValue, format!("`store.url` names an unknown store: {}", quoted(&format!("{scheme}:"))))
        };
        self.report.error(place, code, message, Some("write \"sled:PATH\", \"memory:\" or \"\"".to_owned()));
        // Never opened, because the report holds an error now.
        store::Engine::Memory
    }

    fn cors(&mut self, raw: RawCors) -> CorsSettings {
        if raw.origins.value == CorsOrigins::Any && raw.credentials.value {
            let message = "`cors.credentials` goes with no `\"*\"`: browsers refuse that".to_owned();
            let fix = "list the origins in `cors.origins`".to_owned();
            self.report.error(&raw.credentials.place, Code::BadValue, message, Some(fix));
        }
        CorsSettings { origins: raw.origins.value, credentials: raw.credentials.value }
    }

    fn pages(&self, raw: RawPages) -> PagesSettings {
        PagesSettings {
            enabled: raw.enabled.value,
            title: raw.title.value.0,
            color: raw.color.value,
            logo: self.optional_path(raw.logo.value),
            templates: self.optional_path(raw.templates.value),
            register: raw.register.value,
            languages: raw.languages.value,
        }
    }

    fn webhook(&mut self, raw: RawWebhook) -> WebhookSettings {
        let secret = self.secret("webhook.secret", &raw.secret, &raw.secret_file);
        if let Some(url) = &raw.url.value
            && !url.0.starts_with("http://")
        {
            let message = "`webhook.url` is not `http://`, and no other kind is built yet".to_owned();
            let fix = "post to a receiver on this host, or to a proxy that speaks TLS".to_owned();
            self.report.error(&raw.url.place, Code::NotBuilt, message, Some(fix));
        }
        if raw.url.value.is_some() && secret.is_none() && raw.secret_file.value.is_none() {
            let message = "`webhook.url` is set without `webhook.secret`: the receiver could not tell its events from forged ones".to_owned();
            let fix = "set `webhook.secret`, or better `webhook.secret_file`".to_owned();
            self.report.error(&raw.url.place, Code::MissingKey, message, Some(fix));
        }
        WebhookSettings { url: raw.url.value.map(|address| address.0), secret }
    }

    fn forward_auth(&mut self, raw: RawForwardAuth) -> ForwardAuthSettings {
        let is_any = raw.trusted.value.iter().any(|net| net.prefix_len() == 0);
        if is_any {
            let message = "`forward_auth.trusted` has a network of all addresses: any client could describe requests, \
                           and learn whose token it has found";
            let fix = "list the addresses of your proxies alone".to_owned();
            self.report.error(&raw.trusted.place, Code::BadValue, message.to_owned(), Some(fix));
        }
        if raw.listen.value.is_some() && raw.trusted.value.is_empty() {
            let message =
                "`forward_auth.listen` is set without `forward_auth.trusted`, and would answer no proxy";
            let fix = "list the addresses of your proxies, such as [\"127.0.0.1\"]".to_owned();
            self.report.error(&raw.listen.place, Code::MissingKey, message.to_owned(), Some(fix));
        }
        ForwardAuthSettings { listen: raw.listen.value, trusted: raw.trusted.value }
    }

    fn secret(
        &mut self,
        key: &str,
        value: &Sourced<Option<Secret>>,
        file: &Sourced<Option<FilePath>>,
    ) -> Option<Secret> {
        secret::resolve(key, value, file, self.base, self.report)
    }

    fn path(&self, path: FilePath) -> PathBuf {
        self.base.join(path.0)
    }

    fn optional_path(&self, path: Option<FilePath>) -> Option<PathBuf> {
        path.map(|path| self.path(path))
    }
}

fn api(raw: RawApi) -> ApiSettings {
    ApiSettings {
        root: raw.root.value.0,
        users: raw.users.value.0,
        user_model: text(raw.user_model),
        short_routes: raw.short_routes.value,
        body_limit: raw.body_limit.value.bytes(),
        openapi: raw.openapi.value,
    }
}

fn limits(raw: RawLimits) -> limit::Settings {
    limit::Settings {
        login_per_client: raw.login_per_client.value,
        login_per_account: raw.login_per_account.value,
        reset_per_client: raw.reset_per_client.value,
        register_per_client: raw.register_per_client.value,
        requests_per_client: raw.requests_per_client.value,
        requests_per_token: raw.requests_per_token.value,
        writes_per_user: Some(limit::WRITES_PER_USER),
        shadow: raw.shadow.value,
    }
}

fn text(sourced: Sourced<Option<NonEmptyText>>) -> Option<String> {
    sourced.value.map(|text| text.0)
}

fn texts(sourced: Sourced<Vec<NonEmptyText>>) -> Vec<String> {
    sourced.value.into_iter().map(|text| text.0).collect()
}

/// bcrypt uses no more bytes, and LoopBack refuses longer passwords (docs/loopback-3.28.md section 2.1).
const BCRYPT_BYTES: usize = 72;

/// Longer than any pass phrase, and still cheap to hash.
const MAX_PASSWORD_BYTES: usize = 1_024;

/// OWASP's password storage cheat sheet for argon2id: equivalent pairs of KiB and passes.
const OWASP_MINIMA: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];
