//! Several apps behind one gate, by host and by path: each has its own rules and servers, all have one set of accounts.

mod accounts;
mod commands;
mod hostile;
mod isolation;
mod reload;
mod routing;

use crate::support::{App, Client, Gate, Request, Response, Setup, answer, echo};

/// Three apps on three hosts, and one below a path of the first.
struct House {
    shop: App,
    notes: App,
    rest: App,
    tools: App,
}

impl House {
    fn new() -> Self {
        Self {
            shop: app("shop", "1"),
            notes: app("notes", "2"),
            rest: app("rest", "3"),
            tools: app("tools", "4"),
        }
    }

    /// The tables of the file; `more` is added to those of `notes`.
    fn tables(&self, more: &str) -> String {
        let app = |name: &str, hosts: &str, path: &str, app: &App, more: &str| {
            format!(
                "\n[[apps]]\nname = \"{name}\"\nhosts = [{hosts}]\npath = \"{path}\"\n\
                 upstream = {{ servers = [\"{}\"] }}\npolicies = {{ dir = \"policies/{name}\", unmatched = \"deny\" }}\n{more}",
                app.url()
            )
        };
        [
            app("shop", "\"shop.test\"", "/", &self.shop, ""),
            app("notes", "\"notes.test\", \"*.notes.test\"", "/", &self.notes, more),
            app("tools", "\"shop.test\"", "/tools", &self.tools, ""),
            app("rest", "", "/", &self.rest, ""),
        ]
        .concat()
    }

    fn setup(&self, more: &str) -> Setup {
        let setup = Setup::new(&self.rest).tables(&self.tables(more));
        setup
            .policy("shop/order.json", &policy("Order", "/orders", "$owner"))
            .policy("notes/note.json", &policy("Note", "/notes", "$everyone"))
            .policy("tools/tool.json", &policy("Tool", "/tools", "$authenticated"))
            .policy("rest/page.json", &policy("Page", "/pages", "$everyone"))
    }

    fn gate(&self) -> Gate {
        Gate::start(self.setup(""))
    }

    fn all(&self) -> [&App; 4] {
        [&self.shop, &self.notes, &self.rest, &self.tools]
    }
}

/// An app that says its name, and whose rows belong to this user.
fn app(name: &'static str, owner: &'static str) -> App {
    App::answering(move |request: &Request| {
        if request.field("x-portcullis-lookup").is_some() {
            return answer("200 OK", "", format!("{{\"ownerId\": {owner}}}"));
        }
        let mut echoed = String::from_utf8(echo(request)).unwrap();
        echoed.insert_str("HTTP/1.1 200 OK\r\n".len(), &format!("X-App: {name}\r\nSet-Cookie: {name}=1\r\n"));
        echoed.into_bytes()
    })
}

/// Rows below a path that this role may use.
fn policy(name: &str, path: &str, role: &str) -> String {
    format!(
        r#"{{"name": "{name}", "routes": [{{"path": "{path}", "property": "all"}}, {{"path": "{path}/{{id}}", "property": "one"}}],
        "owner": {{"lookup": "{path}/{{id}}", "field": "/ownerId"}},
        "acls": [{{"principalType": "ROLE", "principalId": "{role}", "permission": "ALLOW"}}]}}"#
    )
}

/// A request for a host.
fn ask(client: &mut Client, host: &str, line: &str, fields: &str) -> Response {
    client.send(format!("{line} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"));
    client.response_to(line.split(' ').next().unwrap())
}

/// The app that answered, or the status of a refusal.
fn who(client: &mut Client, host: &str, path: &str, fields: &str) -> String {
    let response = ask(client, host, &format!("GET {path}"), fields);
    response.field("x-app").map_or_else(|| response.status.to_string(), str::to_owned)
}

fn with(token: &str) -> String {
    format!("Authorization: {token}\r\n")
}
