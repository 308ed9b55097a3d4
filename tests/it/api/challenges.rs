//! The challenges of a 401.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::support::{App, Gate, Response, Setup};

const RULES: &str = r#"{
    "name": "Repo",
    "routes": [
        {"path": "/git/{*rest}", "challenge": "basic"},
        {"path": "/web/{*rest}"}
    ],
    "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
        {"principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW"}
    ]
}"#;
const FILE: &str = r#"{
    "name": "Dav",
    "challenge": "basic",
    "routes": [{"path": "/dav/{*rest}"}],
    "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
        {"principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW"}
    ]
}"#;
const MODEL: &str = r#"{
    "name": "Order", "base": "PersistedModel", "challenge": "basic",
    "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"}]
}"#;

fn gate(profile: &str, schemes: &str) -> (App, Gate) {
    let app = App::echo();
    let setup = Setup::new(&app)
        .set("profile", profile)
        .set("credentials.schemes", schemes)
        .policy("repo.json", RULES)
        .policy("dav.json", FILE)
        .policy("order.json", MODEL);
    (app, Gate::start(setup))
}

fn challenges(response: &Response) -> Vec<String> {
    let lines = response.head.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"))
        .map(|(_, value)| value.to_owned())
        .collect()
}

const BASIC: &str = "Basic realm=\"Portcullis\", charset=\"UTF-8\"";

#[test]
fn c5_files_routes_and_tools_ask_for_basic() {
    for (profile, bearer) in [("standard", Some("Bearer")), ("loopback3", None)] {
        let (_app, gate) = gate(profile, "raw,bearer,basic");
        let mut client = gate.client();
        let browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) git/2\r\n";
        let tools = profile == "standard";
        for (path, agent, asks) in [
            ("/web/x", "", false),
            ("/web/x", browser, false),
            ("/git/x", "", true),
            ("/git/x", browser, true),
            ("/dav/x/y", "", true),
            ("/api/orders", "", true),
            ("/web/x", "User-Agent: git/2.47.1\r\n", tools),
            ("/web/x", "User-Agent: JGit/6.10\r\n", tools),
            ("/web/x", "User-Agent: curl/8.11.1\r\n", tools),
            ("/web/x", "User-Agent: SVN/1.14.1 (x86_64) serf/1.3.9\r\n", tools),
            ("/web/x", "User-Agent: mercurial/proto-1.0\r\n", tools),
            ("/web/x", "User-Agent: Wget/1.25.0\r\n", tools),
        ] {
            let response = client.ask("GET", path, agent, b"").expect(401);
            let basic = asks.then_some(BASIC);
            let expected: Vec<&str> = bearer.into_iter().chain(basic).collect();
            assert_eq!(challenges(&response), expected, "{profile}: {path} {agent}");
        }
        // These read the first challenge of a line, and take a `Bearer` without an address for an error.
        for agent in [
            "docker/27.0 go/1.22",
            "containerd/1.7",
            "containers/5.30 (github.com/containers/image)",
            "skopeo/1.16",
        ] {
            let response =
                client.ask("GET", "/web/v2/", &format!("User-Agent: {agent}\r\n"), b"").expect(401);
            let expected = if tools { vec![format!("{BASIC}, Bearer")] } else { vec![] };
            assert_eq!(challenges(&response), expected, "{profile}: {agent}");
        }
    }
}

#[test]
fn c5_a_page_in_a_browser_is_not_asked_for_a_password_unless_a_file_asks() {
    let (_app, gate) = gate("standard", "raw,bearer,basic");
    let mut client = gate.client();
    for lines in [
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/133.0\r\n",
        "User-Agent: Mozilla/5.0 (Macintosh) AppleWebKit/605 Safari/605\r\nSec-Fetch-Mode: navigate\r\n",
        "User-Agent: curl/8.11.1\r\nSec-Fetch-Mode: cors\r\n",
        "User-Agent: git/2.47.1\r\nX-Requested-With: XMLHttpRequest\r\n",
        "User-Agent: docker/27.0\r\nSec-Fetch-Mode: no-cors\r\n",
        "X-Requested-With: XMLHttpRequest\r\n",
    ] {
        let asked = |path: &str, client: &mut crate::support::Client| {
            challenges(&client.ask("GET", path, lines, b"").expect(401))
        };
        assert!(asked("/web/x", &mut client).iter().all(|line| !line.contains("Basic")), "{lines}");
        assert!(asked("/git/x", &mut client).iter().any(|line| line.contains("Basic")), "{lines}");
    }
}

#[test]
fn c5_what_the_tool_sends_then_is_a_login() {
    for profile in ["standard", "loopback3"] {
        let (_app, gate) = gate(profile, "raw,bearer,basic");
        let ann = gate.sign_up("ann");
        let basic = BASE64_STANDARD.encode(format!("ann:{}", ann.token));
        let lines = format!("User-Agent: git/2.47.1\r\nAuthorization: Basic {basic}\r\n");
        let answer = gate.client().ask("GET", "/git/info/refs", &lines, b"").expect(200);
        assert!(answer.text().contains("X-Forwarded-User"), "{profile}: {}", answer.text());
    }
}

#[test]
fn c5_a_scheme_that_is_not_ours_is_not_asked_for() {
    let (_app, gate) = gate("standard", "raw,bearer");
    let agent = "User-Agent: git/2.47.1\r\n";
    assert_eq!(challenges(&gate.client().ask("GET", "/git/x", agent, b"").expect(401)), ["Bearer"]);
    let (_app, gate) = self::gate("standard", "basic");
    assert_eq!(challenges(&gate.client().ask("GET", "/git/x", "", b"").expect(401)), [BASIC]);
}

/// A name and a password, as a browser sends them to the whole site once it was asked for them.
fn remembered(gate: &Gate, user: &str) -> String {
    let user = gate.sign_up(user);
    format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("me:{}", user.token)))
}

/// What browsers say of a request that a page of another site makes them send. `Origin` is `null` where that page
/// asks for no `Referer`.
const FOREIGN: [&str; 5] = [
    "Origin: http://evil.example\r\n",
    "Origin: null\r\n",
    "Sec-Fetch-Site: cross-site\r\nOrigin: http://evil.example\r\n",
    "Sec-Fetch-Site: same-site\r\n",
    "Referer: http://evil.example/gate.test\r\n",
];

fn status(gate: &Gate, line: &str, lines: &str) -> u16 {
    let (method, target) = line.split_once(' ').unwrap();
    gate.client().ask(method, target, lines, b"").status
}

#[test]
fn c1_a_page_of_another_site_changes_nothing_with_a_password_that_the_browser_remembers() {
    for profile in ["standard", "loopback3"] {
        let (app, gate) = gate(profile, "raw,bearer,basic");
        let basic = remembered(&gate, "ann");
        let seen = app.requests().len();
        for line in [
            "POST /git/x",
            "PUT /git/x",
            "DELETE /dav/x",
            "PROPFIND /dav/x",
            // Where no `Basic` is asked for, a browser that was asked elsewhere sends it all the same.
            "POST /web/x",
            "PATCH /api/users/1",
            "POST /api/users/logout",
        ] {
            for page in FOREIGN {
                assert_eq!(status(&gate, line, &format!("{basic}{page}")), 403, "{profile}: {line}: {page}");
            }
        }
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://evil.example\r\n";
        assert_eq!(status(&gate, "GET /git/ws", &format!("{basic}{upgrade}")), 403, "{profile}");
        assert_eq!(app.requests().len(), seen, "{profile}");

        for page in [
            "",
            "User-Agent: git/2.47.1\r\n",
            "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0) WindowsPowerShell/5.1\r\n",
            "Origin: http://gate.test\r\n",
            "Sec-Fetch-Site: same-origin\r\n",
            "Referer: http://gate.test/git\r\n",
        ] {
            assert_eq!(status(&gate, "POST /git/x", &format!("{basic}{page}")), 200, "{profile}: {page}");
        }
        for page in FOREIGN {
            assert_eq!(status(&gate, "GET /git/x", &format!("{basic}{page}")), 200, "{profile}: {page}");
        }
    }
}

#[test]
fn c1_a_page_of_another_site_logs_nobody_out_with_a_remembered_password() {
    let (_app, gate) = gate("standard", "raw,bearer,basic");
    let basic = remembered(&gate, "ann");
    let browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n";
    for line in ["GET /api/users/logout", "HEAD /api/users/logout"] {
        for page in FOREIGN.into_iter().chain([browser]) {
            assert_eq!(status(&gate, line, &format!("{basic}{page}")), 403, "{line}: {page}");
        }
    }
    let program = format!("{basic}User-Agent: curl/8.11.1\r\n");
    assert_eq!(status(&gate, "GET /api/users/logout", &program), 204);
}

#[test]
fn c1_a_connection_that_knows_its_caller_asks_each_time() {
    let (_app, gate) = gate("standard", "raw,bearer,basic");
    let basic = remembered(&gate, "ann");
    let mut client = gate.client();
    for _ in 0..3 {
        client.ask("POST", "/git/x", &basic, b"").expect(200);
        client.ask("POST", "/git/x", &format!("{basic}Origin: http://evil.example\r\n"), b"").expect(403);
    }
}

#[test]
fn c1_where_no_browser_is_asked_for_a_password_a_script_sent_it() {
    let app = App::echo();
    let gate =
        Gate::start(Setup::new(&app).policy("web.json", &RULES.replace(r#", "challenge": "basic""#, "")));
    let basic = remembered(&gate, "ann");
    for page in FOREIGN {
        assert_eq!(status(&gate, "POST /web/x", &format!("{basic}{page}")), 200, "{page}");
    }
}
