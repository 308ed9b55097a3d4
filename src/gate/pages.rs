//! The pages, and what a browser gets in place of a refusal.

use bytes::Bytes;
use http::header;

use crate::{
    connection::Downstream,
    credential::{self, Place},
    encoding::percent_encoded,
    pages::{self, Failure, Reply, Rules, Transport, Visit},
    policy::{AccountMethod, Caller, Decision, Reach, Served},
    refusal::{Form, Refusal},
    store::Session,
};

use super::{Stop, body::stop_body, request::Request, same_site, session::Known};

/// The largest form, in bytes: names and passwords of the longest kind, each byte as three.
const MAX_FORM: u64 = 32 * 1024;

impl Request<'_> {
    /// Serves a page.
    pub(super) async fn page(&self, down: &mut Downstream) -> Result<http::Response<Bytes>, Stop> {
        let Some(pages) = &self.rules.pages else { return Err(Refusal::NothingHere.into()) };
        let (known, has_cookie) = self.browser_session(down).await?;
        let known = self.record.session.get_or_init(|| known).as_ref();
        self.record.route.set(("pages", 0));
        let body = down.collect(MAX_FORM).await.map_err(stop_body)?.to_vec();
        let rules = |method, session: Option<&Session>| self.reach(method, session);
        let visit = Visit { has_cookie, body: &body, rules: Rules(&rules), ..self.visit(known, down) };
        let Reply { response, login } = pages.serve(&visit).await;
        if let Some(result) = login {
            self.gate.metrics.login(result);
        }
        Ok(response)
    }

    /// The session that a cookie names, and whether there was such a cookie. An expired one is as good as none.
    ///
    /// A browser that has a cookie of the pages is the one that the pages know. Only without one, a signed cookie of the
    /// app counts.
    async fn browser_session(&self, down: &Downstream) -> Result<(Option<Known>, bool), Refusal> {
        let fields = self.head.fields().map(|field| (field.name, field.value));
        let may_have = |name: &str| self.head.may_have(name);
        let settings = &self.gate.settings.credentials;
        let is_local = || self.is_local(down);
        let own = credential::page_cookies(fields.clone(), is_local);
        let offered = match own.first() {
            Some(_) => own,
            None => credential::offered(settings, None, fields, may_have, is_local),
        };
        let all = offered.first().into_iter().chain(offered.others());
        let mut has_cookie = false;
        let moment = self.moment(down);
        for hit in all.filter(|hit| hit.place == Place::Cookie) {
            has_cookie = true;
            match self.resolve(hit, &moment, None).await {
                // A token with a scope, such as that of a reset, is no login.
                Ok(Some(known)) if known.session.scopes.is_empty() => {
                    known.session.touch(moment.now, self.context.client, &moment.lifetimes);
                    return Ok((Some(known), true));
                }
                Ok(_) | Err(Refusal::TokenExpired | Refusal::TokenUnusable) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok((None, has_cookie))
    }

    fn visit<'a>(&'a self, known: Option<&'a Known>, down: &Downstream) -> Visit<'a> {
        let public_url = self.app.settings.public_url.as_deref();
        let origin = &self.context.origin;
        Visit {
            method: self.head.method(),
            path: self.head.path(),
            query: self.head.query(),
            headers: &self.http_head().headers,
            body: b"",
            session: known.map(|known| &known.session),
            has_cookie: false,
            transport: self.transport(down),
            host: origin.host,
            is_cross_site: same_site::is_cross_site(self.head, origin, public_url),
            client: self.context.client,
            request_id: self.context.request_id.as_str(),
            now: self.gate.clock.now(),
            // What takes the place of a refusal does nothing.
            rules: Rules(&|_, _| None),
        }
    }

    /// What the rules say about a method of the account model, called over the User API by the user of a session for
    /// their own row.
    fn reach(&self, method: AccountMethod, session: Option<&Session>) -> Option<Reach> {
        let set = &self.rules.set;
        let subject = session.map(|session| session.subject.load_full());
        let id = subject.as_ref().map_or("", |subject| &*subject.id_text);
        let (verb, rest) = match method {
            AccountMethod::Login => ("POST", "login".to_owned()),
            AccountMethod::Create => ("POST", String::new()),
            AccountMethod::ResetPassword => ("POST", "reset".to_owned()),
            AccountMethod::SetPassword => ("POST", "reset-password".to_owned()),
            AccountMethod::ChangePassword => ("POST", "change-password".to_owned()),
            AccountMethod::Confirm => ("GET", "confirm".to_owned()),
            AccountMethod::Verify => ("POST", format!("{}/verify", percent_encoded(id))),
            AccountMethod::PatchAttributes => ("PATCH", percent_encoded(id).into_owned()),
            AccountMethod::DeleteById => ("DELETE", percent_encoded(id).into_owned()),
            AccountMethod::ListTokens => ("GET", format!("{}/accessTokens", percent_encoded(id))),
            AccountMethod::CreateTokens => ("POST", format!("{}/accessTokens", percent_encoded(id))),
            AccountMethod::DeleteToken => ("DELETE", format!("{}/accessTokens/one", percent_encoded(id))),
            _ => return None,
        };
        let path = format!("{}/{}/{rest}", self.gate.settings.api_root, set.account()?.plural);
        let action = set.action(verb, path.trim_end_matches('/'), None);
        if action.served != Served::Account(method) {
            return None;
        }
        let caller = Caller {
            user: subject.as_ref().map(|subject| &*subject.id_text),
            roles: subject.as_ref().map_or(&[], |subject| &subject.roles),
            certificate: self.client.certificate.as_deref(),
            scopes: session.map_or(&[], |session| &session.scopes),
        };
        match set.decide(&action, caller, None) {
            Decision::Permit(permit) => Some(permit.reach),
            Decision::Denial(denial) => (denial.is_built_in && is_of_tokens(method)).then_some(Reach::Owner),
            Decision::Ask(_) => None,
        }
    }

    /// How the browser reaches this site. A proxy that ends TLS and is not in `trusted_proxies` says nothing of it; then
    /// the public URL does, and the browser drops the cookie if it is wrong.
    fn transport(&self, down: &Downstream) -> Transport {
        let public_host = || self.app.settings.public_url.as_deref()?.strip_prefix("https://");
        let is_public = || {
            let host = public_host().and_then(|rest| rest.split('/').next());
            host.is_some_and(|host| host.eq_ignore_ascii_case(self.context.origin.host))
        };
        if self.context.origin.scheme == "https" || is_public() {
            Transport::Tls
        } else if self.is_local(down) {
            Transport::Loopback
        } else {
            Transport::Clear
        }
    }

    /// The answer to a browser that navigates, in place of a refusal by the rules; `None` = the refusal itself.
    /// `navigates`: as [`refusal::navigates`](crate::refusal::navigates) says.
    pub(super) fn refused_page(
        &self,
        refusal: &Refusal,
        navigates: bool,
        down: &Downstream,
    ) -> Option<http::Response<Bytes>> {
        let pages = self.rules.pages.as_ref().filter(|_| self.misrouted.is_none())?;
        let (Refusal::Denied { status: 401 | 403, .. } | Refusal::TokenExpired | Refusal::TokenUnusable) =
            refusal
        else {
            return None;
        };
        let head = self.head;
        // First what is cheap: most of those who are refused are programs. One that sends a token in a header wants to hear
        // that it has expired.
        if !navigates || head.field("authorization").is_some() {
            return None;
        }
        // A browser asks for the name and password of `Basic` itself.
        if self.rules.set.asks_for_basic(head.method(), head.path()) {
            return None;
        }
        // An app below a path may share its host with one that has no pages.
        let login = self.core.apps.at(head.host(), pages::LOGIN)?;
        login.rules.current().pages.as_ref()?;
        let known = self.record.known();
        if head.method() == "GET" {
            let target =
                credential::strip_query(&self.gate.settings.credentials, head.query().unwrap_or_default());
            let target = match &*target {
                "" => head.path().to_owned(),
                query => format!("{}?{query}", head.path()),
            };
            return Some(match known {
                Some(known) => pages.refuse(&self.visit(Some(known), down), &target),
                None => pages.to_login(&target),
            });
        }
        // A form of the app. Old browsers do not say so, and get the 401 of a script.
        let is_navigation = head.field("sec-fetch-mode") == Some(b"navigate");
        (is_navigation && known.is_none()).then(|| pages.lost(&self.visit(None, down)))
    }
}

impl Request<'_> {
    /// The page that tells a browser that navigates why there is no answer of the app; `None` = the refusal itself. Its
    /// status and fields are those of the refusal.
    pub(super) fn failure_page(
        &self,
        refusal: &Refusal,
        navigates: bool,
        down: &Downstream,
    ) -> Option<http::Response<Bytes>> {
        let (pages, head) = (self.rules.pages.as_ref()?, self.head);
        // A form of the app, where the browser says so.
        let is_form = head.field("sec-fetch-mode") == Some(b"navigate");
        if !navigates || !(is_form || matches!(head.method(), "GET" | "HEAD")) {
            return None;
        }
        let kind = refusal.kind()?;
        let challenge = !self.gate.settings.loopback;
        let plain = refusal.clone().into_response(Form::Page, challenge, self.context.request_id.as_str());
        let (mut parts, _) = plain.into_parts();
        let wait = parts.headers.get(header::RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
        // Where the site is not, it does not say who it is, and its logo is not to be had. Nor is it under a limit.
        let is_here = self.misrouted.is_none() && !matches!(refusal, Refusal::Misdirected);
        let failure = Failure {
            kind,
            status: parts.status.as_u16(),
            wait: wait.unwrap_or_default(),
            is_here,
            has_files: is_here && !matches!(refusal, Refusal::TooMany(_)),
        };
        let mut page = pages.failure(&self.visit(None, down), &failure);
        // Also if its template could not be filled in.
        *page.status_mut() = parts.status;
        parts.headers.remove(header::CONTENT_TYPE);
        page.headers_mut().extend(parts.headers);
        Some(page)
    }
}

/// Whether a method is about tokens. LoopBack's own rules close these routes to everyone; the pages show users theirs, and
/// ask for the password before a new one, until a rule of the site closes them.
fn is_of_tokens(method: AccountMethod) -> bool {
    matches!(method, AccountMethod::ListTokens | AccountMethod::CreateTokens | AccountMethod::DeleteToken)
}
