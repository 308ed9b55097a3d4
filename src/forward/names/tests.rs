//! The list, and how names fold to it.

use proptest::prelude::*;

use super::*;
use crate::wire::{HeadLimits, Scan};

fn spelling(names: &Names, fields: &str) -> Spelling {
    let mut head = RequestHead::default();
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let scan = head.scan(text.as_bytes(), &HeadLimits { bytes: 4096, fields: 64 }).unwrap();
    assert!(matches!(scan, Scan::Complete(_)), "{fields}");
    names.spelling(&head)
}

#[test]
fn b10_each_line_of_the_list_is_one_name_and_no_other_covers_it() {
    let lines: Vec<&str> =
        RESERVED.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let entries: Vec<Entry> = built_in().collect();
    assert_eq!(lines.len(), entries.len(), "a line is a name, a bar, and what sets it");
    for (line, entry) in lines.iter().zip(&entries) {
        let (_, who) = line.split_once(" | ").unwrap();
        assert!(!who.trim().is_empty(), "{line}");
        assert!(entry.name.bytes().all(|byte| fold(byte) == byte), "{line}");
        let covering: Vec<_> =
            entries.iter().filter(|other| *other != entry && other.matches(&entry.name)).collect();
        assert_eq!(covering, [] as [&Entry; 0], "{line}");
    }
    let names = Names::default();
    assert_eq!(names.tree.iter().filter(|node| node.end != End::Nothing).count(), entries.len());
}

#[test]
fn b10_the_index_finds_what_the_list_holds() {
    let names = Names::default();
    for entry in built_in() {
        assert!(names.is_reserved(&entry.name) || entry.is_prefix, "{entry:?}");
        assert_eq!(names.is_reserved(&format!("{}zz9", entry.name)), entry.is_prefix, "{entry:?}");
        assert!(names.is_reserved(&entry.name.to_uppercase()) || entry.is_prefix, "{entry:?}");
        let long = format!("{}{}", entry.name, "z".repeat(80));
        assert_eq!(names.is_reserved(&long), entry.is_prefix, "{entry:?}");
    }
}

/// Gateways' fields for the user, and frameworks' sources for the path, the method, the scheme and the client.
#[test]
fn b10_names_of_other_gateways_are_reserved() {
    let names = Names::default();
    for name in "X-Consumer-Username X-Consumer-ID X-Consumer-Groups X-Credential-Identifier X-Anonymous-Consumer \
        SM_USER SM_USERDN SMUSER Tailscale-User-Login Tailscale-User-Name Tailscale-App-Capabilities \
        OIDC_CLAIM_email OIDC_access_token MELLON_NAME_ID X-WEBAUTH-USER X-WEBAUTH-ROLE Impersonate-User \
        Impersonate-Group Impersonate-Extra-Scopes X-Remote-Group X-Remote-Extra-Scopes X-SSL-Client-DN \
        X-SSL-Client-Verify SSL_CLIENT_S_DN SSL-Client-Cert X-Client-Cert X-Forwarded-Client-Cert X-ARR-ClientCert \
        Client-Cert Client-Cert-Chain X-Sendfile X-Sendfile-Type X-Accel-Redirect X-Accel-Mapping \
        X-LIGHTTPD-send-file X-authentik-username X-Pomerium-Jwt-Assertion X-Token-Subject X-Vouch-User \
        X-Auth-Request-User X-Auth-Userid X-Forwarded-Access-Token X-Goog-IAP-JWT-Assertion \
        X-Goog-Authenticated-User-Email x-amzn-oidc-data x-amzn-mtls-clientcert-subject X-MS-Client-Principal \
        X-MS-Client-Principal-Name X-MS-Token-Aad-Id-Token Cf-Access-Jwt-Assertion iv-user iv-groups iv-creds \
        OAM_REMOTE_USER Osso-User-Dn $WSRU Shib-Session-ID eppn CAS-User KEYCLOAK_SUBJECT X-Userinfo X-ID-Token \
        X-JWT-Assertion X-Endpoint-API-UserInfo l5d-client-id X-Envoy-Peer-Metadata X-Proxy-User X-Proxy-Roles \
        X-ProxiedEntitiesChain Remote-User Remote-Groups Remote-Sub X-User X-User-Id X-User-Roles X-Username \
        X-UserId User-Id X-Role X-Groups Auth-User Auth-Groups YNH_USER X-Sandstorm-User-Id \
        SCRIPT_NAME X-Script-Name Script-Name Path-Info X-Forwarded-Prefix X-Forwarded-Path X-Forwarded-Uri \
        X-Forwarded-Context X-Forwarded-BasePath X-Original-Path X-Original-URL X-Original-URI X-Rewrite-URL \
        X-Ingress-Path X-External-Path X-Envoy-Original-Path X-Base-Path X-Script-Path X-Request-Uri \
        X-Traefik-Router X-WAWS-Unencoded-URL X-Appengine-User-Email X-Matched-Path X-Invoke-Path \
        X-Middleware-Subrequest X-HTTP-Method-Override X-HTTP-Method X-Method-Override X-Method \
        True-Client-IP CF-Connecting-IP Fastly-Client-IP X-Client-IP X-Cluster-Client-IP X-Azure-ClientIP \
        X-Original-Forwarded-For X-Forwarded Forwarded Forwarded-For X-Real-IP X-ProxyUser-Ip WL-Proxy-Client-IP \
        Proxy-Client-IP HTTP-Client-IP HTTP_X_FORWARDED_FOR Client-IP X-Originating-IP Front-End-Https \
        X-Scheme X-Url-Scheme Https Proxy CloudFront-Forwarded-Proto Remote-Addr Server-Name Request-Method"
        .split_whitespace()
    {
        assert!(names.is_reserved(name), "{name}");
    }
}

/// Fields that browsers, API clients and tracing send to the app itself.
#[test]
fn b10_ordinary_names_are_not_reserved() {
    let names = Names::default();
    for name in "Accept Accept-Charset Accept-Datetime Accept-Encoding Accept-Language Accept-Ranges \
        Access-Control-Request-Headers Access-Control-Request-Method Authorization Cache-Control Content-Disposition \
        Content-Encoding Content-Language Content-Length Content-Location Content-MD5 Content-Range Content-Type \
        Cookie Date Depth Destination Digest DNT Early-Data ETag Expect From Host If If-Match If-Modified-Since \
        If-None-Match If-Range If-Unmodified-Since Idempotency-Key Last-Event-ID Last-Modified Link Lock-Token \
        Max-Forwards Negotiate Origin Overwrite Ping-From Pragma Prefer Priority Range Referer Sec-CH-UA \
        Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User Sec-GPC Sec-WebSocket-Extensions \
        Sec-WebSocket-Key Sec-WebSocket-Protocol Sec-WebSocket-Version Service-Worker Signature Signature-Input \
        Slug Soapaction Timeout Translate Upgrade-Insecure-Requests User-Agent Via Warning \
        Access-Token Client Uid Expiry Token-Type Api-Key Apikey Auth-Token Baggage Tracestate Traceparent B3 \
        GraphQL-Preflight HX-Request HX-Current-URL Turbo-Frame Next-Action RSC Rsc X-Inertia X-PJAX X-Nextjs-Data \
        HTTP2-Settings HTTP-Referer Grpc-Timeout Grpc-Accept-Encoding Connect-Protocol-Version Tus-Resumable Upload-Offset \
        X-API-Key X-Api-Version X-App-Version X-Amz-Date X-Amz-Content-Sha256 X-Amz-Security-Token X-Amz-Target \
        X-Amzn-Trace-Id X-B3-TraceId X-B3-Sampled X-CSRF-Token X-XSRF-Token X-CSRFToken X-Client-Data X-Client-Info \
        X-Client-Version X-Cloud-Trace-Context X-Correlation-Id X-Custom X-Device-Id X-Requested-With X-DNS-Prefetch \
        X-Datadog-Trace-Id X-Firebase-AppCheck X-GitHub-Event X-GitHub-Delivery X-Hub-Signature-256 \
        X-Goog-Api-Key X-Goog-Api-Client X-Goog-Upload-Protocol X-Goog-User-Project X-Grpc-Web X-HTTP-Lib \
        X-Hasura-Admin-Secret X-Lang X-Locale X-MS-Date X-MS-Version X-MS-Client-Request-Id X-MS-Blob-Type X-Mailer \
        X-Organization X-Origin X-Page X-Purpose X-Rate-Limit X-Refresh-Token X-Session X-Session-Token \
        X-Shopify-Topic X-Stripe-Signature X-Tenant-Id X-Timezone X-Total-Count X-Trace-Id X-Twilio-Signature \
        X-UA-Compatible X-Upload-Content-Type X-User-Agent X-Users-Online X-Vault-Token X-Vault-Namespace \
        X-Version X-WP-Nonce X-Wap-Profile X-Webhook-Id X-Workspace X-Xsrf X-Forward X-Requests Remote Server \
        PRIVATE-TOKEN JOB-TOKEN Sudo-Mode Stripe-Version Svix-Id Webhook-Id OpenAI-Organization Anthropic-Version"
        .split_whitespace()
    {
        assert!(!names.is_reserved(name), "{name}");
    }
}

#[test]
fn b10_names_of_one_gateway_each_are_reserved() {
    let names = Names::default();
    for name in "Ngrok-Auth-User-Email Ngrok-Auth-User-Name X-Kratos-Authenticated-Identity-Id GAP-Auth GAP-Signature \
        X-RStudio-Username X-RStudio-Root-Path RStudio-Connect-Credentials Posit-Connect-User-Session-Token \
        Shiny-Server-Credentials X-RSC-Request Sf-Context-Current-User Domino-Username Plotly-User-Data \
        Kubeflow-UserId X-AGW-UserId X-Is-Admin-Project X-Project-Domain-Name AM-EAI-User-Id \
        X-CloudTasks-QueueName X-CloudScheduler X-CloudScheduler-JobName X-Aws-Sqsd-Msgid X-Azure-FDID \
        X-Vercel-Ip-Country X-Clerk-Auth-Status Cf-Ipcountry X-Custom-Host X-Replaced-Path X-Now-Route-Matches \
        Grpc-Metadata-X-Forwarded-User X-Reproxy-URL X-Client-Ssl-Cn X-Peer-Certificate X-Cert EO-Connecting-IP \
        EO-Client-IP Ali-Real-Client-IP X-IP-Address X-ServerName X-Mount-Path X-ContextPath Groups Roles Email"
        .split_whitespace()
    {
        assert!(names.is_reserved(name), "{name}");
    }
}

#[test]
fn b10_names_of_any_gateway_are_reserved_by_how_they_end() {
    let names = Names::default();
    for ending in ENDINGS.iter().flat_map(|(_, endings)| *endings) {
        for name in [format!("Acme{ending}"), format!("x-acme{}", ending.to_uppercase())] {
            assert!(names.is_reserved(&name), "{name}");
            assert!(names.is_reserved(&name.replace('-', "_")), "{name}");
            assert!(!names.is_reserved(&format!("{name}x")), "{name}");
        }
    }
    let spelt = spelling(&names, "Acme_User_Id: 1\r\n");
    assert_eq!(spelt, Spelling::Disguised);
    for name in
        "X-Vault-Token X-API-Key X-Requested-With Api-Username X-Plex-Username X-Tenant-Id X-Account-Id \
        X-Api-User X-ClickHouse-User X-Storage-User X-Hasura-Admin-Secret X-Trino-Catalog X-Project-Id Last-Event-ID Sec-Fetch-User Sec-Fetch-Dest Sec-Fetch-Mode X-User-Agent X-Goog-User-Project Filename \
        Ngrok-Skip-Browser-Warning X-Hubgroups X-Skip Acme-Ip id ip s"
            .split_whitespace()
    {
        assert!(!names.is_reserved(name), "{name}");
    }
}

/// Of apps that say themselves that a gateway in front has to set the name.
#[test]
fn b10_names_that_tell_an_app_who_asks_are_reserved() {
    let names = Names::default();
    for name in "X-Scope-OrgID x_scope_orgid Thanos-Tenant X-Hasura-Role X-Hasura-User-Id \
        X-Hasura-Allowed-Roles X-Hasura-Anything X_Hasura_Role X-Hasura_Admin-Secret X-Trino-User X-Presto-User \
        X-Trino-Original-User X-Trino-Role X-Grafana-User X-Grafana-Id X-WEBAUTH-USER X-WEBAUTH-EMAIL X-Remote-User \
        X-Token-User-Email X-Goog-Authenticated-User-Id Cf-Access-Authenticated-User-Email Cf-Worker \
        X-MS-CLIENT-PRINCIPAL-IDP X-Amzn-Oidc-Identity X-Consumer-Custom-ID X-Credential-Identifier \
        X-Anonymous-Consumer X-Authenticated-Userid X-Acme-User Acme-User X-Acme-Role X-Acme-Principal \
        X-OpenWebUI-User-Role X-Hassio-Is-Admin X-Mashery-Oauth-User-Context X-On-Behalf-Of X-First-Name \
        QVUSER hdr-usr X-Subject-Id X-Actor X-Authorities"
        .split_whitespace()
    {
        assert!(names.is_reserved(name), "{name}");
    }
}

#[test]
fn b10_the_operator_gives_clients_names_of_the_list() {
    let own = ["X-Scope-OrgID", "x-acme-user"].map(str::to_owned);
    let names = Names::new(&["X-Api-User".to_owned()], &own, &[]);
    for name in ["X-Scope-OrgID", "x-scope-orgid", "X-Acme-User"] {
        assert!(!names.is_reserved(name), "{name}");
    }
    // Another spelling is not what was named; and what the operator reserves is reserved.
    for name in ["X_Scope_OrgID", "X.Acme-User", "X-Scope-OrgID-User", "X-Api-User", "X-Forwarded-User"] {
        assert!(names.is_reserved(name), "{name}");
    }
    for name in
        "X-Forwarded-User X_Forwarded_For Forwarded X-Real-IP X-Portcullis-Via X-Request-Id Remote-User \
        X-Auth-Request-User X-Original-URL Script-Name"
            .split_whitespace()
    {
        assert!(!Names::may_be_unreserved(name), "{name}");
    }
    assert!(Names::may_be_unreserved("X-Trino-User"));
}

#[test]
fn b2_a_disguise_is_told_from_an_odd_name() {
    let names = Names::new(&["X-Shop-Clerk".to_owned()], &[], &["my_Header".to_owned()]);
    for name in "SCRIPT_NAME script_name Script_Name PATH_INFO path.info PATH_TRANSLATED QUERY_STRING \
        REQUEST_METHOD REQUEST_URI Transfer_Encoding transfer.encoding DOCUMENT_ROOT DOCUMENT_URI SCRIPT_FILENAME CONTENT_LENGTH Content_Type \
        content.length SERVER_NAME SERVER_PORT REMOTE_USER REMOTE_ADDR AUTH_TYPE GATEWAY_INTERFACE HTTP_HOST \
        HTTP_ANYTHING HTTP-X_Y REDIRECT_STATUS PHP_VALUE PHP_ADMIN_VALUE ORIG_PATH_INFO wsgi.url_scheme \
        wsgi.input rack.url_scheme HTTPS_KEYSIZE X_Forwarded_User X-Forwarded_User x.forwarded.user \
        X!Forwarded!User X+User X~User~Id $WSRU X_Shop_Clerk X.SHOP-clerk SM_USER OIDC_CLAIM_sub"
        .split_whitespace()
    {
        assert_eq!(spelling(&names, &format!("Accept: a\r\n{name}: 1\r\n")), Spelling::Disguised, "{name}");
    }
    for name in ["my_header", "session_id", "a.b", "X.Custom", "x!y", "_"] {
        assert_eq!(spelling(&names, &format!("{name}: 1\r\nAccept: a\r\n")), Spelling::Odd, "{name}");
    }
    assert_eq!(spelling(&names, "X-Shop-Clerk: 1\r\nRemote-User: 1\r\n"), Spelling::Plain);
    for (name, drops) in
        [("my_header", false), ("MY_HEADER", false), ("my-header", false), ("my_headers", true), ("_", true)]
    {
        assert_eq!(names.drops(name), drops, "{name}");
    }
}

#[test]
fn b10_the_operator_adds_names() {
    let own = ["X-Shop-Clerk", "shop_level", "X-Forwarded-Anything", "0day"].map(str::to_owned);
    let names = Names::new(&own, &[], &[]);
    for name in
        ["x-shop-clerk", "X-SHOP-CLERK", "Shop-Level", "shop_level", "shop.level", "X-Forwarded-Any", "0Day"]
    {
        assert!(names.is_reserved(name), "{name}");
    }
    for name in ["x-shop-clerks", "x-shop", "shop", "0day-x", "Accept"] {
        assert!(!names.is_reserved(name), "{name}");
    }
}

proptest! {
    /// A name is reserved under every spelling that an app could fold to it.
    #[test]
    fn b2_folding_hides_nothing(
        at in 0..600_usize,
        signs in prop::collection::vec(prop::sample::select("-_.!#$%&'*+^`|~".chars().collect::<Vec<_>>()), 8),
        upper: u32,
    ) {
        let entries: Vec<Entry> = built_in().collect();
        let entry = &entries[at % entries.len()];
        let mut signs = signs.into_iter().cycle();
        let spelled: String = entry
            .name
            .chars()
            .chain(entry.is_prefix.then_some('x'))
            .enumerate()
            .map(|(i, c)| match c {
                '-' => signs.next().unwrap(),
                c if upper >> (i % 32) & 1 == 1 => c.to_ascii_uppercase(),
                c => c,
            })
            .collect();
        prop_assert!(Names::default().is_reserved(&spelled), "{}", spelled);
    }
}
