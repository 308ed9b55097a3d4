//! HTML pages for browsers below `/.portcullis/`: rendered here, on the same accounts as the User API.
//!
//! No page needs a script. A GET changes nothing: mail scanners and browsers open links on their own. A POST needs a form
//! token (`pages/form.rs`).

mod account;
mod address;
mod answer;
mod assets;
mod challenge;
mod codes;
mod confirm;
mod cookies;
mod denied;
mod device;
mod failure;
mod form;
mod form_key;
mod form_origins;
mod guard;
mod handover;
mod input;
mod login;
mod logout;
mod message;
mod notice;
mod overrides;
mod properties;
mod recover;
mod register;
mod sample;
mod settings;
mod sites;
mod state;
mod theme;
mod view;

use bytes::Bytes;

use crate::observe::metrics::LoginResult;
use answer::Answer;
use recover::Link;
use state::{ACCOUNT, ROOT};
use view::View;

pub use failure::Failure;
pub use input::{Rules, Transport, Visit};
pub use overrides::{OverrideError, STYLE_FILE, built_in, mistakes};
pub use settings::{Logo, LogoError, Settings};
pub use sites::Sites;
pub use state::{LOGIN, Pages, Shared};
pub use theme::{Color, InvalidColor};

/// The result of a visit.
#[derive(Debug)]
pub struct Reply {
    /// The response for the browser.
    pub response: http::Response<Bytes>,
    /// The result of a login, for the metrics; `None` for everything else.
    pub login: Option<LoginResult>,
}

impl Pages {
    /// Serves a path below `/.portcullis/`.
    pub async fn serve(&self, visit: &Visit<'_>) -> Reply {
        let (answer, login) = self.route(visit).await;
        Reply { response: answer.into_response(), login }
    }

    /// The list of pages.
    async fn route(&self, visit: &Visit<'_>) -> (Answer, Option<LoginResult>) {
        let name = visit.path.strip_prefix(ROOT).unwrap_or_default();
        let answer = match (name, visit.method) {
            ("", "GET" | "HEAD") => Answer::redirect(ACCOUNT),
            ("login", "GET" | "HEAD") => self.show_login(visit),
            ("login", "POST") => return self.log_in(visit).await,
            ("register", "GET" | "HEAD") => self.show_register(visit),
            ("register", "POST") => return self.register(visit).await,
            ("logout", "GET" | "HEAD") => self.show_logout(visit),
            ("logout", "POST") => self.log_out(visit).await,
            ("forgot", "GET" | "HEAD") => self.show_forgot(visit),
            ("forgot", "POST") => self.forgot(visit).await,
            ("reset", "GET" | "HEAD") => self.show_link(visit, Link::Reset).await,
            ("reset", "POST") => return self.follow_link(visit, Link::Reset).await,
            ("invite", "GET" | "HEAD") => self.show_link(visit, Link::Invite).await,
            ("invite", "POST") => return self.follow_link(visit, Link::Invite).await,
            ("confirm", "GET" | "HEAD") => self.show_confirm(visit).await,
            ("confirm", "POST") => self.confirm(visit).await,
            ("resend", "POST") => self.resend(visit).await,
            ("resend", _) => self.message(visit, "method").allowing("POST"),
            ("address", "GET" | "HEAD") => self.show_address(visit).await,
            ("address", "POST") => self.change_address(visit).await,
            ("handover", "GET") => self.handover(visit).await,
            ("denied", "GET" | "HEAD") => self.denied(visit, None),
            ("login" | "register" | "logout" | "forgot" | "reset" | "invite" | "confirm" | "address", _) => {
                self.message(visit, "method").allowing("GET, HEAD, POST")
            }
            (_, "GET" | "HEAD") if name.starts_with(assets::FOLDER) => self.asset(visit, name),
            _ => match name.strip_prefix("account") {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => self.account(visit, rest).await,
                _ => self.message(visit, "nothing"),
            },
        };
        (answer, None)
    }

    /// Sends a browser that navigates and is not logged in to the login page. `target`: path and query that it asked for,
    /// without credentials.
    #[must_use]
    pub fn to_login(&self, target: &str) -> http::Response<Bytes> {
        Answer::redirect(&login::address(target)).into_response()
    }

    /// The page for a caller who may not do what the browser asked for.
    #[must_use]
    pub fn refuse(&self, visit: &Visit<'_>, target: &str) -> http::Response<Bytes> {
        self.denied(visit, Some(target)).into_response()
    }

    /// The page for a form that was sent without a login, and did not arrive.
    #[must_use]
    pub fn lost(&self, visit: &Visit<'_>) -> http::Response<Bytes> {
        let view = View::new(self, visit).with("login", LOGIN);
        view.render("lost.html").status(401).into_response()
    }
}

/// Whether a path is that of a page, or of a file that pages need; not all are there in every configuration.
#[must_use]
pub fn is_page(path: &str) -> bool {
    let Some(name) = path.strip_prefix(ROOT) else { return false };
    match name.strip_prefix("account") {
        Some(rest) => account::PAGES.contains(&rest),
        None => PAGES.contains(&name) || assets::is_asset(name),
    }
}

/// The names of the pages, without those of the account.
const PAGES: [&str; 12] = [
    "", "login", "register", "logout", "forgot", "reset", "invite", "confirm", "resend", "address",
    "handover", "denied",
];

#[cfg(test)]
pub(crate) mod testing {
    //! A visit for the tests of the parts.

    use std::sync::LazyLock;

    use super::{Rules, Transport, Visit};
    use crate::clock::Timestamp;

    static NO_HEADERS: LazyLock<http::HeaderMap> = LazyLock::new(http::HeaderMap::new);

    pub(crate) fn visit() -> Visit<'static> {
        Visit {
            method: "GET",
            path: "/.portcullis/login",
            query: None,
            headers: &NO_HEADERS,
            body: b"",
            session: None,
            has_cookie: false,
            transport: Transport::Tls,
            host: "site.example",
            is_cross_site: false,
            client: std::net::IpAddr::from([192, 0, 2, 1]),
            request_id: "r1",
            now: Timestamp(1_795_294_271_688),
            rules: Rules(&|_, _| None),
        }
    }
}
