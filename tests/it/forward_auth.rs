//! The listener that judges requests which a proxy describes: as proxies ask it, and behind real ones.

mod answers;
mod authzen;
mod described;
mod hostile;
mod proxies;

use serde_json::{Value, json};

use crate::support::{App, Client, Gate, Request, Response, Setup, answer, echo};

/// How a proxy describes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Nginx,
    Traefik,
    Envoy,
}

const STYLES: [Style; 3] = [Style::Nginx, Style::Traefik, Style::Envoy];

/// What a browser sends when a person follows a link.
const NAVIGATES: &str = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\n";

/// The fields that tell the app of the caller, with the default presets.
const IDENTITY: [&str; 4] =
    ["x-forwarded-user", "x-forwarded-preferred-username", "x-forwarded-email", "x-forwarded-groups"];

/// An app whose notes belong to user 1.
fn app() -> App {
    App::answering(|request: &Request| {
        if request.field("x-portcullis-lookup").is_some() {
            return answer("200 OK", "", "{\"ownerId\": 1}");
        }
        echo(request)
    })
}

/// Routes for everyone, for users, for owners and for a role.
fn setup(app: &App) -> Setup {
    let file = |name: &str, path: &str, role: &str| json!({"name": name, "routes": [{"path": path}, {"path": format!("{path}/{{*rest}}")}], "acls": only(role)});
    let notes = json!({
        "name": "Note",
        "routes": [{"path": "/notes/{id}"}],
        "owner": {"lookup": "/notes/{id}", "field": "/ownerId"},
        "acls": only("$owner"),
    });
    let setup = Setup::new(app).set("policies.unmatched", "deny");
    let setup = setup.set("forward_auth.listen", "127.0.0.1:0").set("forward_auth.trusted", "127.0.0.1");
    setup
        .policy("open.json", &file("Open", "/open", "$everyone").to_string())
        .policy("mine.json", &file("Mine", "/mine", "$authenticated").to_string())
        .policy("staff.json", &file("Staff", "/staff", "staff").to_string())
        .policy("note.json", &notes.to_string())
}

/// Rules that allow this role alone.
fn only(role: &str) -> Value {
    let rule = |role: &str, permission: &str| json!({"principalType": "ROLE", "principalId": role, "permission": permission});
    let others = (role != "$everyone").then(|| rule("$everyone", "DENY"));
    others.into_iter().chain([rule(role, "ALLOW")]).collect()
}

/// A connection of a proxy to the listener.
fn proxy(gate: &Gate) -> Client {
    Client::tcp(gate.judge_address())
}

impl Style {
    /// The bytes that describe a request; `lines` are further fields of it, each with its CRLF.
    fn bytes(self, method: &str, target: &str, lines: &str) -> String {
        match self {
            Self::Nginx => format!(
                "GET /_auth HTTP/1.1\r\nHost: shop.test\r\nX-Original-Method: {method}\r\nX-Original-URI: {target}\r\n{lines}\r\n"
            ),
            Self::Traefik => format!(
                "GET / HTTP/1.1\r\nHost: gate.internal:9191\r\nX-Forwarded-Method: {method}\r\nX-Forwarded-Uri: {target}\r\n\
                 X-Forwarded-Host: shop.test\r\n{lines}\r\n"
            ),
            Self::Envoy => {
                format!("{method} /ext_authz{target} HTTP/1.1\r\nHost: shop.test\r\n{lines}\r\n")
            }
        }
    }

    fn ask(self, proxy: &mut Client, method: &str, target: &str, lines: &str) -> Response {
        proxy.send(self.bytes(method, target, lines));
        proxy.response_to(if self == Self::Envoy { method } else { "GET" })
    }

    /// The status that this proxy gets where the gate itself would answer with another one.
    fn status(self, of_the_gate: u16) -> u16 {
        match (self, of_the_gate) {
            (Self::Nginx, 200 | 401 | 403) | (Self::Traefik | Self::Envoy, _) => of_the_gate,
            (Self::Nginx, 303) => 401,
            (Self::Nginx, _) => 403,
        }
    }
}
