//! Cookies as credentials: requests from another site's page, and where the unsigned cookie is accepted.

use serde_json::json;

use super::credentials::{gate, signed, told};
use crate::support::{App, Client, Gate, Setup};

const PROFILES: [&str; 2] = ["standard", "loopback3"];
const SECRET: &str = "keyboard cat";

/// The status and the code of an answer to a request that carries this cookie.
fn asked(client: &mut Client, line: &str, lines: &str) -> (u16, String) {
    let (method, target) = line.split_once(' ').unwrap();
    let answer = client.ask(method, target, lines, b"");
    let code = serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap_or_default();
    (answer.status, code["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn c1_a_page_of_another_site_changes_nothing_with_a_cookie() {
    for profile in PROFILES {
        let (app, gate) = gate(profile, &[("credentials.cookie_secret", SECRET)]);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let seen = app.requests().len();
        let cookies = [
            format!("Cookie: access_token={}\r\n", signed(&ann.token, SECRET)),
            format!("Cookie: __Host-portcullis={}\r\n", ann.token),
        ];
        for cookie in &cookies {
            for line in [
                "POST /api/users/1/replace",
                "PATCH /api/users/1",
                "DELETE /api/users/1",
                "POST /api/users/reset-password",
                "POST /api/users/logout",
                "POST /orders",
                "DELETE /orders/7",
                "PROPFIND /orders",
            ] {
                for page in [
                    "",
                    "Sec-Fetch-Site: cross-site\r\nOrigin: http://evil.example\r\n",
                    "Sec-Fetch-Site: same-site\r\n",
                    "Origin: http://evil.example\r\n",
                    "Origin: null\r\n",
                    "Origin: https://gate.test\r\n",
                    "Origin: http://gate.test:8080\r\n",
                    "Referer: http://evil.example/gate.test/\r\n",
                    "Sec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n",
                ] {
                    let told = asked(&mut client, line, &format!("{cookie}{page}"));
                    assert_eq!(told, (403, "CROSS_SITE".to_owned()), "{profile}: {line}: {page}");
                }
            }
        }
        assert_eq!(app.requests().len(), seen, "{profile}");
        assert_eq!(
            asked(&mut client, "GET /api/users/1", &format!("X-Access-Token: {}\r\n", ann.token)).0,
            200
        );
    }
}

const FOREIGN: [&str; 5] = [
    "",
    "Sec-Fetch-Site: cross-site\r\n",
    "Sec-Fetch-Site: same-site\r\n",
    "Origin: null\r\n",
    "Referer: http://evil.example/\r\n",
];

#[test]
fn c1_a_page_of_another_site_logs_no_user_out_by_any_verb() {
    for profile in PROFILES {
        let settings = [("credentials.cookie_secret", SECRET), ("api.short_routes", "true")];
        let (_app, gate) = gate(profile, &settings);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        for cookie in [
            format!("Cookie: access_token={}\r\n", signed(&ann.token, SECRET)),
            format!("Cookie: __Host-portcullis={}\r\n", ann.token),
        ] {
            for line in [
                "GET /api/users/logout",
                "HEAD /api/users/logout",
                "OPTIONS /api/users/logout",
                "GET /api/users/logout?x=1",
                "GET /logout",
                "HEAD /logout",
                "GET /LOGOUT/",
            ] {
                for page in FOREIGN {
                    let (status, _) = asked(&mut client, line, &format!("{cookie}{page}"));
                    let is_refused = match status {
                        403 => true,
                        // The methods that are allowed there.
                        200 | 204 => line.starts_with("OPTIONS"),
                        // LoopBack logs out by POST alone, and knows no account `logout`.
                        401 => profile == "loopback3" && line.contains("/api/"),
                        _ => false,
                    };
                    assert!(is_refused, "{profile}: {line}: {page}: {status}");
                    let still = asked(&mut client, "GET /api/users/1", &cookie).0;
                    assert_eq!(still, 200, "{profile}: {line}: {page}");
                }
            }
        }
        let ours =
            format!("Cookie: access_token={}\r\nSec-Fetch-Site: same-origin\r\n", signed(&ann.token, SECRET));
        assert_eq!(asked(&mut client, "GET /logout", &ours).0, 204, "{profile}");
        assert_eq!(asked(&mut client, "GET /api/users/1", &ours).0, 401, "{profile}");
        let ben = gate.sign_up("ben");
        let by_header = format!("X-Access-Token: {}\r\nSec-Fetch-Site: cross-site\r\n", ben.token);
        assert_eq!(asked(&mut client, "GET /logout", &by_header).0, 204, "{profile}");
    }
}

#[test]
fn c1_the_link_of_a_mail_opens_whatever_cookie_comes_with_it() {
    for profile in PROFILES {
        let (_app, gate) = gate(profile, &[("credentials.cookie_secret", SECRET)]);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let cookie = format!("Cookie: access_token={}\r\n", signed(&ann.token, SECRET));
        let line = "GET /api/users/confirm?uid=1&token=none";
        let anonymous = asked(&mut client, line, "");
        for page in FOREIGN {
            let told = asked(&mut client, line, &format!("{cookie}{page}"));
            assert_eq!(told, anonymous, "{profile}: {page}");
        }
        assert_ne!(anonymous.0, 403, "{profile}");
    }
}

#[test]
fn c1_a_route_of_the_app_that_says_it_writes_needs_the_word_under_get() {
    let policy = r#"{ "name": "Cart", "routes": [
          { "path": "/cart/empty", "methods": ["GET"], "property": "empty", "accessType": "WRITE" },
          { "path": "/cart", "methods": ["GET"], "property": "show" }],
        "acls": [{ "principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW" }] }"#;
    for profile in PROFILES {
        let app = App::echo();
        let setup = Setup::new(&app).set("profile", profile).set("credentials.cookie_secret", SECRET);
        let gate = Gate::start(setup.policy("cart.json", policy));
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let cookie = format!("Cookie: access_token={}\r\n", signed(&ann.token, SECRET));
        for page in FOREIGN {
            let lines = format!("{cookie}{page}");
            let told = asked(&mut client, "GET /cart/empty", &lines);
            assert_eq!(told, (403, "CROSS_SITE".to_owned()), "{profile}: {page}");
            assert_eq!(asked(&mut client, "GET /cart", &lines).0, 200, "{profile}: {page}");
            assert_eq!(
                asked(&mut client, "GET /cart/empty", page).0,
                200,
                "{profile}: an anonymous caller may"
            );
        }
        let ours = format!("{cookie}Origin: http://gate.test\r\n");
        assert_eq!(asked(&mut client, "GET /cart/empty", &ours).0, 200, "{profile}");
    }
}

#[test]
fn c1_a_page_of_this_site_does_and_so_does_a_token_in_a_header() {
    for profile in PROFILES {
        let (_app, gate) = gate(profile, &[("credentials.cookie_secret", SECRET)]);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let cookie = format!("Cookie: access_token={}\r\n", signed(&ann.token, SECRET));
        for page in [
            "Sec-Fetch-Site: same-origin\r\n",
            "Sec-Fetch-Site: none\r\n",
            "Origin: http://gate.test\r\n",
            "Origin: http://gate.test:80\r\nReferer: http://gate.test/cart\r\n",
            "Referer: http://gate.test/cart?x=1\r\n",
        ] {
            assert_eq!(
                asked(&mut client, "POST /orders", &format!("{cookie}{page}")).0,
                200,
                "{profile}: {page}"
            );
        }
        let evil = "Origin: http://evil.example\r\n";
        let both = format!("{cookie}X-Access-Token: {}\r\n{evil}", ann.token);
        assert_eq!(
            asked(&mut client, "POST /orders", &both).0,
            200,
            "{profile}: no page can send that header"
        );
        for line in ["GET /orders", "HEAD /orders", "OPTIONS /orders"] {
            assert_eq!(asked(&mut client, line, &format!("{cookie}{evil}")).0, 200, "{profile}: {line}");
        }
        let unknown = format!("Cookie: access_token={}\r\n{evil}", signed("no-such-token", SECRET));
        assert_eq!(asked(&mut client, "POST /orders", &unknown).0, 200, "{profile}: an anonymous caller may");
    }
}

#[test]
fn c1_a_websocket_of_another_site_is_refused() {
    let (app, gate) = gate("standard", &[("credentials.cookie_secret", SECRET)]);
    let ann = gate.sign_up("ann");
    let mut client = gate.client();
    let lines = format!(
        "Cookie: access_token={}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        signed(&ann.token, SECRET)
    );
    for page in ["", "Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        let told = asked(&mut client, "GET /socket", &format!("{lines}{page}"));
        assert_eq!(told, (403, "CROSS_SITE".to_owned()), "{page}");
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn c1_a_method_that_the_query_asks_for_counts_as_well() {
    let settings = [("credentials.cookie_secret", SECRET), ("upstream.method_override", "judge")];
    let (_app, gate) = gate("standard", &settings);
    let ann = gate.sign_up("ann");
    let mut client = gate.client();
    let cookie = format!("Cookie: access_token={}\r\n", signed(&ann.token, SECRET));
    for (page, status) in [("Origin: http://evil.example\r\n", 403), ("Origin: http://gate.test\r\n", 200)] {
        assert_eq!(
            asked(&mut client, "GET /orders?_method=DELETE", &format!("{cookie}{page}")).0,
            status,
            "{page}"
        );
    }
}

#[test]
fn c1_this_site_is_what_a_trusted_proxy_and_the_public_url_say() {
    let settings = [
        ("credentials.cookie_secret", SECRET),
        ("server.trusted_proxies", "127.0.0.0/8"),
        ("server.public_url", "https://public.test"),
    ];
    let (_app, gate) = gate("standard", &settings);
    let ann = gate.sign_up("ann");
    let mut client = gate.client();
    let cookie = format!("Cookie: access_token={}\r\n", signed(&ann.token, SECRET));
    for (lines, status) in [
        ("Origin: https://public.test\r\n", 200),
        ("X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.test\r\nOrigin: https://shop.test\r\n", 200),
        ("X-Forwarded-Proto: http\r\nX-Forwarded-Host: shop.test\r\nOrigin: https://shop.test\r\n", 403),
        ("X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.test\r\nOrigin: https://gate.test\r\n", 403),
    ] {
        assert_eq!(asked(&mut client, "POST /orders", &format!("{cookie}{lines}")).0, status, "{lines}");
    }
}

#[test]
fn c8_the_plain_cookie_counts_straight_on_a_loopback_address_alone() {
    for profile in PROFILES {
        let (_app, gate) = gate(profile, &[]);
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let cookie = format!("Cookie: portcullis={}\r\n", ann.token);
        let mut at = |host: &str, lines: &str| {
            client.send(format!("GET /open HTTP/1.1\r\nHost: {host}\r\n{cookie}{lines}\r\n"));
            let answer = client.response().expect(200);
            let text = answer.text();
            assert!(!text.contains(&ann.token), "{profile}: {host}: {text}");
            text.contains("X-Forwarded-User")
        };
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:80", "[::1]:80"] {
            assert!(at(host, ""), "{profile}: {host}");
        }
        for host in ["shop.example", "localhost.example", "192.0.2.1", "[2001:db8::1]"] {
            assert!(!at(host, ""), "{profile}: {host}");
        }
        for passed_on in
            ["Via: 1.1 proxy", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "Forwarded: for=a"]
        {
            assert!(!at("localhost", &format!("{passed_on}\r\n")), "{profile}: {passed_on}");
        }
        let secure = format!("Cookie: __Host-portcullis={}\r\nVia: 1.1 proxy\r\n", ann.token);
        assert_eq!(told(&mut client, "/open", &secure).0.as_deref(), Some("1"), "{profile}");
    }
}

#[test]
fn c8_nor_does_it_count_behind_a_proxy_or_on_another_address() {
    let app = App::echo();
    let socket = tempfile::tempdir().unwrap();
    let unix = format!("unix:{}", socket.path().join("gate.sock").display());
    for (key, value) in [("server.trusted_proxies", "127.0.0.0/8"), ("server.http", &*unix)] {
        let gate = Gate::start(Setup::new(&app).set(key, value));
        let ann = gate.sign_up("ann");
        let cookie = format!("Cookie: portcullis={}\r\n", ann.token);
        assert_eq!(told(&mut gate.client(), "/open", &cookie).0, None, "{key}");
    }
    let Some(address) = outward_address() else { return };
    let gate = Gate::start(Setup::new(&app).set("server.http", &format!("{address}:0")));
    let account = json!({"email": "ann@example.com", "password": "a-good-password"});
    let mut client = gate.client();
    client.post_json("/api/users", "", &account).expect(200);
    let token = client.post_json("/api/users/login", "", &account).expect(200).json()["id"].clone();
    for host in ["localhost", "127.0.0.1", "gate.test"] {
        let cookie = token.as_str().unwrap();
        client.send(format!("GET /open HTTP/1.1\r\nHost: {host}\r\nCookie: portcullis={cookie}\r\n\r\n"));
        assert!(!client.response().expect(200).text().contains("X-Forwarded-User"), "{host}");
    }
}

#[test]
fn the_pages_know_the_browser_by_their_own_cookie() {
    let (_app, gate) = gate("standard", &[("credentials.cookie_secret", SECRET)]);
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut client = gate.client();
    let mut shown = |cookies: &str| {
        let lines = format!("Host: localhost\r\nAccept: text/html\r\nCookie: {cookies}");
        client.send(format!("GET /.portcullis/account HTTP/1.1\r\n{lines}\r\n\r\n"));
        let answer = client.response();
        let names = ["ann@example.com", "bob@example.com"];
        names.into_iter().find(|name| answer.status == 200 && answer.text().contains(name))
    };
    let of_ann = format!("access_token={}", signed(&ann.token, SECRET));
    let dead = format!("access_token={}", signed("no-such-token", SECRET));
    for own in ["portcullis", "__Host-portcullis"] {
        for other in [&of_ann, &dead] {
            let both = format!("{other}; {own}={}", bob.token);
            assert_eq!(shown(&both), Some("bob@example.com"), "{both}");
        }
        assert_eq!(shown(&format!("{of_ann}; {own}=x")), None, "the browser has logged out there");
    }
    assert_eq!(shown(&of_ann), Some("ann@example.com"));
    let second = of_ann.replace("access_token", "authorization");
    assert_eq!(shown(&format!("{dead}; {second}")), Some("ann@example.com"));
}

/// An address of this machine that is not a loopback one, where there is one. Nothing is sent.
fn outward_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}
