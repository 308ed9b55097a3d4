//! A browser that keeps cookies, and reads forms.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::support::{App, Client, Gate, Response, Setup};

/// The password of every account that [`Gate::sign_up`] makes.
pub(super) const PASSWORD: &str = "a-good-password";

/// A person's browser on this machine.
pub(super) struct Browser {
    client: Client,
    host: String,
    pub(super) cookies: BTreeMap<String, String>,
    /// More fields of every request.
    pub(super) fields: String,
}

/// A gate with rules: `/open` is for everyone, `/mine` for users, `/staff` for a role, the rest for nobody.
pub(super) fn gate(settings: &[(&str, &str)]) -> (App, Gate) {
    let app = App::echo();
    let setup = settings.iter().fold(setup(&app), |setup, (key, value)| setup.set(key, value));
    let gate = Gate::start(setup);
    (app, gate)
}

pub(super) fn setup(app: &App) -> Setup {
    let rule = |who: &str, property: &str| {
        format!(
            r#"{{"principalType": "ROLE", "principalId": "{who}", "permission": "ALLOW", "property": "{property}"}}"#
        )
    };
    let policy = format!(
        r#"{{"name": "Site", "routes": [
            {{"path": "/", "property": "root"}},
            {{"path": "/open", "property": "open"}},
            {{"path": "/mine", "property": "mine"}},
            {{"path": "/mine/{{*rest}}", "property": "mine"}},
            {{"path": "/staff", "property": "staff"}}
        ], "acls": [
            {{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"}},
            {}, {}, {}, {}
        ]}}"#,
        rule("$everyone", "root"),
        rule("$everyone", "open"),
        rule("$authenticated", "mine"),
        rule("staff", "staff")
    );
    Setup::new(app).set("policies.unmatched", "deny").policy("site.json", &policy)
}

impl Browser {
    pub(super) fn new(gate: &Gate) -> Self {
        Self {
            client: gate.client(),
            host: gate.address().to_string(),
            cookies: BTreeMap::new(),
            fields: "Sec-Fetch-Site: same-origin\r\n".to_owned(),
        }
    }

    /// Over another connection and by another name.
    pub(super) fn over(client: Client, host: &str) -> Self {
        let fields = "Sec-Fetch-Site: same-origin\r\n".to_owned();
        Self { client, host: host.to_owned(), cookies: BTreeMap::new(), fields }
    }

    /// What a link or the address bar does.
    pub(super) fn get(&mut self, target: &str) -> Response {
        self.ask("GET", target, NAVIGATES, "")
    }

    /// What a form does.
    pub(super) fn post(&mut self, target: &str, fields: &[(&str, &str)]) -> Response {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.ask("POST", target, &format!("{NAVIGATES}{kind}"), &body)
    }

    /// Opens a page, fills its form in and sends it to `to`, or to the page's own address.
    pub(super) fn submit(&mut self, page: &str, to: Option<&str>, fields: &[(&str, &str)]) -> Response {
        let opened = self.get(page);
        let (token, once) = (token(opened.text()), once(opened.text()));
        let hidden = [("form_token", Some(&*token)), ("once", once.as_deref())];
        let hidden = hidden.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let all: Vec<_> = fields.iter().copied().chain(hidden).collect();
        self.post(to.unwrap_or(page), &all)
    }

    pub(super) fn log_in(&mut self, name: &str) -> Response {
        let email = format!("{name}@example.com");
        self.submit("/.portcullis/login", None, &[("name", &email), ("password", PASSWORD)]).expect(303)
    }

    pub(super) fn ask(&mut self, method: &str, target: &str, lines: &str, body: &str) -> Response {
        let mut request =
            format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n{}{lines}", self.host, self.fields);
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.push_str(&format!("Cookie: {}\r\n", pairs.join("; ")));
        }
        if method != "GET" {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.client.send(format!("{request}\r\n{body}"));
        let response = self.client.response_to(method);
        for cookie in set_cookies(&response) {
            let (pair, rest) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }
}

/// What a browser says when it opens a page.
pub(super) const NAVIGATES: &str = "Accept: text/html,*/*;q=0.8\r\nSec-Fetch-Mode: navigate\r\n";

pub(super) fn set_cookies(response: &Response) -> Vec<String> {
    let lines = response.head.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        .map(|(_, value)| value.to_owned())
        .collect()
}

/// What makes the form of a page good for one time, if it has that.
pub(super) fn once(html: &str) -> Option<String> {
    let (_, rest) = html.split_once("name=\"once\" value=\"")?;
    Some(rest.split_once('"').unwrap().0.to_owned())
}

/// The form token of a page.
pub(super) fn token(html: &str) -> String {
    let (_, rest) =
        html.split_once("name=\"form_token\" value=\"").unwrap_or_else(|| panic!("no form in {html}"));
    rest.split_once('"').unwrap().0.to_owned()
}
