//! Warns of settings that have no effect in this combination, or contradict each other.

use std::{net::SocketAddr, thread};

use super::{
    Config,
    code::Code,
    finding::{Place, Report},
    settings::{Listen, Profile, UpstreamAddress},
};
use crate::{hasher, limit};

/// A warning about a key that differs from its default.
struct Warning {
    key: &'static str,
    /// Whether the warning applies.
    applies: fn(&Config) -> bool,
    /// The text after the key.
    says: &'static str,
    /// The fix.
    fix: &'static str,
}

const fn warning(
    key: &'static str,
    applies: fn(&Config) -> bool,
    says: &'static str,
    fix: &'static str,
) -> Warning {
    Warning { key, applies, says, fix }
}

/// An app's configuration, and its keys that differ from their defaults, with their places.
pub(crate) type OfApp = (Vec<(&'static str, Place)>, Config);

/// Reports all warnings. `apps`: without `[[apps]]` there is one.
pub(crate) fn report(apps: &[OfApp], report: &mut Report) {
    for (changed, _) in apps {
        for (key, place) in changed {
            // What a section says is the default of several apps: it has an effect if it has one in any of them.
            let sharing = || apps.iter().filter(|(changed, _)| changed.contains(&(*key, place.clone())));
            for warning in WARNINGS.iter().filter(|warning| warning.key == *key) {
                if sharing().all(|(_, config)| (warning.applies)(config)) {
                    let message = format!("`{key}` {}", warning.says);
                    report.warning(place, Code::NoEffect, message, Some(warning.fix.to_owned()));
                }
            }
        }
    }
    // The rest is about settings that all apps share.
    let Some((changed, config)) = apps.first() else { return };
    let place_of = |wanted: &[&str]| {
        let set = changed.iter().find(|(key, _)| wanted.contains(key));
        set.map_or(&Place::Default, |(_, place)| place)
    };
    lifetimes(config, place_of(&["users.ttl", "users.max_ttl"]), report);
    memory(config, place_of(&["password.memory_kib", "password.workers"]), report);
    open_files(config, place_of(&["server.max_connections"]), limit::most_open_files(), report);
    addresses(config, place_of, report);
}

/// The default lifetime of a token exceeds the maximum.
fn lifetimes(config: &Config, place: &Place, report: &mut Report) {
    let (ttl, longest) = (config.users.ttl, config.users.max_ttl);
    if ttl > longest {
        let message =
            format!("`users.ttl` is {ttl}, and `users.max_ttl` cuts every token down to {longest} seconds");
        let fix = "raise `max_ttl`, or lower `ttl`".to_owned();
        report.warning(place, Code::NoEffect, message, Some(fix));
    }
}

/// The hashing threads need more memory than the machine has.
fn memory(config: &Config, place: &Place, report: &mut Report) {
    let settings = config.password.hasher;
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // The same rule as in `hasher.rs`.
    let workers = if settings.workers == 0 { cores.div_ceil(2) } else { settings.workers };
    let wanted = u64::from(settings.memory_kib).saturating_mul(workers as u64);
    let Some(there) = hasher::machine_kib().filter(|there| wanted > *there) else { return };
    let message = format!(
        "`password.memory_kib` is {}: {workers} hashing thread{} {} MiB, and this machine has {} MiB; logins will fail",
        settings.memory_kib,
        if workers == 1 { " needs" } else { "s need" },
        wanted / 1_024,
        there / 1_024,
    );
    let fix = "write less, such as `memory_kib = 19456`, or lower `workers`".to_owned();
    report.warning(place, Code::HashMemory, message, Some(fix));
}

/// The process cannot open as many files as the connections need.
fn open_files(config: &Config, place: &Place, most: u64, report: &mut Report) {
    let max = config.server.max_connections;
    let wanted = (max as u64).saturating_mul(limit::PER_CONNECTION);
    if wanted <= most {
        return;
    }
    let fit = limit::connections_within(most);
    let message = format!(
        "`server.max_connections` is {max}, each with a connection to the app: {wanted} open files, and this process may \
         have {most}; {fit} connections are taken at once, and more make idle ones end or are closed",
    );
    let fix = format!(
        "raise the limit of open files (`ulimit -Hn`, `LimitNOFILE` of systemd, `--ulimit nofile` of Docker), or write {fit}"
    );
    report.warning(place, Code::OpenFiles, message, Some(fix));
}

/// Two listeners have the same address.
fn addresses<'p>(config: &Config, place_of: impl Fn(&[&str]) -> &'p Place, report: &mut Report) {
    let http = match &config.server.http {
        Listen::Tcp(address) => Some(*address),
        Listen::Off | Listen::Unix(_) => None,
    };
    let all: [(&str, Option<SocketAddr>); 4] = [
        ("server.http", http),
        ("server.https", config.server.https),
        ("admin.listen", config.admin.listen),
        ("forward_auth.listen", config.forward_auth.listen),
    ];
    let listeners: Vec<(&str, SocketAddr)> =
        all.iter().filter_map(|(key, at)| Some((*key, (*at)?))).collect();
    for (index, (key, address)) in listeners.iter().enumerate() {
        for (other, taken) in listeners.iter().take(index).filter(|(_, taken)| collide(taken, address)) {
            let message = format!("`{key}` is {address}, which `{other}` ({taken}) has taken");
            let fix = format!("give `{key}` a port of its own");
            report.error(place_of(&[*key, *other]), Code::SameAddress, message, Some(fix));
        }
    }
}

/// Whether only one of them can be bound. Port 0 selects any free port.
fn collide(a: &SocketAddr, b: &SocketAddr) -> bool {
    // A listener on all addresses also takes each single one.
    let every = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (a.ip() == b.ip() || every)
}

fn any_address(config: &Config) -> bool {
    config.server.trusted_proxies.iter().any(|net| net.prefix_len() == 0)
}

fn no_webhook(config: &Config) -> bool {
    config.webhook.url.is_none()
}

fn no_smtp(config: &Config) -> bool {
    config.mail.smtp.is_none()
}

/// The gate sends no mail itself, and writes no file instead.
fn no_mail(config: &Config) -> bool {
    !config.sends_mail()
}

fn has_scheme_or_path(config: &Config) -> bool {
    config.users.redirect_hosts.iter().any(|host| host.contains(['/', '*', ' ', '@']))
}

fn built_in_header(config: &Config) -> bool {
    let known =
        |name: &String| ["authorization", "x-access-token"].iter().any(|own| name.eq_ignore_ascii_case(own));
    config.credentials.default_keys && config.credentials.headers.iter().any(known)
}

fn same_server_twice(config: &Config) -> bool {
    let servers = &config.upstream.servers;
    servers.iter().enumerate().any(|(at, server)| servers.iter().take(at).any(|other| other == server))
}

fn no_tls_server(config: &Config) -> bool {
    !config.upstream.servers.iter().any(UpstreamAddress::is_tls)
}

fn plain_beside_tls(config: &Config) -> bool {
    config.server.https.is_some()
        && config.server.public_url.as_ref().is_some_and(|url| url.starts_with("http://"))
}

/// The warnings in the order of the keys in the file.
#[rustfmt::skip]
const WARNINGS: &[Warning] = &[
    warning("server.trusted_proxies", any_address,
        "believes every address: any client may write its own X-Forwarded-For",
        "list the networks of your proxies alone"),
    warning("server.proxy_protocol", |c| c.server.trusted_proxies.is_empty() && !matches!(c.server.http, Listen::Unix(_)),
        "has no effect: `trusted_proxies` is empty, and no other PROXY header is read",
        "name the proxies in `trusted_proxies`"),
    warning("server.public_url", plain_beside_tls,
        "is http:// while `server.https` is on: links and tokens would go in the clear",
        "write https://"),
    warning("server.header_timeout", |c| c.server.header_timeout > c.server.idle_timeout,
        "is longer than `idle_timeout`: a client that sends its head slowly stays longer than one that is silent",
        "write less than `idle_timeout`"),
    warning("server.max_connections_per_client", |c| c.server.max_connections_per_client >= c.server.max_connections,
        "has no effect: `max_connections` is not higher",
        "write less than `max_connections`"),
    warning("server.shutdown_grace", |c| c.server.shutdown_grace.is_zero(),
        "is 0: every stop cuts the requests under way",
        "write some seconds, such as \"15s\""),
    warning("tls.certificates", |c| c.server.https.is_none(),
        "has no effect: `server.https` is not set",
        "write where to listen, such as `https = \"0.0.0.0:8443\"`"),
    warning("tls.min_version", |c| c.server.https.is_none(),
        "has no effect: `server.https` is not set",
        "write where to listen, such as `https = \"0.0.0.0:8443\"`"),
    warning("tls.hsts", |c| c.server.https.is_none(),
        "has no effect: `server.https` is not set",
        "write where to listen, such as `https = \"0.0.0.0:8443\"`"),
    warning("tls.acme_email", |c| c.tls.acme_domains.is_empty(),
        "has no effect: `acme_domains` is empty",
        "name the hosts in `acme_domains`, or take it out"),
    warning("tls.acme_directory", |c| c.tls.acme_domains.is_empty(),
        "has no effect: `acme_domains` is empty",
        "name the hosts in `acme_domains`, or take it out"),
    warning("tls.acme_ca", |c| c.tls.acme_domains.is_empty(),
        "has no effect: `acme_domains` is empty",
        "name the hosts in `acme_domains`, or take it out"),
    warning("upstream.ca", no_tls_server,
        "has no effect: no server is `https://` or `h2://`",
        "write `https://` in `servers`, or take it out"),
    warning("upstream.client_cert", no_tls_server,
        "has no effect: no server is `https://` or `h2://`",
        "write `https://` in `servers`, or take it out"),
    warning("upstream.balance", |c| c.upstream.servers.len() < 2,
        "has no effect: there is one server",
        "add servers, or take it out"),
    warning("upstream.servers", same_server_twice,
        "names a server twice: it gets twice the requests, and replaces no other server that is down",
        "name each once"),
    warning("upstream.underscore_headers", |c| c.upstream.underscore_headers.iter().any(|name| !name.contains('_')),
        "names a header without `_`: those go on anyway",
        "keep those with `_`"),
    warning("api.body_limit", |c| c.api.body_limit < MIN_BODY_BYTES,
        "is so small that no login fits into it",
        "write \"100kb\""),
    warning("users.sliding_ttl", |c| c.users.ttl == -1,
        "has no effect: with `ttl = -1` tokens live for ever",
        "set a `ttl`, or take it out"),
    warning("users.email_verification_required", |c| no_webhook(c) && no_smtp(c),
        "keeps new users out: neither `mail.smtp` nor `webhook.url` is set, so the mail that confirms an address is a file on this machine",
        "set `mail.smtp`, or `webhook.url` and send the mail from there, or confirm by hand: `portcullis user verify WHO`"),
    warning("users.realm_delimiter", |c| !c.users.realm_required,
        "without `realm_required`: a login has to name a realm that accounts need not have",
        "set `realm_required = true` beside it"),
    warning("users.redirect_hosts", |c| c.profile == Profile::Loopback3,
        "has no effect in profile loopback3: redirects lead anywhere, as in LoopBack",
        "take it out"),
    warning("users.redirect_hosts", has_scheme_or_path,
        "holds an entry that no host matches: an entry is a host, with a port perhaps",
        "write such as \"app.example.com\""),
    warning("credentials.headers", built_in_header,
        "names a header that is looked at anyway",
        "take `Authorization` and `X-Access-Token` out"),
    warning("credentials.params", |c| !c.credentials.query,
        "has no effect: `credentials.query` is false",
        "set `query = true`, or take it out"),
    warning("credentials.cookies", |c| c.credentials.cookie_secret.is_none(),
        "has no effect without `cookie_secret`: only signed cookies are read",
        "set `credentials.cookie_secret`, or better `cookie_secret_file`"),
    warning("password.iterations", |c| u64::from(c.password.hasher.memory_kib) * u64::from(c.password.hasher.iterations) > MAX_HASH_COST,
        "makes every login take many seconds of a core",
        "write such as `iterations = 2`"),
    warning("store.max_staleness", |_| true,
        "has no effect: this store has no replicas",
        "take it out"),
    warning("identity.preset", |c| c.identity.preset.is_empty() && !c.identity.assertion,
        "is empty: the app is not told who asks",
        "write such as `preset = [\"x-forwarded\"]`"),
    warning("identity.assertion_audience", |c| !c.identity.assertion,
        "has no effect: `identity.assertion` is off",
        "set `assertion = true`, or take it out"),
    warning("mail.ca", no_smtp,
        "has no effect without `mail.smtp`",
        "set `mail.smtp`, or take it out"),
    warning("mail.timeout", no_smtp,
        "has no effect without `mail.smtp`",
        "set `mail.smtp`, or take it out"),
    warning("mail.templates", no_mail,
        "has no effect: the receiver of `webhook.url` sends the mails, as long as `mail.smtp` is not set",
        "set `mail.smtp`, or take it out"),
    warning("mail.messages", no_mail,
        "has no effect: the receiver of `webhook.url` sends the mails, as long as `mail.smtp` is not set",
        "set `mail.smtp`, or take it out"),
    warning("webhook.secret", no_webhook,
        "has no effect without `webhook.url`",
        "set `webhook.url`, or take it out"),
    warning("webhook.secret_file", no_webhook,
        "has no effect without `webhook.url`",
        "set `webhook.url`, or take it out"),
    warning("forward_auth.trusted", |c| c.forward_auth.listen.is_none(),
        "has no effect: `listen` is not set",
        "set `forward_auth.listen`, or take it out"),
];

/// The size of `{"email":"a@b","password":"…"}`, with some room.
const MIN_BODY_BYTES: usize = 128;

/// Memory in KiB times passes: some ten seconds of a core.
const MAX_HASH_COST: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{Sources, keys::KEYS, load};

    /// The messages that a file gets, without its name.
    fn warnings_of(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.toml");
        fs::write(&file, text).unwrap();
        let loaded = load(&Sources { file: Some(file.clone()), ..Sources::default() });
        let config_errors = loaded.map_or_else(|config_errors| config_errors.0, |loaded| loaded.warnings);
        config_errors
            .iter()
            .map(|finding| finding.to_string().replace(&format!("{}:", file.display()), ""))
            .collect()
    }

    const HOOK: &str = "[webhook]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"x\"\n";

    /// A file, the key that has no effect in it, and what cures it.
    const WITHOUT_EFFECT: &[(&str, &str, Option<&str>)] = &[
        ("[server]\ntrusted_proxies = [\"0.0.0.0/0\"]", "server.trusted_proxies", None),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"::/0\"]", "server.trusted_proxies", None),
        (
            "[server]\nheader_timeout = \"90s\"",
            "server.header_timeout",
            Some("[server]\nheader_timeout = \"90s\"\nidle_timeout = \"2m\""),
        ),
        (
            "[server]\nmax_connections = 10\nmax_connections_per_client = 10",
            "server.max_connections_per_client",
            Some("[server]\nmax_connections = 10\nmax_connections_per_client = 9"),
        ),
        ("[server]\nshutdown_grace = \"0s\"", "server.shutdown_grace", None),
        (
            "[upstream]\nbalance = \"hash\"",
            "upstream.balance",
            Some("[upstream]\nbalance = \"hash\"\nservers = [\"http://a\", \"http://b\"]"),
        ),
        ("[upstream]\nservers = [\"http://a\", \"http://a\"]", "upstream.servers", None),
        ("[tls]\nacme_email = \"a@b.example\"", "tls.acme_email", None),
        ("[tls]\nacme_directory = \"https://a.example/d\"", "tls.acme_directory", None),
        (
            "[tls]\nacme_ca = \"ca.pem\"",
            "tls.acme_ca",
            Some(
                "[server]\nhttps = \"127.0.0.1:0\"\n[tls]\nacme_ca = \"ca.pem\"\nacme_domains = [\"a.example\"]",
            ),
        ),
        ("[api]\nbody_limit = 0", "api.body_limit", None),
        (
            "[upstream]\nunderscore_headers = [\"X-A\"]",
            "upstream.underscore_headers",
            Some("[upstream]\nunderscore_headers = [\"X_A\"]"),
        ),
        ("[users]\nttl = 20\nmax_ttl = 10", "users.ttl", Some("[users]\nttl = 20\nmax_ttl = 20")),
        ("[users]\nmax_ttl = 3600", "users.ttl", None),
        ("[users]\nttl = -1\nallow_eternal_tokens = true\nsliding_ttl = true", "users.sliding_ttl", None),
        (
            "[users]\nemail_verification_required = true",
            "users.email_verification_required",
            Some(
                "[users]\nemail_verification_required = true\n[webhook]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"x\"",
            ),
        ),
        (
            "[users]\nrealm_delimiter = \":\"",
            "users.realm_delimiter",
            Some("[users]\nrealm_delimiter = \":\"\nrealm_required = true"),
        ),
        (
            "profile = \"loopback3\"\n[users]\nredirect_hosts = [\"a\"]",
            "users.redirect_hosts",
            Some("[users]\nredirect_hosts = [\"a:80\"]"),
        ),
        ("[users]\nredirect_hosts = [\"https://a\"]", "users.redirect_hosts", None),
        (
            "[credentials]\nheaders = [\"AUTHORIZATION\"]",
            "credentials.headers",
            Some("[credentials]\nheaders = [\"X-T\"]"),
        ),
        (
            "[credentials]\nparams = [\"t\"]\nquery = false",
            "credentials.params",
            Some("[credentials]\nparams = [\"t\"]"),
        ),
        (
            "[credentials]\ncookies = [\"t\"]",
            "credentials.cookies",
            Some("[credentials]\ncookies = [\"t\"]\ncookie_secret = \"s\""),
        ),
        ("[password]\nmemory_kib = 4294967295", "password.memory_kib", None),
        ("[password]\nworkers = 1024\nmemory_kib = 268435456", "password.memory_kib", None),
        ("[password]\niterations = 4294967295", "password.iterations", None),
        ("[store]\nmax_staleness = \"1s\"", "store.max_staleness", None),
        ("[identity]\npreset = []", "identity.preset", None),
        (
            "[identity]\nassertion_audience = \"shop\"",
            "identity.assertion_audience",
            Some("[identity]\nassertion = true\nassertion_audience = \"shop\""),
        ),
        (
            "[mail]\nca = \"ca.pem\"",
            "mail.ca",
            Some("[mail]\nca = \"ca.pem\"\nsmtp = \"smtps://m\"\n[server]\npublic_url = \"https://a.b\""),
        ),
        ("[mail]\ntimeout = \"5s\"", "mail.timeout", None),
        (
            "[mail]\ntemplates = \"t\"\n[webhook]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"x\"",
            "mail.templates",
            Some("[mail]\ntemplates = \"t\""),
        ),
        (
            "[mail]\nmessages = []\n[webhook]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"x\"",
            "mail.messages",
            Some("[mail]\nmessages = []"),
        ),
        ("[webhook]\nsecret = \"x\"", "webhook.secret", Some(HOOK)),
        ("[webhook]\nurl = \"http://127.0.0.1:1/\"", "webhook.url", Some(HOOK)),
        (
            "[forward_auth]\ntrusted = [\"10.0.0.1\"]",
            "forward_auth.trusted",
            Some("[forward_auth]\nlisten = \"127.0.0.1:1\"\ntrusted = [\"10.0.0.1\"]"),
        ),
        (
            "[admin]\nlisten = \"127.0.0.1:8080\"",
            "admin.listen",
            Some("[admin]\nlisten = \"127.0.0.1:8081\""),
        ),
        ("[admin]\nlisten = \"0.0.0.0:8080\"", "admin.listen", None),
        (
            "[limits]\nlogin_per_client = \"0/minute\"",
            "limits.login_per_client",
            Some("[limits]\nlogin_per_client = \"\""),
        ),
    ];

    #[test]
    fn d5_connections_beyond_the_open_files_get_a_word() {
        let config = load(&Sources::default()).unwrap().config;
        for (most, said) in [(1_024, true), (19_999, true), (20_000, false), (u64::MAX, false)] {
            let mut report = Report::new(std::path::Path::new("p.toml"));
            open_files(&config, &Place::Default, most, &mut report);
            assert_eq!(!report.close().unwrap().is_empty(), said, "{most}");
        }
    }

    #[test]
    fn they_are_all_keys() {
        for warning in WARNINGS {
            assert!(KEYS.contains(&warning.key), "{}", warning.key);
        }
    }

    #[test]
    fn f5_a_setting_without_effect_gets_a_word() {
        for &(text, key, cure) in WITHOUT_EFFECT {
            let warnings = warnings_of(text);
            let quoted = format!("`{key}`");
            assert!(warnings.iter().any(|line| line.contains(&quoted)), "{text}: {warnings:#?}");
            if let Some(cure) = cure {
                let quiet = warnings_of(cure);
                assert!(!quiet.iter().any(|line| line.contains(&quoted)), "{cure}: {quiet:#?}");
            }
        }
    }

    #[test]
    fn f5_the_defaults_and_a_sound_file_get_none() {
        assert_eq!(warnings_of(""), Vec::<String>::new());
        let sound = "[server]\nhttp = \"0.0.0.0:80\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n[admin]\nlisten = \"127.0.0.1:9901\"\n\
            [webhook]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"x\"\n[users]\nemail_verification_required = true\nttl = 5";
        assert_eq!(warnings_of(sound), Vec::<String>::new());
    }

    #[test]
    fn f5_only_addresses_that_share_a_port_collide() {
        let collide = |a: &str, b: &str| collide(&a.parse().unwrap(), &b.parse().unwrap());
        assert!(collide("127.0.0.1:80", "127.0.0.1:80") && collide("0.0.0.0:80", "127.0.0.1:80"));
        assert!(collide("[::]:80", "127.0.0.1:80"));
        assert!(!collide("127.0.0.1:80", "127.0.0.2:80") && !collide("127.0.0.1:80", "127.0.0.1:81"));
        assert!(!collide("127.0.0.1:0", "127.0.0.1:0"));
    }
}
