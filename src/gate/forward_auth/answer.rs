//! What a proxy gets for a described request.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{LOCATION, WWW_AUTHENTICATE},
};

use super::described::{DescribeError, Style};
use crate::{
    assertion,
    connection::{Downstream, Stage},
    forward,
    gate::{
        Core, Gate, Stop, challenge,
        record::{self, TurnedAway},
        request::Request,
        session::Known,
    },
    refusal::{self, Form, Refusal},
    wire::RequestHead,
};

/// The code of a refusal. Proxies drop the body of an answer more often than its fields.
const ERROR: &str = "x-portcullis-error";

/// The status of a refusal, where the answer has another one.
const STATUS: &str = "x-portcullis-status";

/// The challenge of a gate that reads neither `Bearer` nor `Basic`: RFC 9110 section 15.5.2 wants one.
const OWN_CHALLENGE: &str = "Portcullis";

/// Sends an answer. The connection ends if the request announces a body that was not read: it may be that of the described
/// request, which never comes.
pub(super) async fn send(asked: &RequestHead, response: &Response<Bytes>, down: &mut Downstream) -> bool {
    let stays = down.is_done() && asked.keep_alive() && down.deadline.stage() == Stage::Serving;
    down.respond(asked, response, stays).await.is_ok() && stays
}

impl Gate {
    /// Answers a proxy that describes no request. A description that is none is a 400 whatever the proxy makes of it, because
    /// its settings are wrong.
    pub(super) async fn not_described(
        &self,
        core: &Core,
        asked: &RequestHead,
        error: &DescribeError,
        down: &mut Downstream,
    ) -> bool {
        let request_id = core.ids.take();
        let (style, check) = match error {
            DescribeError::Description(reason) => {
                if let Some(more) = self.failures.undescribed.say(self.clock.now()) {
                    tracing::warn!(
                        request_id = request_id.as_str(),
                        reason,
                        more,
                        "a proxy described no request"
                    );
                }
                (Style::Forwarded, "forward-auth")
            }
            DescribeError::Request(reject) => (Style::of(asked), reject.check()),
        };
        let refusal = Refusal::from(error);
        let code = code(&Stop::Refused(refusal.clone()));
        let mut response = refusal.into_response(Form::Json, !self.settings.loopback, request_id.as_str());
        style.complete(&mut response, &code);
        let stays = send(asked, &response, down).await;
        let status = response.status().as_u16();
        record::turned_away(self, core, down, &TurnedAway { request_id, status, check: Some(check) });
        stays
    }
}

impl Request<'_> {
    /// The answer to a permitted request: every identity field, an empty one too, so that the proxy replaces what the client
    /// has sent.
    pub(super) fn permission(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        let presets = &self.gate.settings.presets;
        let who = self.record.known().map(|known| self.who(&known.subject, self.trusts_email()));
        for (name, value) in forward::identity(presets, who.as_ref()) {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        if self.gate.settings.assertion.is_some() {
            // The proxy forwards the query as it was sent.
            let sign = |known: &Known| self.assertion(&known.subject, self.head, self.head.query());
            let assertion = self.record.known().and_then(sign);
            set(headers, assertion::HEADER, assertion.as_deref().unwrap_or_default());
        }
        set(headers, "x-request-id", self.context.request_id.as_str());
        response
    }

    /// The answer to a refused request.
    pub(super) fn refusal(&self, stop: Stop, style: Style, down: &Downstream) -> Response<Bytes> {
        let code = code(&stop);
        let head = self.head;
        let navigates = refusal::navigates(head.field("accept"), head.field("sec-fetch-mode"));
        let page = match &stop {
            Stop::Refused(refusal) => self.refused_page(refusal, navigates, down),
            Stop::Problem(_) | Stop::Gone => None,
        };
        let login =
            page.as_ref().and_then(|page| page.headers().get(LOCATION)).map(|to| self.login(to, style));
        let mut response = match (page, style) {
            // nginx takes no other status to the browser, and `Location` is at hand for its `error_page`.
            (Some(page), Style::Original) if page.status().is_redirection() => self.told(stop, navigates),
            (Some(page), _) => page,
            (None, _) => self.told(stop, navigates),
        };
        if let Some(login) = login {
            response.headers_mut().insert(LOCATION, login);
        }
        let (schemes, loopback) = (self.gate.settings.credentials.schemes, self.gate.settings.loopback);
        challenge::complete(&mut response, head, &self.rules.set, schemes, loopback);
        self.add_cors(&mut response);
        style.complete(&mut response, &code);
        response
    }

    /// The address of the login page. Traefik would complete a path by its own address for the gate.
    fn login(&self, path: &HeaderValue, style: Style) -> HeaderValue {
        let origin = &self.context.origin;
        let base = match self.app.settings.public_url.as_deref() {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if style == Style::Forwarded => format!("{}://{}", origin.scheme, origin.host),
            None => return path.clone(),
        };
        let whole = [base.as_bytes(), path.as_bytes()].concat();
        HeaderValue::from_bytes(&whole).unwrap_or_else(|_| path.clone())
    }
}

impl Style {
    /// Names the code, and makes the status one that the proxy knows.
    fn complete(self, response: &mut Response<Bytes>, code: &str) {
        set(response.headers_mut(), ERROR, code);
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED && !response.headers().contains_key(WWW_AUTHENTICATE) {
            set(response.headers_mut(), WWW_AUTHENTICATE.as_str(), OWN_CHALLENGE);
        }
        let is_known = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if self == Self::Original && !is_known {
            *response.status_mut() = StatusCode::FORBIDDEN;
            set(response.headers_mut(), STATUS, status.as_str());
        }
    }
}

/// The code of a refusal; the words of its status, where it has none.
fn code(stop: &Stop) -> String {
    let (status, code) = match stop {
        Stop::Refused(refusal) => {
            let (status, _, code, _) = refusal.error_parts();
            (StatusCode::from_u16(status).unwrap_or_default(), code)
        }
        Stop::Problem(problem) => (problem.status(), problem.error_code()),
        Stop::Gone => (StatusCode::INTERNAL_SERVER_ERROR, None),
    };
    let words =
        || status.canonical_reason().unwrap_or_default().replace([' ', '-'], "_").to_ascii_uppercase();
    code.map_or_else(words, str::to_owned)
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
