//! The steps of the walk that are more than one call.

use std::{borrow::Cow, cell::Cell, sync::Arc};

use bytes::Bytes;

use crate::{
    api::{self, Body, Call, Problem, Reply},
    connection::{BodyError, Downstream, Stage},
    credential,
    forward::{self, Lease, Outgoing, Spelling, Who},
    identity::claims_no_other_address,
    observe::metrics::Decision as Counted,
    policy::{
        self, AccountMethod, Action, Caller, Decision, OwnerVerdict, Permit, CurrentUser, PolicySet, Served,
    },
    refusal::{Form, Refusal},
    store::Subject,
    wire::{Framing, RequestHead},
};

use super::{
    Core, Gate, Stop, challenge, link,
    record::{self, TurnedAway},
    request::{Reading, Request},
    session::Known,
};

/// A body that was read before the decision: its bytes, and what they say.
#[derive(Debug, Default)]
pub(super) struct ReadBody {
    /// `None` = it was left to stream.
    pub(super) bytes: Option<Vec<u8>>,
    parsed: Option<Body>,
}

/// `%2f` is let through only where the route says so.
pub(super) fn check_slashes(head: &RequestHead, action: &Action<'_, '_>) -> Result<(), Refusal> {
    if !head.encoded_slash() || action.encoded_slash {
        return Ok(());
    }
    let message = if action.is_ambiguous() {
        "the path holds an encoded slash, and is another route where it counts as a slash (encoded-slash)"
    } else {
        "the path holds an encoded slash; send `/`, or allow it in the route with `encodedSlash` (encoded-slash)"
    };
    Err(Refusal::Wire { status: 400, message: message.to_owned() })
}

/// LoopBack's 404 for a path of the account model that is none of its routes.
pub(super) fn no_such_method(head: &RequestHead, api_root: &str, set: &PolicySet) -> Problem {
    let (name, plural) = set.account().map_or(("", ""), |account| (&*account.name, &*account.plural));
    // The path matched the account model, so it begins with its prefix, in whatever letter case.
    let relative = head.target().get(api_root.len() + 1 + plural.len()..).unwrap_or_default();
    let relative = if relative.starts_with('/') { relative.to_owned() } else { format!("/{relative}") };
    Problem::no_such_method(name, head.method(), &relative)
}

/// Whether the body is judged, or served, by the gate, and so is read before the decision; every other body streams.
pub(super) fn is_read_first(head: &RequestHead, action: &Action<'_, '_>) -> bool {
    let is_judged = || {
        action.takes.is_some()
            && head.framing() != Framing::Empty
            && is_parsed_type(head.field("content-type"))
    };
    matches!(action.served, Served::Account(_) | Served::Unbuilt(_)) || is_judged()
}

impl<'r> Request<'r> {
    /// The request that is judged: with the caller's id where it speaks of the caller.
    pub(super) fn judged_head(&self, session: Option<&Known>) -> Result<&'r RequestHead, Refusal> {
        let caller = session.map(|known| &*known.subject.id_text);
        match self.rules.set.current_user(self.head.target(), caller) {
            CurrentUser::AsSent => Ok(self.head),
            CurrentUser::Nobody => Err(Refusal::Denied { status: 401, model: String::new(), model_id: None }),
            CurrentUser::Replaced(target) => {
                let judged = self.head.with_target(&target).map_err(|reject| Refusal::from(&reject))?;
                Ok(self.rewritten.get_or_init(|| Box::new(judged)))
            }
        }
    }

    /// Reads the body of a request of which [`is_read_first`] holds.
    pub(super) async fn read_body(
        &self,
        head: &RequestHead,
        action: Action<'r, 'r>,
        down: &mut Downstream,
    ) -> Result<(Action<'r, 'r>, ReadBody), Stop> {
        let api = &self.rules.api;
        let bytes = down.collect(self.gate.settings.body_limit).await.map_err(stop_body)?;
        let http_head = self.http_head();
        let body = Body::read(&http_head.headers, &Bytes::copy_from_slice(&bytes), api.reading())?;
        match action.served {
            Served::Account(method) => api.check_arguments(method, &body, http_head)?,
            Served::Unbuilt(_) => {}
            Served::App | Served::NoSuchMethod => api::check_takes(&action, head, Some(&body))?,
        }
        let action = if action.wants_body { action.with_body_id(policy::body_id(&body.0)) } else { action };
        Ok((action, ReadBody { bytes: Some(bytes), parsed: Some(body) }))
    }

    /// Decides, asking the app for the owner when the rules need it.
    pub(super) async fn decide(
        &self,
        reading: &Reading<'_, 'r>,
        known_owner: &Cell<Option<OwnerVerdict>>,
    ) -> Result<Permit<'r>, Refusal> {
        let Reading { action, session, .. } = *reading;
        let Self { rules, record, .. } = self;
        let caller = caller(session);
        loop {
            match rules.set.decide(action, caller, known_owner.get()) {
                Decision::Permit(permit) => {
                    record.decision.set(Some((Counted::Allow, Some(permit.rule))));
                    return Ok(permit);
                }
                Decision::Denial(denial) => {
                    if denial.lacks_scope()
                        && let Some(permit) = link::open_page(&rules.set, action, session)
                    {
                        record.as_anonymous.set(true);
                        record.decision.set(Some((Counted::Allow, Some(permit.rule))));
                        return Ok(permit);
                    }
                    record.decision.set(Some((Counted::Deny, Some(denial.rule))));
                    let model_id = action.model_id.as_deref().map(Into::into);
                    return Err(Refusal::Denied {
                        status: denial.status,
                        model: denial.model.to_owned(),
                        model_id,
                    });
                }
                Decision::Ask(question) => {
                    record.decision.set(Some((Counted::Error, None)));
                    if known_owner.get().is_some() {
                        return Err(Refusal::OwnerUnknown);
                    }
                    let exists = session.is_some_and(|known| {
                        known.subject.email.is_some() || known.subject.username.is_some()
                    });
                    let answer = Box::pin(self.ask_app(&question)).await?;
                    known_owner.set(Some(question.verdict(&answer, caller, exists)));
                }
            }
        }
    }

    /// Forwards what was permitted.
    pub(super) async fn forward(
        &self,
        permit: Permit<'_>,
        head: &RequestHead,
        spelling: Spelling,
        body: ReadBody,
        down: &mut Downstream,
    ) -> Result<bool, Stop> {
        let Self { gate: Gate { settings, .. }, core, rules, context, record, .. } = self;
        let trusts_email = rules.api.accounts().settings().trusts_email();
        let kept = settings.forward_credentials;
        let strip = |query| credential::strip_query(&settings.credentials, query);
        let query = head.query().map(|query| if kept { Cow::Borrowed(query) } else { strip(query) });
        let good = || self.is_still_good();
        let outgoing = Outgoing {
            credentials: &settings.credentials,
            names: &settings.names,
            spelling,
            forward_credentials: kept,
            query: query.as_deref().filter(|query| !query.is_empty() || head.query() == Some("")),
            identity: record.known().map_or(&[], |known| self.identity(&known.subject, trusts_email)),
            client: context.client,
            origin: &context.origin,
            request_id: context.request_id.as_str(),
            body: body.bytes.as_deref(),
            via: Some(core.forwarder.instance()),
            lease: record.known().map(|_| Lease::new(&good)),
        };
        match core.forwarder.forward(permit, head, down, &outgoing).await {
            Ok(exchanged) => {
                record.status.set(exchanged.status);
                let keep_alive = exchanged.keep_alive;
                // It is set once: a request is forwarded once.
                let _ = record.exchanged.set(exchanged);
                Ok(keep_alive && down.drain().await)
            }
            Err(error) => {
                if down.answered {
                    record.status.set(down.scratch.response.status());
                }
                Err(self.not_forwarded(error, down))
            }
        }
    }

    /// The identity headers of a user, rendered at their first request.
    fn identity<'s>(&self, subject: &'s Subject, trusts_email: bool) -> &'s [u8] {
        subject.headers(trusts_email).get_or_init(|| {
            let email = subject.email.as_deref().filter(|_| subject.email_verified || trusts_email);
            let told = |name: &&str| trusts_email || claims_no_other_address(name, email);
            let username = subject.username.as_deref().filter(told);
            let who = Who { id: &subject.id_text, username, email, roles: &subject.roles };
            forward::render(&self.gate.settings.presets, &who)
        })
    }

    /// What the User API gets.
    pub(super) fn call<'a>(
        &'a self,
        method: AccountMethod,
        reading: &Reading<'a, '_>,
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

    /// Tells the client why not; whether the connection can take another request.
    pub(super) async fn refuse(&self, stop: Stop, down: &mut Downstream) -> bool {
        let head = self.head;
        let response = match stop {
            Stop::Gone => return false,
            Stop::Problem(problem) => problem.into_response(self.http_head()),
            Stop::Refused(refusal) if self.tells_in_xml() => {
                let (status, name, code, message) = refusal.words();
                let problem = Problem::named(status, name, message);
                code.into_iter().fold(problem, Problem::code).into_response(self.http_head())
            }
            Stop::Refused(refusal) => {
                let form = Form::of(head.method(), head.field("accept"), head.field("sec-fetch-mode"));
                refusal.into_response(form, !self.gate.settings.loopback, self.context.request_id.as_str())
            }
        };
        self.answer(head, response, down).await
    }

    /// Whether LoopBack's error handler would tell this client in XML. Few ask for it: the others pass at once.
    fn tells_in_xml(&self) -> bool {
        let head = self.head;
        let holds = |text: Option<&[u8]>, word: &[u8]| {
            text.is_some_and(|text| text.windows(word.len()).any(|part| part == word))
        };
        let mentioned =
            holds(head.field("accept"), b"xml") || holds(head.query().map(str::as_bytes), b"_format");
        self.gate.settings.loopback && mentioned && Problem::is_told_in_xml(self.http_head())
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
        self.record.status.set(response.status().as_u16());
        // A body that was not read: a small rest is read away, a large or late one ends the connection.
        let in_time = response.status() != http::StatusCode::REQUEST_TIMEOUT;
        let stays = head.keep_alive() && down.deadline.stage() == Stage::Serving;
        let reusable = stays && (down.is_done() || (in_time && down.is_small()));
        down.respond(head, &response, reusable).await.is_ok() && reusable && down.drain().await
    }
}

impl Gate {
    /// Answers a connection whose head never became a request. `check`: which of the wire's it did not pass.
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
        // The client may be gone; there is no other to tell.
        let _ = down.respond_and_close(&response).await;
        let turned = TurnedAway { request_id, status, check };
        record::turned_away(self, core, down, &turned);
    }
}

pub(super) const ANONYMOUS: Caller<'static> = Caller { user: None, roles: &[], scopes: &[] };

fn caller(session: Option<&Known>) -> Caller<'_> {
    match session {
        None => ANONYMOUS,
        Some(known) => Caller {
            user: Some(&known.subject.id_text),
            roles: &known.subject.roles,
            scopes: &known.session.scopes,
        },
    }
}

pub(super) fn stop_body(error: BodyError) -> Stop {
    match error {
        BodyError::TooLarge => Stop::Refused(Refusal::BodyTooLarge),
        BodyError::TooSlow => Stop::Refused(Refusal::BodyTooSlow),
        BodyError::Broken(reject) => Stop::Refused(Refusal::from(&reject)),
        BodyError::MethodOverride => Stop::Refused(Refusal::method_override()),
        BodyError::Gone => Stop::Gone,
    }
}

/// JSON and forms are what LoopBack parses.
fn is_parsed_type(content_type: Option<&[u8]>) -> bool {
    content_type.is_some_and(|value| {
        let essence = value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        essence.eq_ignore_ascii_case(b"application/json")
            || essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    })
}
