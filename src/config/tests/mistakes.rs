//! What is said about wrong settings.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    config::{
        finding::Report,
        inputs::Inputs,
        keys::{KeyReader, RawConfig},
    },
    policy::Severity,
};

fn mistakes(text: &str) -> String {
    Folder::new(text).load(&Sources::default()).unwrap_err().to_string()
}

fn warnings(text: &str) -> Vec<String> {
    let loaded = Folder::new(text).load(&Sources::default()).unwrap();
    loaded.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn mistakes_in_variables_and_flags_name_them() {
    let sources = Sources {
        env: pairs(&[
            ("PORTCULLIS_SERVER__HTPP", "hush"),
            ("PORTCULLIS_SERVER__http", "hush"),
            ("PORTCULLIS_NOWHERE__XYZZY", "hush"),
            ("PORTCULLIS_SERVER__THREADS", "four"),
            ("PORTCULLIS_STORE__URL", "post\u{fffd}"),
            ("PORTCULLIS_PROFILE", ""),
        ]),
        flags: pairs(&[("server.http", "8080"), ("server.port", "1")]),
        ..Sources::default()
    };
    insta::assert_snapshot!(Folder::new("").load(&sources).unwrap_err(), @r#"
    PORTCULLIS_SERVER__HTPP: error: no setting is called `PORTCULLIS_SERVER__HTPP`; did you mean `PORTCULLIS_SERVER__HTTP`?
    PORTCULLIS_SERVER__http: error: no setting is called `PORTCULLIS_SERVER__http`; did you mean `PORTCULLIS_SERVER__HTTP`?
    PORTCULLIS_NOWHERE__XYZZY: error: no setting is called `PORTCULLIS_NOWHERE__XYZZY`
    PORTCULLIS_STORE__URL: error: the value of `PORTCULLIS_STORE__URL` is not UTF-8
    --set server.port: error: no setting is called `server.port`; `portcullis config show` lists all settings
    PORTCULLIS_PROFILE: error: `profile` cannot be empty; write "standard" or "loopback3"
    --set server.http: error: `server.http` cannot be `8080`; write an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080", or "unix:/path", or "" for off
    PORTCULLIS_SERVER__THREADS: error: `server.threads` cannot be `four`; write a whole number from 0 to 1024
    "#);
}

#[test]
fn names_of_fields_that_would_do_nothing_or_harm() {
    for name in ["SCRIPT_NAME", "Path_Info", "X_Forwarded_User", "HTTP_X", "sm_user"] {
        let said = mistakes(&format!("[upstream]\nunderscore_headers = [\"my_own\", \"{name}\"]\n"));
        assert!(
            said.contains("portcullis.toml:2:") && said.contains(name) && said.ends_with("take it out"),
            "{said}"
        );
    }
    assert_eq!(warnings("[upstream]\nunderscore_headers = [\"session_id\"]\n"), [] as [&str; 0]);
    for name in [
        "X-Forwarded-User",
        "x_real_ip",
        "X-Request-Id",
        "Remote-User",
        "X-Portcullis-Via",
        "Script-Name",
        "X-A",
    ] {
        let said = mistakes(&format!("[identity]\nunreserved = [\"X-Scope-OrgID\", \"{name}\"]\n"));
        assert!(
            said.contains("portcullis.toml:2:") && said.contains(name) && said.ends_with("take it out"),
            "{said}"
        );
    }
    assert_eq!(warnings("[identity]\nunreserved = [\"X-Scope-OrgID\", \"X-Trino-User\"]\n"), [] as [&str; 0]);
    let alone = warnings("[credentials]\ndefault_keys = false\n");
    assert!(alone.iter().any(|warning| warning.contains("no client can send a token")), "{alone:?}");
    assert_eq!(warnings("[credentials]\ndefault_keys = false\nparams = [\"sid\"]\n"), [] as [&str; 0]);
    let said = mistakes("[credentials]\nschemes = [\"digest\"]\n");
    assert!(said.contains("digest"), "{said}");
}

#[test]
fn a_language_without_texts() {
    insta::assert_snapshot!(mistakes("[pages]\nlanguages = [\"en\", \"fr\"]\n"), @r#"portcullis.toml:2:20: error: `pages.languages` cannot be `fr`; write "en" or "de" or "ja" or "zh""#);
    let sources = Sources { env: pairs(&[("PORTCULLIS_PAGES__LANGUAGES", "en,fr")]), ..Sources::default() };
    let said = Folder::new("").load(&sources).unwrap_err().to_string();
    assert!(
        said.starts_with("PORTCULLIS_PAGES__LANGUAGES: error: `pages.languages` cannot be `fr`"),
        "{said}"
    );
}

#[test]
fn unknown_keys() {
    insta::assert_snapshot!(
        mistakes(
            "htpp = 1\nprofil = \"loopback3\"\n[servr]\nhttp = \"x\"\n[server]\nhtpp = \"hush\"\nbodyTimeout = \"1s\"\n\
             [users]\nmaxTTL = 5\nmin_length = 3\nxyzzy = 1\n[users.deep]\na = 1\n[[log]]\n"
        ),
        @r"
        portcullis.toml:1:1: error: unknown key `htpp`; did you mean `http` in [server]?
        portcullis.toml:2:1: error: unknown key `profil`; did you mean `profile`?
        portcullis.toml:3:2: error: unknown section `servr`; did you mean [server]?
        portcullis.toml:6:1: error: unknown key `htpp` in [server]; did you mean `http`?
        portcullis.toml:7:1: error: unknown key `bodyTimeout` in [server]; did you mean `body_timeout`?
        portcullis.toml:9:1: error: unknown key `maxTTL` in [users]; did you mean `max_ttl`?
        portcullis.toml:10:1: error: unknown key `min_length` in [users]; did you mean `min_length` in [password]?
        portcullis.toml:11:1: error: unknown key `xyzzy` in [users]
        portcullis.toml:12:8: error: unknown key `deep` in [users]
        portcullis.toml:14:3: error: `log` is a section, not a value; write [log] once, and its keys below it
        "
    );
    insta::assert_snapshot!(mistakes("server = 3\ncors.origin = []\nusers.ttl.x = 1"), @r"
    portcullis.toml:1:1: error: `server` is a section, not a value; write [server] once, and its keys below it
    portcullis.toml:2:6: error: unknown key `origin` in [cors]; did you mean `origins`?
    portcullis.toml:3:7: error: `users.ttl` cannot be a table; write seconds from 1 to 9007199254740, or -1 for ever
    ");
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(
        mistakes(
            "profile = 3\n[server]\nhttp = 8080\nthreads = \"4\"\nheader_timeout = 10\nproxy_protocol = \"yes\"\n\
             trusted_proxies = \"10.0.0.0/8\"\nmax_headers = 1.5\nmax_connections = 99999999999999999999\n\
             [webhook]\nsecret = [\"hush\"]\n[users]\nredirect_hosts = [\"a\", 3, \"\", true]\n[log]\naccess = 1979-05-27"
        ),
        @r#"
        portcullis.toml:1:11: error: `profile` cannot be a number; write "standard" or "loopback3"
        portcullis.toml:3:8: error: `server.http` cannot be a number; write an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080", or "unix:/path", or "" for off
        portcullis.toml:4:11: error: `server.threads` cannot be a text; write a whole number from 0 to 1024, without quotes
        portcullis.toml:5:18: error: `server.header_timeout` cannot be a number; write a duration with its unit (ms, s, m or h), such as "10s", more than 0 and at most "8760h"
        portcullis.toml:6:18: error: `server.proxy_protocol` cannot be a text; write true or false, without quotes
        portcullis.toml:7:19: error: `server.trusted_proxies` cannot be a text; write a list in brackets, each item a network such as "10.0.0.0/8", or one address
        portcullis.toml:8:15: error: `server.max_headers` cannot be a number with a point; write a whole number from 1 to 10000
        portcullis.toml:9:19: error: `server.max_connections` cannot be so large a number; write a whole number from 1 to 10000000
        portcullis.toml:11:10: error: `webhook.secret` cannot be a list; write a text in quotes
        portcullis.toml:13:24: error: `users.redirect_hosts` cannot be a number; write a text that is not empty
        portcullis.toml:13:27: error: `users.redirect_hosts` cannot be empty; write a text that is not empty
        portcullis.toml:13:31: error: `users.redirect_hosts` cannot be true or false; write a text that is not empty
        portcullis.toml:15:10: error: `log.access` cannot be a date; write true or false
        "#
    );
}

#[test]
fn wrong_values() {
    insta::assert_snapshot!(
        mistakes(
            "profile = \"loopback\"\n[server]\nhttp = \"8080\"\ntrusted_proxies = [\"10.0.0.1/8\", \"all\"]\nheader_timeout = \"0s\"\n\
             idle_timeout = \"10\"\nmax_header_bytes = \"64kib\"\nthreads = -1\ndata_dir = \"\"\n\
             [upstream]\nservers = [\"http://a/base\", \"ftp://a.b\", \"h2c://a/b\", \"a:1\", \"http://u:hush@a\"]\n\
             [users]\nttl = 0\naccess_token_id_length = 8\n[policies]\nunmatched = \"maybe\"\nacl_error_status = 200\n\
             [limits]\nlogin_per_client = \"10/min\"\n[api]\nroot = \"api\"\nusers = \"a/b\"\n[identity]\npreset = [\"remote\", \"x\"]"
        ),
        @r#"
        portcullis.toml:1:11: error: `profile` cannot be `loopback`; write "standard" or "loopback3"
        portcullis.toml:3:8: error: `server.http` cannot be `8080`; write an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080", or "unix:/path", or "" for off
        portcullis.toml:4:20: error: `server.trusted_proxies` cannot be `10.0.0.1/8`: it has bits set behind its prefix; write "10.0.0.0/8" for the network or "10.0.0.1" for the one address
        portcullis.toml:4:34: error: `server.trusted_proxies` cannot be `all`; write a network such as "10.0.0.0/8", or one address
        portcullis.toml:5:18: error: `server.header_timeout` cannot be `0s`; write a duration with its unit (ms, s, m or h), such as "10s", more than 0 and at most "8760h"
        portcullis.toml:6:16: error: `server.idle_timeout` cannot be `10`; write a duration with its unit (ms, s, m or h), such as "10s", more than 0 and at most "8760h"
        portcullis.toml:7:20: error: `server.max_header_bytes` cannot be `64kib`; write bytes, or a size such as "64kb" or "1mb", from 1kb to 16mb
        portcullis.toml:8:11: error: `server.threads` cannot be `-1`; write a whole number from 0 to 1024
        portcullis.toml:9:12: error: `server.data_dir` cannot be empty; write a path, counted from the folder of the config file
        portcullis.toml:11:12: error: `upstream.servers` cannot be `http://a/base`: a path is not added, because the path that is judged is the path that is forwarded; write the address without a path
        portcullis.toml:11:29: error: `upstream.servers` cannot be `ftp://a.b`; write "http://host:port", "https://host:port", "h2c://host:port", "h2://host:port" or "unix:/path"
        portcullis.toml:11:42: error: `upstream.servers` cannot be `h2c://a/b`: a path is not added, because the path that is judged is the path that is forwarded; write the address without a path
        portcullis.toml:11:55: error: `upstream.servers` cannot be `a:1`; write "http://host:port", "https://host:port", "h2c://host:port", "h2://host:port" or "unix:/path"
        portcullis.toml:11:62: error: `upstream.servers` cannot be `…@…`; write "http://host:port", "https://host:port", "h2c://host:port", "h2://host:port" or "unix:/path"
        portcullis.toml:13:7: error: `users.ttl` cannot be `0`; write seconds from 1 to 9007199254740, or -1 for ever
        portcullis.toml:14:26: error: `users.access_token_id_length` cannot be `8`; write a whole number from 16 to 1024
        portcullis.toml:16:13: error: `policies.unmatched` cannot be `maybe`; write "allow" or "authenticated" or "deny"
        portcullis.toml:17:20: error: `policies.acl_error_status` cannot be `200`; write 401, 403 or 404, or 0 for 401 without a valid token and 403 with one
        portcullis.toml:19:20: error: `limits.login_per_client` cannot be `10/min`; write "10/minute"
        portcullis.toml:21:8: error: `api.root` cannot be `api`; write a path such as "/api", in plain characters
        portcullis.toml:22:9: error: `api.users` cannot be `a/b`; write one word of a path, such as "users", in plain characters
        portcullis.toml:24:21: error: `identity.preset` cannot be `x`; write "x-forwarded" or "remote" or "x-auth-request"
        "#
    );
}

#[test]
fn rules_between_keys() {
    insta::assert_snapshot!(
        mistakes(
            "profile = \"loopback3\"\n[server]\nhttp = \"\"\n[upstream]\nservers = []\n[users]\nttl = -1\n[password]\nmemory_kib = 16\nparallelism = 4\n\
             min_length = 100\n[cors]\norigins = \"*\"\ncredentials = true\n[forward_auth]\nlisten = \"127.0.0.1:1\"\n\
             [tls]\ncertificates = [{ cert = \"a\", kee = \"b\" }]"
        ),
        @r#"
        portcullis.toml:3:8: error: `server.http` is off and there is no other listener; write an address such as "127.0.0.1:8080"
        portcullis.toml:5:11: error: `upstream.servers` is empty; write where the app is, such as ["http://127.0.0.1:3000"]
        portcullis.toml:7:7: error: `users.ttl` is -1, but tokens for ever are not allowed; write seconds, or set `allow_eternal_tokens = true`
        portcullis.toml:9:14: error: `password.memory_kib` is 16, and argon2 needs 8 a lane; write at least 32, or lower `parallelism`
        portcullis.toml:11:14: error: `password.min_length` is 100, more than the 72 bytes of the longest password; write at most 72
        portcullis.toml:14:15: error: `cors.credentials` goes with no `"*"`: browsers refuse that; list the origins in `cors.origins`
        portcullis.toml:16:10: error: `forward_auth.listen` is set without `forward_auth.trusted`, and would answer no proxy; list the addresses of your proxies, such as ["127.0.0.1"]
        portcullis.toml:18:17: error: `tls.certificates` has an entry without `key`; write { cert = "server.pem", key = "server.key" }
        portcullis.toml:18:31: error: unknown key `kee` in `tls.certificates`; it has `cert` and `key`
        "#
    );
    let eternal = config("[users]\nttl = -1\nallow_eternal_tokens = true");
    assert_eq!(eternal.users.ttl, -1);
}

#[test]
fn what_is_not_built_and_what_has_no_effect_is_told() {
    insta::assert_snapshot!(
        mistakes(
            "[server]\nhttps = \"0.0.0.0:8443\"\nproxy_protocol = true\n[tls]\nmin_version = \"1.3\"\nclient_ca = \"ca.pem\"\n\
             redirect_http = true\nhsts = \"1\"\n[limits]\nshadow = [\"login_per_user\"]\n\
             [upstream]\nca = \"ca.pem\"\nclient_cert = \"c.pem\"\nclient_key = \"c.key\"\n\
             [users]\nttl = 5\n[store]\nurl = \"postgres://u:hush@db/x\""
        ),
        @r#"
        portcullis.toml:3:18: warning: `server.proxy_protocol` has no effect: `trusted_proxies` is empty, and no other PROXY header is read; name the proxies in `trusted_proxies`
        portcullis.toml:10:11: error: `limits.shadow` cannot be `login_per_user`; write "login_per_client" or "login_per_account" or "reset_per_client" or "register_per_client" or "requests_per_client" or "requests_per_token" or "routes"
        portcullis.toml:12:6: warning: `upstream.ca` has no effect: no server is `https://` or `h2://`; write `https://` in `servers`, or take it out
        portcullis.toml:13:15: warning: `upstream.client_cert` has no effect: no server is `https://` or `h2://`; write `https://` in `servers`, or take it out
        portcullis.toml:18:7: error: `store.url` names PostgreSQL, which is not built yet; write "sled:PATH", "memory:" or ""
        "#
    );
}

#[test]
fn names_that_no_authority_issues_for_are_told_at_once() {
    insta::assert_snapshot!(
        mistakes(
            "[server]\nhttps = \"0.0.0.0:443\"\nhttp = \"\"\n[tls]\nclient_ca = \"ca.pem\"\nacme_domains = [\"*.a.example\", \"127.0.0.1\", \"[::1]\", \
             \"localhost\", \"x.localhost\", \"https://a.example\", \"a.example:443\", \"a.example.\", \"-a.example\", \"bücher.example\", \
             \"a_b.example\", \"A.example\", \"a.example\"]\nacme_email = \"ops\"\nacme_directory = \"http://ca.example/dir\""
        ),
        @r#"
        portcullis.toml:6:16: error: `*.a.example` in `tls.acme_domains` is a wildcard: it takes a record in the DNS to prove it (dns-01), which is not built; list the names one by one, or name the files of a wildcard's certificate in `tls.certificates`
        portcullis.toml:6:16: error: `127.0.0.1` in `tls.acme_domains` is an address; write a whole name of this host in the DNS, such as "shop.example.com"
        portcullis.toml:6:16: error: `[::1]` in `tls.acme_domains` is an address; write a whole name of this host in the DNS, such as "shop.example.com"
        portcullis.toml:6:16: error: `localhost` in `tls.acme_domains` is only known to this machine; write a name that others reach this host by; for development: `portcullis cert dev`
        portcullis.toml:6:16: error: `x.localhost` in `tls.acme_domains` is only known to this machine; write a name that others reach this host by; for development: `portcullis cert dev`
        portcullis.toml:6:16: error: `https://a.example` in `tls.acme_domains` is not a name in the DNS; write a whole name of this host in the DNS, such as "shop.example.com"
        portcullis.toml:6:16: error: `a.example:443` in `tls.acme_domains` is not a name in the DNS; write a whole name of this host in the DNS, such as "shop.example.com"
        portcullis.toml:6:16: error: `a.example.` in `tls.acme_domains` is not a name in the DNS; write a whole name of this host in the DNS, such as "shop.example.com"
        portcullis.toml:6:16: error: `-a.example` in `tls.acme_domains` is not a name in the DNS; write a whole name of this host in the DNS, such as "shop.example.com"
        portcullis.toml:6:16: error: `bücher.example` in `tls.acme_domains` is not ASCII; write it as the DNS has it: each label in Punycode, `xn--…`
        portcullis.toml:6:16: error: `a_b.example` in `tls.acme_domains` is not a name in the DNS; write a whole name of this host in the DNS, such as "shop.example.com"
        portcullis.toml:6:16: error: `a.example` is in `tls.acme_domains` twice; write it once
        portcullis.toml:6:16: error: `tls.acme_domains` needs `server.http` where `tls.client_ca` is set: the ACME server shows no certificate; write `http = "0.0.0.0:80"` and `redirect_http = true`
        portcullis.toml:7:14: error: `tls.acme_email` is not an email address; write one, such as "ops@example.com", or ""
        portcullis.toml:8:18: error: `tls.acme_directory` is not `https://`, and ACME has no other kind; write `https://`, with `tls.acme_ca` for an authority of your own
        "#
    );
    insta::assert_snapshot!(
        mistakes("[tls]\nacme_domains = [\"a.example\", \"\"]"),
        @"portcullis.toml:2:30: error: `tls.acme_domains` cannot be empty; write a text that is not empty"
    );
    insta::assert_snapshot!(
        mistakes("[tls]\nacme_domains = [\"a.example\"]"),
        @r#"portcullis.toml:2:16: error: `tls.acme_domains` is set, and `server.https` is not; write where to listen, such as `https = "0.0.0.0:8443"`"#
    );
}

#[test]
fn certificates_by_acme_take_the_place_of_the_default_files() {
    let tls = |more: &str| config(&format!("[server]\nhttps = \"0.0.0.0:443\"\n[tls]\n{more}")).tls;
    let acme = tls(
        "acme_domains = [\"A.Example\", \"xn--bcher-kva.example\", \"intranet\"]\nacme_email = \"a@b.example\"\nacme_ca = \"ca.pem\"",
    );
    assert_eq!(acme.acme_domains, ["a.example", "xn--bcher-kva.example", "intranet"]);
    assert!(acme.certificates.is_empty() && acme.acme_ca.unwrap().ends_with("ca.pem"));
    let both = tls("acme_domains = [\"a.example\"]\ncertificates = [{ cert = \"a.pem\", key = \"a.key\" }]");
    assert_eq!((both.acme_domains.len(), both.certificates.len()), (1, 1));
    assert_eq!(tls("").certificates.len(), 1);
}

#[test]
fn an_assertion_is_for_an_app_by_name() {
    insta::assert_snapshot!(
        mistakes("[identity]\nassertion = true"),
        @r#"portcullis.toml:2:13: error: `identity.assertion` needs an audience: an app could not tell its own assertions from those for another app; set `identity.assertion_audience` to a name of the app, such as "shop""#
    );
    let identity = config("[identity]\nassertion = true\nassertion_audience = \"shop\"").identity;
    assert!(identity.assertion && identity.assertion_audience == "shop");
}

#[test]
fn what_is_built_gets_no_word() {
    let defaults =
        "[webhook]\nurl = \"\"\n[server]\nhttps = \"\"\nproxy_protocol = false\n[tls]\nmin_version = \"1.2\"";
    assert!(warnings(defaults).is_empty());
    let set = "[webhook]\nurl = \"http://127.0.0.1:1/?a=b\"\nsecret = \"x\"\n[identity]\nassertion = true\nassertion_audience = \"a\"";
    assert_eq!(warnings(set), Vec::<String>::new());
}

#[test]
fn password_parameters_below_owasps_minimum_are_a_warning() {
    let weak = |memory: u32, passes: u32| {
        !warnings(&format!("[password]\nmemory_kib = {memory}\niterations = {passes}")).is_empty()
    };
    for (memory, passes, expected) in [
        (19_456, 2, false),
        (19_455, 2, true),
        (19_456, 1, true),
        (47_104, 1, false),
        (7_168, 5, false),
        (7_168, 4, true),
        (8, 9, true),
    ] {
        assert_eq!(weak(memory, passes), expected, "{memory} KiB, {passes} passes");
    }
    insta::assert_snapshot!(warnings("[password]\nmemory_kib = 64\niterations = 1").join("\n"), @"portcullis.toml:2:14: warning: `memory_kib = 64` with `iterations = 1` is below OWASP's minimum for argon2id; write `memory_kib = 19456` with `iterations = 2`, or more");
}

#[test]
fn broken_toml_is_one_mistake() {
    insta::assert_snapshot!(mistakes("[server]\nhttp = \"127.0.0.1:80\nthreads = 1\n"), @r#"portcullis.toml:2:21: error: `server.http`: invalid basic string, expected `"`"#);
    insta::assert_snapshot!(mistakes("# ü\n[server]\nhttp = hush\n"), @r#"portcullis.toml:3:8: error: `server.http`: string values must be quoted, expected literal string; write an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080", or "unix:/path", or "" for off"#);
    insta::assert_snapshot!(mistakes("[log]\naccess = true\n[log]\n"), @"portcullis.toml:3:2: error: duplicate key: [log] is written twice, first on line 1; put its keys below one of them");
}

#[test]
fn columns_count_characters() {
    insta::assert_snapshot!(mistakes("credentials = { params = [\"üüü\"], x = 1 }"), @"portcullis.toml:1:35: error: unknown key `x` in [credentials]");
}

#[test]
fn no_mistake_tells_a_secret() {
    let text = "[credentials]\ncookie_secret = 5\ncookie_secrt = \"hush\"\n[webhook]\nsecret = { a = \"hush\" }\n\
                url = \"https://u:hush@h\"\n[mail]\nsmtp = [\"hush\"]\n[server]\npublic_url = \"https://u:hush@h/\"\n\
                [upstream]\nservers = [\"http://u:hush@h\"]";
    let text = mistakes(text);
    assert!(!text.contains("hush"), "{text}");
    assert_eq!(text.lines().count(), 7, "{text}");
}

#[test]
fn warnings_come_along_with_errors() {
    let found = Folder::new("[password]\nmemory_kib = 8\n[server]\nthreads = -1")
        .load(&Sources::default())
        .unwrap_err();
    let severities: Vec<Severity> = found.0.iter().map(|mistake| mistake.severity).collect();
    assert_eq!(severities, [Severity::Warning, Severity::Error]);
}

proptest! {
    #[test]
    fn no_file_makes_it_panic_and_every_refusal_says_why(
        lines in proptest::collection::vec(
            ("[a-z_.]{1,12}|server.http|users.ttl|tls.certificates|profile", "[ -~]{0,12}|\\[\"ü\"\\]|\\{ a = 1 \\}|-?[0-9]{1,20}"),
            0..4,
        ),
    ) {
        let text: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let mut report = Report::new(Path::new("p.toml"));
        let mut inputs = Inputs::default();
        inputs.add_file(&text, &mut report);
        let mut reader = KeyReader::new(&inputs, &mut report);
        prop_assert!(RawConfig::read(&mut reader).is_some());
        if let Err(ConfigErrors(mistakes)) = report.close() {
            prop_assert!(!mistakes.is_empty());
            prop_assert!(mistakes.iter().all(|mistake| !mistake.to_string().contains('\n')));
        }
    }
}

#[test]
fn only_named_proxies_may_describe_requests() {
    insta::assert_snapshot!(
        mistakes("[forward_auth]\nlisten = \"127.0.0.1:1\"\ntrusted = [\"10.0.0.0/8\", \"::/0\"]"),
        @r#"portcullis.toml:3:11: error: `forward_auth.trusted` has a network of all addresses: any client could describe requests, and learn whose token it has found; list the addresses of your proxies alone"#
    );
    let both = config("[forward_auth]\nlisten = \"127.0.0.1:1\"\ntrusted = [\"10.0.0.0/8\"]");
    assert_eq!(both.forward_auth.trusted.len(), 1);
}
