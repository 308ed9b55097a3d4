//! Answers of the gate itself: those of the User API, refusals, and answers to a connection without a request.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    api::{Body, Call, Problem, Reply},
    connection::{Downstream, Stage},
    policy::{self, AccountMethod, Permit, PolicySet},
    refusal::{self, Form, Refusal},
    wire::RequestHead,
};

use super::{
    Core, Gate, Stop,
    body::ReadBody,
    challenge,
    record::{self, TurnedAway},
    request::{JudgedRequest, Request},
    session::Known,
};

/// LoopBack's 404 for a path of the account model that none of its routes matches.
pub(super) fn no_such_method(head: &RequestHead, api_root: &str, set: &PolicySet) -> Problem {
    let (name, plural) = set.account().map_or(("", ""), |account| (&*account.name, &*account.plural));
    // The path matched the account model, so it begins with its prefix, in any letter case.
    let relative = head.target().get(api_root.len() + 1 + plural.len()..).unwrap_or_default();
    let relative = if relative.starts_with('/') { relative.to_owned() } else { format!("/{relative}") };
    Problem::no_such_method(name, head.method(), &relative)
}

impl Request<'_> {
    /// The input of the User API.
    pub(super) fn call<'a>(
        &'a self,
        method: AccountMethod,
        reading: &JudgedRequest<'a, '_>,
        body: ReadBody,
    ) -> Call<'a> {
        Call {
            method,
            head: self.http_head(),
            body: body.parsed.unwrap_or_else(Body::empty),
            id: reading.action.model_id.as_deref(),
            session: reading.session.map(|known| Arc::clone(&known.session)),
            client: self.context.client,
            request_id: self.context.request_id.as_str(),
            reach: policy::Reach::default(),
            by_cookie: reading.session.is_some_and(Known::is_browsers),
        }
    }

    /// Serves the User API.
    pub(super) async fn serve(
        &self,
        permit: Permit<'_>,
        call: Call<'_>,
        head: &RequestHead,
        down: &mut Downstream,
    ) -> Result<bool, Stop> {
        let Reply { response, login } = self.rules.api.serve(permit, call).await;
        if let Some(result) = login {
            self.gate.metrics.login(result);
        }
        Ok(self.answer(head, response, down).await)
    }

    /// Sends a refusal. Returns whether the connection can be reused.
    pub(super) async fn refuse(&self, stop: Stop, down: &mut Downstream) -> bool {
        let head = self.head;
        let is_refused = matches!(stop, Stop::Refused(_));
        let navigates = is_refused && refusal::navigates(head.field("accept"), head.field("sec-fetch-mode"));
        let page = match &stop {
            Stop::Refused(refusal) => self
                .refused_page(refusal, navigates, down)
                .or_else(|| self.failure_page(refusal, navigates, down)),
            Stop::Problem(_) | Stop::Gone => None,
        };
        if let Some(response) = page {
            return self.answer(head, response, down).await;
        }
        if matches!(stop, Stop::Gone) {
            return false;
        }
        let response = self.told(stop, navigates);
        self.answer(head, response, down).await
    }

    /// The answer to a refused request that gets no page of its own.
    pub(super) fn told(&self, stop: Stop, navigates: bool) -> http::Response<Bytes> {
        let head = self.head;
        let refusal = match stop {
            Stop::Problem(problem) => return problem.into_response(self.http_head()),
            Stop::Refused(refusal) => refusal,
            // Nothing is sent any more.
            Stop::Gone => Refusal::Internal,
        };
        if self.tells_in_xml() {
            let (status, name, code, message) = refusal.error_parts();
            let mut problem = Problem::named(status, name, message);
            if let Refusal::TooMany(exceeded) = refusal {
                problem = problem.limited(exceeded);
            }
            return code.into_iter().fold(problem, Problem::code).into_response(self.http_head());
        }
        let form = Form::of(head.method(), navigates);
        refusal.into_response(form, !self.gate.settings.loopback, self.context.request_id.as_str())
    }

    /// Whether LoopBack's error handler would answer this client in XML. The quick check comes first, because
    /// few do.
    fn tells_in_xml(&self) -> bool {
        let head = self.head;
        let holds = |text: Option<&[u8]>, word: &[u8]| {
            text.is_some_and(|text| text.windows(word.len()).any(|part| part == word))
        };
        let mentioned =
            holds(head.field("accept"), b"xml") || holds(head.query().map(str::as_bytes), b"_format");
        self.gate.settings.loopback && mentioned && Problem::is_answered_in_xml(self.http_head())
    }

    pub(super) async fn answer(
        &self,
        head: &RequestHead,
        mut response: http::Response<Bytes>,
        down: &mut Downstream,
    ) -> bool {
        let settings = &self.gate.settings;
        challenge::complete(
            &mut response,
            head,
            &self.rules.set,
            settings.credentials.schemes,
            settings.loopback,
        );
        self.add_cors(&mut response);
        self.record.status.set(response.status().as_u16());
        // The body was not read. A small rest is discarded; a large or late one ends the connection.
        // A body that was too slow once would be too slow to discard.
        let in_time = response.status() != http::StatusCode::REQUEST_TIMEOUT;
        let stays = head.keep_alive() && down.deadline.stage() == Stage::Serving;
        let reusable = stays && (down.is_done() || (in_time && down.is_small()));
        down.respond(head, &response, reusable).await.is_ok() && reusable && down.drain().await
    }
}

impl Gate {
    /// Answers a connection whose head never became a request. `check`: the failed check of `wire`.
    pub(super) async fn turn_away(
        &self,
        core: &Core,
        down: &mut Downstream,
        refusal: Refusal,
        form: Form,
        check: Option<&str>,
    ) {
        let request_id = core.ids.take();
        let status = refusal.status();
        let response = refusal.into_response(form, !self.settings.loopback, request_id.as_str());
        // A failure means that the client has gone.
        let _ = down.respond_and_close(&response).await;
        let turned = TurnedAway { request_id, status, check };
        record::turned_away(self, core, down, &turned);
    }
}
