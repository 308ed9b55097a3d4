//! What a page knows of the request.

use std::{borrow::Cow, fmt, net::IpAddr, sync::Arc};

use http::{HeaderMap, HeaderName};

use crate::{
    accounts::Actor,
    clock::Timestamp,
    policy::{AccountMethod, Reach},
    qs,
    store::{Session, Subject},
};

/// What the policies say about a method of the account model, for the user of a session: the reach of the rule that
/// allows it, `None` if none does. A page does nothing that the User API would refuse.
#[derive(Clone, Copy)]
pub struct Rules<'v>(pub &'v dyn Fn(AccountMethod, Option<&Session>) -> Option<Reach>);

/// A request for a page.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'v> {
    /// The method.
    pub method: &'v str,
    /// The path, as it was sent.
    pub path: &'v str,
    /// The query without `?`.
    pub query: Option<&'v str>,
    /// The fields of the head.
    pub headers: &'v HeaderMap,
    /// The body.
    pub body: &'v [u8],
    /// The session that the cookie names, if it is live.
    pub session: Option<&'v Arc<Session>>,
    /// Whether the browser sent a session cookie at all.
    pub has_cookie: bool,
    /// The connection between the browser and this site.
    pub transport: Transport,
    /// The host that the browser asked.
    pub host: &'v str,
    /// Whether the browser says that a page of another site sent the request.
    pub is_cross_site: bool,
    /// The client's address.
    pub client: IpAddr,
    /// The request's id.
    pub request_id: &'v str,
    /// The time.
    pub now: Timestamp,
    /// The rules in force.
    pub rules: Rules<'v>,
}

impl fmt::Debug for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rules(..)")
    }
}

/// How a browser reaches this site, which decides whether a cookie is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over TLS, here or at a proxy before the gate.
    Tls,
    /// In the clear, from this machine to itself.
    Loopback,
    /// In the clear, over a network: no password should be typed here.
    Clear,
}

impl<'v> Visit<'v> {
    /// A parameter of the query; a repeated one counts as missing.
    pub(super) fn param(&self, name: &str) -> Option<Cow<'v, str>> {
        match qs::find(self.query?, name) {
            qs::Found::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The origin of this site, as the browser sees it (RFC 6454).
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", if self.transport.is_tls() { "https" } else { "http" }, self.host)
    }

    /// The proof of the browser that another host has sent here for a session (`pages/handover.rs`). None in a frame: the
    /// page around it would learn where the browser goes, and could keep it from getting there.
    pub(super) fn asked_by(&self) -> Option<Cow<'v, str>> {
        let is_proof =
            |text: &Cow<'_, str>| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        // Old browsers do not send the field (W3C Fetch Metadata).
        let is_framed = self.headers.get("sec-fetch-dest").is_some_and(|dest| dest != "document");
        self.param("for").filter(|proof| !is_framed && is_proof(proof))
    }

    /// A field of the head.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&'v str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The actor of what needs no rule: a user who ends their own sessions, for example.
    pub(super) fn actor(&self) -> Actor<'v> {
        self.actor_with(self.session.map(AsRef::as_ref), Reach::Owner)
    }

    /// The actor of a method with this session; `None` if the rules do not allow it.
    pub(super) fn actor_for<'s>(
        &self,
        method: AccountMethod,
        session: Option<&'s Session>,
    ) -> Option<Actor<'s>>
    where
        'v: 's,
    {
        Some(self.actor_with(session, self.reach(method, session)?))
    }

    /// The reach of the rule that allows a method.
    pub(super) fn reach(&self, method: AccountMethod, session: Option<&Session>) -> Option<Reach> {
        let Rules(ask) = self.rules;
        ask(method, session)
    }

    fn actor_with<'s>(&self, session: Option<&'s Session>, reach: Reach) -> Actor<'s>
    where
        'v: 's,
    {
        // The forms of the pages have a token of their own, and ask for the password where it matters.
        Actor::Client { address: self.client, request_id: self.request_id, session, reach, by_cookie: false }
    }

    /// Who is logged in.
    pub(super) fn subject(&self) -> Option<Arc<Subject>> {
        self.session.map(|session| session.subject.load_full())
    }
}

/// The name that a page shows for a user.
pub(super) fn display_name(subject: &Subject) -> &str {
    subject.username.as_deref().or(subject.email.as_deref()).unwrap_or(&subject.id_text)
}
