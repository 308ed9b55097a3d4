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
