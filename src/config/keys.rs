//! The list of keys: section, name, type, default, and the default of profile `loopback3` if it differs.

mod sourced;

use std::{net::SocketAddr, time::Duration};

use ipnet::IpNet;

use super::{
    address::{ApiRoot, FieldName, HookAddress, Segment, TargetPath, WebAddress},
    amount::{ByteRate, Deadline, FileMode, Size},
    finding::{Place, Report},
    hsts::Hsts,
    inputs::Inputs,
    schema::Shape,
    secret::Secret,
    setting::{FilePath, Located, NonEmptyText, Setting, WholeNumber, Written},
    settings::{
        Algorithm, Balance, Certificate, CorsOrigins, DenialStatus, Listen, LogFormat, Permission, Preset,
        Profile, Scheme, SendProxyProtocol, TlsVersion, TokenTtl, UpstreamAddress,
    },
};
use crate::{
    accounts::Registration,
    forward::HostName,
    gate::MethodOverride,
    mail::Message,
    pages::Color,
    policy::Unmatched,
    rate::{LimitName, Rate},
    templates::Language,
};

pub(crate) use sourced::Sourced;

/// Generates [`RawConfig`], its sections and [`KEYS`] from one list.
macro_rules! sections {
    ($($section:ident: $Raw:ident {
        $($key:ident: $Value:ty = $default:literal $(, loopback3 = $loopback3:literal)?;)+
    })+) => {
        $(
            pub(crate) struct $Raw {
                $(pub(crate) $key: Sourced<$Value>,)+
            }

            impl $Raw {
                pub(crate) fn read(reader: &mut KeyReader<'_>) -> Option<Self> {
                    Some(Self {
                        $($key: reader.read(
                            concat!(stringify!($section), ".", stringify!($key)),
                            $default,
                            &[$($loopback3)?],
                        )?,)+
                    })
                }
            }
        )+

        /// The values of all keys, typed and not yet resolved.
        pub(crate) struct RawConfig {
            $(pub(crate) $section: $Raw,)+
        }

        impl RawConfig {
            /// The keys whose values differ.
            pub(crate) fn differences(&self, other: &Self) -> Vec<&'static str> {
                let mut found = Vec::new();
                $($(if self.$section.$key.value != other.$section.$key.value {
                    found.push(concat!(stringify!($section), ".", stringify!($key)));
                })+)+
                found
            }

            /// Reads every key. An invalid value is reported and replaced by the default.
            ///
            /// Returns `None` only if a default in the list is invalid.
            pub(crate) fn read(reader: &mut KeyReader<'_>) -> Option<Self> {
                $(let $section = $Raw::read(reader)?;)+
                Some(Self { $($section,)+ })
            }
        }

        /// The shapes of all keys except `profile`, in the order of the list.
        pub(crate) fn shapes() -> Vec<Shape> {
            vec![$($(
                Shape::of::<$Value>(
                    concat!(stringify!($section), ".", stringify!($key)),
                    $default,
                    &[$($loopback3)?],
                ),
            )+)+]
        }

        /// All keys except `profile`, as `section.key`.
        pub(crate) const KEYS: &[&str] = &[$($(concat!(stringify!($section), ".", stringify!($key)),)+)+];
    };
}

sections! {
    server: RawServer {
        http: Listen = "127.0.0.1:8080";
        https: Option<SocketAddr> = "";
        data_dir: FilePath = "data";
        threads: WholeNumber<0, 1024> = "0";
        trusted_proxies: Vec<IpNet> = "";
        proxy_protocol: bool = "false";
        public_url: Option<WebAddress> = "";
        // From the first byte to the last: a deadline for each read would let a client that sends a byte now and then
        // hold a connection (slowloris).
        header_timeout: Deadline = "10s";
        body_timeout: Deadline = "30s";
        write_timeout: Deadline = "30s";
        idle_timeout: Deadline = "60s";
        max_header_bytes: Size<1_024, 16_777_216> = "64kb";
        max_headers: WholeNumber<1, 10_000> = "128";
        max_buffer_bytes: Size<1_048_576, 1_099_511_627_776> = "256mb";
        max_connections: WholeNumber<1, 10_000_000> = "10000";
        max_connections_per_client: WholeNumber<0, 10_000_000> = "256";
        // A body that is slow and not stuck passes `body_timeout`, so an average rate bounds it as a whole.
        body_min_rate: Option<ByteRate> = "1kb/s";
        drain_delay: Duration = "0s";
        socket_mode: FileMode = "0660";
        shutdown_grace: Duration = "15s";
    }
    tls: RawTls {
        certificates: Vec<Certificate> = "certs/server.pem:certs/server.key";
        min_version: TlsVersion = "1.2";
        client_ca: Option<FilePath> = "";
        redirect_http: bool = "false";
        hsts: Option<Hsts> = "";
        acme_domains: Vec<NonEmptyText> = "";
        acme_email: String = "";
        acme_directory: Option<WebAddress> = "";
        acme_ca: Option<FilePath> = "";
    }
    upstream: RawUpstream {
        // The port of a LoopBack app (docs/loopback-3.28.md section 7).
        servers: Vec<UpstreamAddress> = "http://127.0.0.1:3000";
        balance: Balance = "least-connections";
        connect_timeout: Deadline = "5s";
        response_timeout: Deadline = "60s";
        health_path: Option<TargetPath> = "";
        underscore_headers: Vec<FieldName> = "";
        host: HostName = "client";
        method_override: MethodOverride = "refuse";
        reads_bodies: bool = "true";
        ca: Option<FilePath> = "";
        client_cert: Option<FilePath> = "";
        client_key: Option<FilePath> = "";
        send_proxy_protocol: SendProxyProtocol = "false";
    }
    api: RawApi {
        root: ApiRoot = "/api";
        users: Segment = "users";
        user_model: Option<NonEmptyText> = "";
        short_routes: bool = "false";
        // LoopBack's limit (docs/loopback-3.28.md section 12).
        body_limit: Size<0, 1_073_741_824> = "100kb";
        openapi: bool = "true";
    }
    users: RawUsers {
        // LoopBack's defaults of this section: docs/loopback-3.28.md section 12.
        ttl: TokenTtl = "1209600";
        max_ttl: WholeNumber<1, 9_007_199_254_740> = "31556926";
        sliding_ttl: bool = "false";
        max_tokens: WholeNumber<0, 1_000_000> = "0";
        reset_password_token_ttl: WholeNumber<1, 9_007_199_254_740> = "900";
        restrict_reset_password_token_scope: bool = "false";
        email_verification_required: bool = "false";
        realm_required: bool = "false";
        realm_delimiter: Option<NonEmptyText> = "";
        case_sensitive_email: bool = "true";
        allow_eternal_tokens: bool = "false";
        reject_password_changes_via_patch_or_replace: bool = "false";
        // At least 16 characters, about 95 random bits.
        access_token_id_length: WholeNumber<16, 1_024> = "64";
        current_user_literal: Option<Segment> = "";
        bearer_token_base64_encoded: bool = "true";
        registration: Registration = "open";
        rename: bool = "true";
        redirect_hosts: Vec<NonEmptyText> = "";
    }
    credentials: RawCredentials {
        headers: Vec<FieldName> = "";
        params: Vec<NonEmptyText> = "";
        cookies: Vec<FieldName> = "";
        cookie_secret: Option<Secret> = "";
        cookie_secret_file: Option<FilePath> = "";
        query: bool = "true";
        schemes: Vec<Scheme> = "raw,bearer,basic";
        default_keys: bool = "true";
    }
    password: RawPassword {
        algorithm: Algorithm = "argon2id";
        // 8 KiB is the least that argon2 accepts (RFC 9106 section 3.1). The default is OWASP's.
        memory_kib: WholeNumber<8, 4_294_967_295> = "19456";
        iterations: WholeNumber<1, 4_294_967_295> = "2";
        parallelism: WholeNumber<1, 16_777_215> = "1";
        workers: WholeNumber<0, 1_024> = "0";
        // A hash takes 15 ms of a core (docs/decisions.md section 4), so these are about a second of a core.
        queue: WholeNumber<1, 1_000_000> = "64";
        min_length: WholeNumber<1, 1_024> = "8", loopback3 = "1";
        blocklist: bool = "true", loopback3 = "false";
        breached: Option<FilePath> = "";
    }
    policies: RawPolicies {
        dir: FilePath = "policies";
        // A path that no policy describes may be one that was forgotten.
        unmatched: Unmatched = "deny";
        // LoopBack allows what no rule mentions, and denies with 401 (docs/loopback-3.28.md section 12).
        default_permission: Permission = "DENY", loopback3 = "ALLOW";
        acl_error_status: DenialStatus = "0", loopback3 = "401";
    }
    store: RawStore {
        url: Option<Secret> = "";
        url_file: Option<FilePath> = "";
        max_staleness: Deadline = "30s";
    }
    limits: RawLimits {
        login_per_client: Option<Rate> = "10/minute";
        login_per_account: Option<Rate> = "10/minute";
        reset_per_client: Option<Rate> = "5/minute";
        register_per_client: Option<Rate> = "10/minute";
        requests_per_client: Option<Rate> = "";
        requests_per_token: Option<Rate> = "";
        shadow: Vec<LimitName> = "";
    }
    identity: RawIdentity {
        preset: Vec<Preset> = "x-forwarded";
        assertion: bool = "false";
        assertion_audience: String = "";
        forward_credentials: bool = "false";
        reserved: Vec<FieldName> = "";
        unreserved: Vec<FieldName> = "";
    }
    cors: RawCors {
        origins: CorsOrigins = "";
        credentials: bool = "false";
    }
    pages: RawPages {
        // LoopBack has no pages, and its clients expect a 401 in place of a redirect.
        enabled: bool = "true", loopback3 = "false";
        title: NonEmptyText = "Sign in";
        color: Option<Color> = "";
        logo: Option<FilePath> = "";
        templates: Option<FilePath> = "";
        register: bool = "true";
        languages: Vec<Language> = "en";
    }
    mail: RawMail {
        smtp: Option<Secret> = "";
        smtp_file: Option<FilePath> = "";
        ca: Option<FilePath> = "";
        timeout: Deadline = "60s";
        from: NonEmptyText = "noreply@localhost";
        templates: Option<FilePath> = "";
        messages: Vec<Message> = "confirm,reset,invite,password-changed,address-changed,new-address,new-login,name-taken,username-changed,token-made,account-deleted";
        verify_on_register: bool = "false";
    }
    webhook: RawWebhook {
        url: Option<HookAddress> = "";
        secret: Option<Secret> = "";
        secret_file: Option<FilePath> = "";
    }
    forward_auth: RawForwardAuth {
        listen: Option<SocketAddr> = "";
        trusted: Vec<IpNet> = "";
    }
    admin: RawAdmin {
        listen: Option<SocketAddr> = "";
    }
    log: RawLog {
        file: Option<FilePath> = "";
        format: LogFormat = "auto";
        access: bool = "true";
        audit: bool = "true";
    }
}

/// Reads the values of keys.
pub(crate) struct KeyReader<'a> {
    pub(crate) profile: Profile,
    inputs: &'a Inputs,
    report: &'a mut Report,
    changed: Vec<(&'static str, Place)>,
}

impl<'a> KeyReader<'a> {
    /// Reads the profile first, because the defaults depend on it.
    pub(crate) fn new(inputs: &'a Inputs, report: &'a mut Report) -> Self {
        let written = inputs.find("profile").and_then(|from| Profile::read("profile", from, report));
        Self { profile: written.unwrap_or(Profile::Standard), inputs, report, changed: Vec::new() }
    }

    /// The keys whose values differ from their defaults, with the places where they are set.
    pub(crate) fn into_changed(self) -> Vec<(&'static str, Place)> {
        self.changed
    }

    /// Reads a key. `loopback3` is the default of that profile, if it has its own.
    fn read<T: Setting>(
        &mut self,
        key: &'static str,
        default: &str,
        loopback3: &[&str],
    ) -> Option<Sourced<T>> {
        let own = loopback3.first().filter(|_| self.profile == Profile::Loopback3);
        let default = own.copied().unwrap_or(default);
        let default = Located { written: Written::Word(default.to_owned()), place: Place::Default };
        let default = T::read(key, &default, self.report)?;
        let Some(from) = self.inputs.find(key) else {
            return Some(Sourced { value: default, place: Place::Default });
        };
        // After an error the default is used, so that the checks between keys can still run.
        let value = T::read(key, from, self.report);
        if value.as_ref().is_some_and(|value| *value != default) {
            self.changed.push((key, from.place.clone()));
        }
        Some(Sourced { value: value.unwrap_or(default), place: from.place.clone() })
    }
}
