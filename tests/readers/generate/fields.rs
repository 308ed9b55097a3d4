//! Header fields: forged ones, odd spellings, duplicates, what moves a path or a method.

use super::{Change, change};
use crate::{
    chance::Chance,
    draft::{Draft, Framing, Tokens, Who},
};

pub(super) const CHANGES: &[Change] = &[
    change("identity", 8, identity),
    change("identity-spelling", 8, identity_spelling),
    change("cgi-variable", 10, cgi_variable),
    change("path-mover", 6, path_mover),
    change("method-header", 4, method_header),
    change("duplicate", 5, duplicate),
    change("other-credential", 4, other_credential),
    change("folded", 3, folded),
    change("odd-line", 4, odd_line),
    change("nominated", 4, nominated),
    change("expect", 3, expect),
    change("te", 2, te),
    change("referer", 4, referer),
    change("lookup", 2, lookup),
    change("copy-source", 2, copy_source),
    change("usual", 5, usual),
];

/// A text that no app may read from a client: the rig searches every reading for it.
pub(crate) const FORGED: &str = "forged";

/// Names by which this gate or another one says who the user is.
const IDENTITY: &[&str] = &[
    "X-Forwarded-User",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Access-Token",
    "Remote-User",
    "Remote-Groups",
    "Remote-Email",
    "Remote-Name",
    "X-Remote-User",
    "X-Remote-Group",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-User",
    "X-WEBAUTH-USER",
    "X-WEBAUTH-ROLE",
    "X-WebAuth-Groups",
    "X-Authentik-Username",
    "X-Authentik-Groups",
    "X-Pomerium-Claim-Email",
    "X-Pomerium-Jwt-Assertion",
    "X-Vouch-User",
    "X-Goog-Iap-Jwt-Assertion",
    "X-Goog-Authenticated-User-Email",
    "X-Amzn-Oidc-Identity",
    "X-Amzn-Oidc-Data",
    "Cf-Access-Authenticated-User-Email",
    "Cf-Access-Jwt-Assertion",
    "X-MS-Client-Principal",
    "X-MS-Client-Principal-Name",
    "X-Consumer-Username",
    "X-Consumer-ID",
    "X-Consumer-Custom-ID",
    "X-Credential-Identifier",
    "X-Authenticated-Userid",
    "X-Authenticated-Scope",
    "SM_USER",
    "SMUSER",
    "SM-User",
    "Tailscale-User-Login",
    "Tailscale-User-Name",
    "OIDC_CLAIM_email",
    "OIDC-Claim-Sub",
    "OIDC_CLAIM_groups",
    "Impersonate-User",
    "Impersonate-Group",
    "X-SSL-Client-DN",
    "X-SSL-Client-CN",
    "X-SSL-Client-S-DN",
    "X-SSL-Client-Verify",
    "SSL-Client-Cert",
    "X-Client-DN",
    "X-Client-Cert",
    "X-Forwarded-Client-Cert",
    "X-Portcullis-Assertion",
    "X-User",
    "X-User-Id",
    "X-Userinfo",
    "X-Email",
    "X-Role",
    "X-Roles",
    "X-Groups",
    "X-Username",
    "X-Grafana-User",
    "X-Proxy-User",
    "X-Real-IP",
    "Client-IP",
    "True-Client-IP",
    "X-Client-IP",
    "CF-Connecting-IP",
    "Fastly-Client-IP",
    "X-Cluster-Client-IP",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-For",
    "Forwarded",
    "X-Request-Id",
    "X-Sendfile-Type",
    "X-Accel-Mapping",
    "X-Jwt-Payload",
    "X-Endpoint-API-UserInfo",
    "X-Apigateway-Api-Userinfo",
    "X-Token-Subject",
    "X-Access-Level",
    "Proxy-User",
    "Proxy-Remote-User",
    "Ssl-Client-S-Dn",
    "X-ProxyUser",
    "X-ARR-ClientCert",
    "X-Shib-User",
    "Shib-Identity-Provider",
    "eppn",
    "X-Trusted-IP",
    "X-Envoy-External-Address",
    "Ngrok-Auth-User-Email",
    "X-Kratos-Authenticated-Identity-Id",
    "GAP-Auth",
    "GAP-Signature",
    "X-RStudio-Username",
    "X-RStudio-Root-Path",
    "RStudio-Connect-Credentials",
    "Posit-Connect-User-Session-Token",
    "Shiny-Server-Credentials",
    "Sf-Context-Current-User",
    "Domino-Username",
    "Plotly-User-Data",
    "Kubeflow-UserId",
    "Grpc-Metadata-X-Forwarded-User",
    "EO-Connecting-IP",
    "Ali-Real-Client-IP",
    "AM-EAI-User-Id",
    "Groups",
    "Roles",
    "Upn",
];

/// Suffixes of gateways' names that are on no list.
const ENDS: &[&str] = &[
    "User-Email",
    "User-Id",
    "UserId",
    "Username",
    "Groups",
    "Roles",
    "Client-IP",
    "ClientIP",
    "Real-IP",
    "Connecting-IP",
    "Client-Cert",
    "Client-DN",
];

/// Fields that a trusted proxy may set.
const OF_PROXIES: &[&str] = &["X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "X-Request-Id"];

fn forged_name(draft: &Draft, chance: &mut Chance) -> &'static str {
    let name = chance.one_of(IDENTITY);
    if draft.trusted && OF_PROXIES.contains(&name) { "X-Forwarded-User" } else { name }
}

fn identity(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    for _ in 0..=chance.below(3) {
        let name = forged_name(draft, chance);
        let name = if chance.odds(30) { name.to_ascii_lowercase() } else { name.to_owned() };
        draft.field(&name, FORGED);
    }
    if chance.odds(20) {
        let own = chance.one_of(&["Acme", "X-Acme", "X-Portal-Auth", "X"]);
        draft.field(&format!("{own}-{}", chance.one_of(ENDS)), FORGED);
    }
}

fn identity_spelling(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let name = forged_name(draft, chance);
    let name = match chance.below(7) {
        0 => name.replace('-', "_"),
        1 => name.replacen('-', "_", 1),
        2 => name.replace('-', "."),
        3 => name.replacen('-', ".", 1),
        4 => format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_")),
        5 => name.replace('-', chance.one_of(&["~", "!", "+", "*", "|", "^", "`", "#", "$", "%", "&", "'"])),
        _ => name.replace('-', " "),
    };
    draft.field(&name, FORGED);
}

/// Variables of CGI and WSGI, as fields that fold to them.
const VARIABLES: &[&str] = &[
    "SCRIPT_NAME",
    "Script_Name",
    "script_name",
    "PATH_INFO",
    "Path_Info",
    "REMOTE_USER",
    "REMOTE_ADDR",
    "REQUEST_METHOD",
    "QUERY_STRING",
    "SERVER_NAME",
    "SERVER_PORT",
    "HTTP_HOST",
    "HTTP_COOKIE",
    "CONTENT_LENGTH",
    "Content_Length",
    "Content.Length",
    "Content_Type",
    "Transfer_Encoding",
    "Transfer.Encoding",
    "HTTPS",
    "AUTH_TYPE",
    "REMOTE_IDENT",
    "GATEWAY_INTERFACE",
    "wsgi.url_scheme",
    "wsgi_url_scheme",
    "SCRIPT-NAME",
    "PATH-INFO",
    "Script.Name",
    "Path.Info",
    "REDIRECT_REMOTE_USER",
    "HTTP_X_FORWARDED_USER",
    "X_Forwarded_User",
    "X_FORWARDED_PREFIX",
    "PATH_TRANSLATED",
    "DOCUMENT_URI",
    "REQUEST_URI",
    "SCRIPT_FILENAME",
    "SCRIPT_URL",
    "SCRIPT_URI",
    "ORIG_PATH_INFO",
    "PHP_AUTH_USER",
    "Proxy",
    "HTTP_PROXY",
];

fn cgi_variable(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    // One that moves an app for certain, in a place where it would show.
    if chance.odds(40) {
        draft.target = "/pub/admin/users".to_owned();
        draft.field("SCRIPT_NAME", "/pub");
        return;
    }
    let name = chance.one_of(VARIABLES);
    let value = match name {
        "Content_Length" | "Content.Length" | "CONTENT_LENGTH" => "3",
        "Transfer_Encoding" | "Transfer.Encoding" => "chunked",
        "Content_Type" => "application/x-www-form-urlencoded",
        _ => chance.one_of(&["/pub", "/forged", FORGED, "/admin/users"]),
    };
    let value = if name.contains("LENGTH")
        || name.contains("ength")
        || value.starts_with("/pub")
        || value == "chunked"
    {
        value
    } else {
        FORGED
    };
    draft.field(name, value);
}

fn path_mover(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if draft.trusted {
        return;
    }
    let name = chance.one_of(&[
        "X-Script-Name",
        "X-Forwarded-Prefix",
        "X-Forwarded-Path",
        "X-Forwarded-Uri",
        "X-Forwarded-Url",
        "X-Original-URL",
        "X-Original-URI",
        "X-Original-Path",
        "X-Rewrite-URL",
        "X-Envoy-Original-Path",
        "X-Envoy-Original-Url",
        "X-Forwarded-Script-Name",
        "X-Original-Prefix",
        "X-Ingress-Path",
        "X-Traefik-Prefix",
        "X-Forwarded-PathBase",
        "X-Url-Scheme",
        "X-HTTP-DestinationURL",
        "X-Original-Method",
        "X-Replaced-Path",
        "X-Forwarded-Server",
        "X-Forwarded-Port",
        "X-Forwarded-Scheme",
        "X-Forwarded-Ssl",
        "Front-End-Https",
        "X-Proxy-Url",
        "X-Arr-Original-Url",
        "X-WAP-Profile-Path",
        "X-Forwarded-Root",
        "Base-Url",
        "X-Waws-Unencoded-Url",
        "X-Forwarded-Base",
        "X-External-Path",
        "X-Override-Url",
        "X-Accel-Redirect",
    ]);
    // Harmless, and of no gateway: they may pass.
    let value = if matches!(name, "X-WAP-Profile-Path" | "Base-Url") { "/pub" } else { "/forged" };
    draft.field(name, value);
}

fn method_header(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if chance.odds(70) {
        draft.method = "POST".to_owned();
        draft.target = chance.one_of(&["/inv/7", "/notes/1"]).to_owned();
    }
    let name = chance.one_of(&[
        "X-HTTP-Method-Override",
        "X-Method-Override",
        "X-HTTP-Method",
        "X_HTTP_METHOD_OVERRIDE",
        "X-Http_Method-Override",
        "x-http-method-override",
        "X.HTTP.Method.Override",
        "X-HTTP-METHOD",
        "X_Method-Override",
        "X-Http-Method-Override\t:",
        "X!HTTP!Method!Override",
        "X-HTTP-Method_Override",
        "X-HTTP-Method-Override ",
    ]);
    draft.field(name, chance.one_of(&["DELETE", "delete", "PUT", "\tDELETE", "DELETE, PUT"]));
}

fn duplicate(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    match chance.below(7) {
        0 => draft.field("Host", "other.example"),
        1 => draft.field("host", "localhost"),
        2 => {
            draft.field("Cookie", "a=b");
            draft.field("Cookie", "c=d");
        }
        3 => {
            draft.field("X-A", "1");
            draft.field("X-A", "2");
        }
        4 => {
            draft.field("Connection", "keep-alive");
            draft.field("Connection", "close");
        }
        5 => draft.field("Authorization", "Bearer nonsense"),
        _ => draft.field("X-Access-Token", "nonsense"),
    }
}

fn other_credential(draft: &mut Draft, chance: &mut Chance, tokens: &Tokens) {
    let (who, token) = if chance.odds(50) { (Who::Ann, &tokens.ann) } else { (Who::Bob, &tokens.bob) };
    draft.about.callers.insert(who);
    match chance.below(5) {
        0 => draft.field("Authorization", format!("Bearer {token}")),
        1 => draft.field("X-Access-Token", token),
        2 => draft.field("Authorization", format!("bearer {token}")),
        3 => draft.query(&format!("access_token={token}")),
        _ => draft.query(&format!("access%5ftoken={token}")),
    }
}

fn folded(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let value = chance.one_of(&[
        "a\r\n b",
        "a\r\n\tX-Forwarded-User: forged",
        "\r\n x",
        "a\n b",
        "a\rX-Forwarded-User: forged",
        "a\nX-Forwarded-User: forged",
    ]);
    let name = chance.one_of(&["X-A", "Accept", "X-Forwarded-User", "Cookie"]);
    draft.field(name, value);
    draft.about.doubtful = true;
}

fn odd_line(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let (name, value) = *chance.one_of(&[
        &("X-A :", "b"),
        &("X-Forwarded-User :", FORGED),
        &(" X-A", "b"),
        &("X A", "b"),
        &("X-A\u{0}", "b"),
        &("", "b"),
        &("X-A\t:", "b"),
        &("X-Forwarded-User\u{0}", FORGED),
        &("(X-A)", "b"),
        &("X-\u{e9}", "b"),
        &("X-A:", ""),
        &("\tX-Forwarded-User", FORGED),
        &("X-Forwarded-User\u{a0}", FORGED),
        &("X-Forwarded-User\t:", FORGED),
        &("X-Forwarded-User\u{b}:", FORGED),
        &("X-Forwarded-User\u{c}", FORGED),
        &("X-Forwarded-User\r:", FORGED),
        &("\u{b}X-Forwarded-User", FORGED),
        &("X-A: b\rX-Forwarded-User", FORGED),
        &("X-A: b\nX-Forwarded-User", FORGED),
        &("X-Forwarded\tUser", FORGED),
        &("X-Forwarded-User;", FORGED),
        &("\"X-Forwarded-User\"", FORGED),
        &(": x\r\nX-A", "b"),
    ]);
    draft.field(name, value);
    draft.about.doubtful = true;
}

fn nominated(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let option = chance.one_of(&[
        "X-Forwarded-User",
        "close, X-Forwarded-For",
        "keep-alive, X-Request-Id",
        "Content-Length",
        "Host",
        "Authorization",
        "X-Portcullis-Lookup",
        "x-forwarded-proto",
        "Transfer-Encoding",
        "Cookie",
        "X-Real-IP",
        "X-Tenant",
        "X-A",
        "Content-Type",
        "Destination",
        "X-Access-Token",
        "Upgrade, X-Forwarded-Host",
        "Sec-WebSocket-Key",
        "Content_Length",
        "close, Transfer-Encoding",
    ]);
    draft.field("Connection", option);
}

fn expect(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    draft.field(
        "Expect",
        chance.one_of(&[
            "100-continue",
            "100-Continue",
            "100-continue, x",
            "x",
            "100-continue",
            "\t100-continue",
        ]),
    );
    // A body that comes whether it is asked for or not, for what may be refused before it is read.
    if chance.odds(50) {
        chance.one_of(&["POST", "PUT", "GET", "DELETE"]).clone_into(&mut draft.method);
        draft.target = chance.one_of(&["/pub/a", "/admin/users", "/notes/1", "/nowhere"]).to_owned();
        draft.body = draft.hidden('s');
        draft.framing = if chance.odds(50) { Framing::Chunked } else { Framing::Length };
    }
    draft.about.doubtful = true;
}

fn te(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    draft.field("TE", chance.one_of(&["trailers", "chunked", "gzip"]));
    if chance.odds(50) {
        draft.field("Connection", "TE");
    }
}

/// A token in a URL that a field holds.
fn referer(draft: &mut Draft, chance: &mut Chance, tokens: &Tokens) {
    let token = if chance.odds(50) { &tokens.ann } else { &tokens.bob };
    let name = chance.one_of(&[
        "Referer",
        "Referer",
        "referer",
        "HX-Current-URL",
        "X-XHR-Referer",
        "Ping-From",
        "Ping-To",
        "Turbo-Referrer",
        "X-PJAX-URL",
        "X-IC-Current-URL",
        "X-Referer",
        "Content-Location",
    ]);
    let between = chance.one_of(&[
        "?access_token=",
        "?a=b&access_token=",
        "?access%5Ftoken=",
        "#access_token=",
        "#a=b&access_token=",
        "#/x?access_token=",
        "#!/x?access_token=",
        "?/a?access_token=",
        "?r=%2Fx%3Faccess_token%3D",
    ]);
    draft.field(name, format!("https://localhost/pub/a{between}{token}"));
}

/// The gate's own mark; `owner` is what it says itself.
fn lookup(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    if chance.odds(50) {
        draft.target = chance.one_of(&["/orders/1", "/orders/2", "/orders/3"]).to_owned();
    }
    let name = chance.one_of(&["X-Portcullis-Lookup", "X_Portcullis_Lookup", "x-portcullis-lookup"]);
    draft.field(name, chance.one_of(&["owner", FORGED]));
}

/// Fields that make an object store read another object: never beside a method that writes.
fn copy_source(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    chance.one_of(&["PUT", "PUT", "POST", "COPY", "PATCH"]).clone_into(&mut draft.method);
    draft.target = chance.one_of(&["/dav/1/f", "/dav/2/f", "/pub/f"]).to_owned();
    draft.framing = Framing::Length;
    draft.body = b"x".to_vec();
    let name = chance.one_of(&[
        "X-Amz-Copy-Source",
        "X-Copy-From",
        "X-Ms-Copy-Source",
        "X-Ms-Rename-Source",
        "X-Goog-Copy-Source",
        "X-Oss-Copy-Source",
        "X-Cos-Copy-Source",
        "X-Obs-Copy-Source",
        "X-Object-Manifest",
        "X-Symlink-Target",
        "x-acme-copy-source",
        "X_Amz_Copy_Source",
        "X-Oss-Symlink-Target",
        "Upload-Concat",
    ]);
    draft.field(name, if name == "Upload-Concat" { "final;/forged" } else { "/forged" });
}

/// Fields that browsers and tools send.
fn usual(draft: &mut Draft, chance: &mut Chance, _: &Tokens) {
    let (name, value) = *chance.one_of(&[
        &("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        &("Accept-Encoding", "gzip, deflate, br"),
        &("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        &("Cookie", "a=b; c=\"d e\""),
        &("If-None-Match", "\"x\""),
        &("Range", "bytes=0-10"),
        &("Cache-Control", "no-cache"),
        &("Accept-Language", "de,en;q=0.5"),
        &("X-Empty", ""),
        &("X-Raw", "\u{e9}"),
        &("Origin", "http://localhost"),
        &("DNT", "1"),
        &("X-Requested-With", "XMLHttpRequest"),
        &("Via", "1.1 x"),
        &("Depth", "1"),
    ]);
    draft.field(name, value);
}
