//! Processes a request in steps: context, limits, credential, session, policy, then the User API or the app;
//! and one record.

mod acme;
mod answer;
mod apps;
mod assertion;
mod body;
mod chain;
mod challenge;
mod client;
mod context;
mod cors;
mod decision;
mod failed;
mod field_names;
mod forward_auth;
mod http_head;
mod implied;
mod last_caller;
mod limits;
mod link;
mod onward;
mod origins;
mod owner;
mod pages;
mod record;
mod request;
mod reserved;
mod router;
mod rules;
mod same_site;
mod secure;
mod session;
mod state;

use std::cell::OnceCell;

use crate::{
    api::{self, Problem},
    connection::Downstream,
    policy::Served,
    refusal::{Form, Refusal},
    wire::{Reject, RequestHead},
};
use body::ReadBody;
use context::Context;
use record::Record;
use request::{JudgedRequest, Request};
use state::Stop;

pub use apps::{App, AppSettings, Apps};
pub use client::{Client, Role};
pub use context::RequestIds;
pub use implied::MethodOverride;
pub use origins::{Cors, Origins};
pub use owner::look_up;
pub use reserved::{OPENAPI, is_reserved};
pub use router::{Location, Misrouted, Router};
pub use rules::{CoreRuleset, Rules, RulesView, Ruleset};
pub use state::{Core, Failures, ForwardAuth, Gate, Redirect, Settings};

impl Gate {
    /// Serves one request. Returns whether the connection can be reused.
    pub async fn handle(
        &self,
        core: &Core,
        head: &RequestHead,
        down: &mut Downstream,
        client: &Client,
    ) -> bool {
        if client.role == Role::Proxy {
            return Box::pin(self.judge(core, head, down, client)).await;
        }
        let context = Context::new(head, &client.remote, &self.settings.trusted_proxies, &core.ids);
        let found = core.apps.of(head, context.origin.host);
        let (app, misrouted) = found.map_or_else(|why| (core.apps.any(), Some(why)), |app| (app, None));
        let rules = app.rules.current();
        let rewritten = OnceCell::new();
        let mut request = Request {
            gate: self,
            core,
            client,
            app,
            misrouted,
            rules: &rules,
            head,
            rewritten: &rewritten,
            http_head: OnceCell::new(),
            context,
            record: Record::new(),
        };
        let keep_alive = match request.walk(down).await {
            Ok(keep_alive) => keep_alive,
            // Boxed, as other rare steps below: otherwise the future of every request would have room for their
            // state.
            Err(stop) => Box::pin(request.refuse(stop, down)).await,
        };
        request.write_record(down);
        if let Some(Some(known)) = request.record.session.take() {
            client.last.give_back(known);
        }
        keep_alive
    }

    /// Answers a head that is malformed, records it, and closes the connection.
    pub async fn reject(&self, core: &Core, down: &mut Downstream, reject: &Reject) {
        let refusal = Refusal::from(reject);
        // A peer of another protocol does not parse JSON. A person may read its bytes.
        let is_foreign = matches!(reject, Reject::TlsHandshake | Reject::Http2Preface | Reject::ProxyHeader);
        let form = if is_foreign { Form::Text } else { Form::Json };
        self.turn_away(core, down, refusal, form, Some(reject.check())).await;
    }

    /// Plain HTTP where TLS is spoken. What speaks it there may be a person's first try.
    pub async fn reject_plain(&self, core: &Core, down: &mut Downstream) {
        self.turn_away(core, down, Refusal::PlainHttp, Form::Text, Some("plain-http")).await;
    }

    /// Answers a head for which there is no memory.
    pub async fn reject_overload(&self, core: &Core, down: &mut Downstream) {
        self.turn_away(core, down, Refusal::Overloaded, Form::Json, None).await;
    }

    /// Answers a head that did not arrive in time.
    pub async fn reject_slow(&self, core: &Core, down: &mut Downstream) {
        self.turn_away(core, down, Refusal::HeadTooSlow, Form::Json, None).await;
    }
}

impl<'r> Request<'r> {
    /// The steps of a request. Each returns the input of the next one, or refuses.
    async fn walk(&self, down: &mut Downstream) -> Result<bool, Stop> {
        let Self { gate, rules, record, .. } = self;
        if let Some(response) = self.acme() {
            return Ok(Box::pin(self.answer(self.head, response, down)).await);
        }
        self.check_server_name(down)?;
        if let Some(response) = self.redirect()? {
            return Ok(Box::pin(self.answer(self.head, response, down)).await);
        }
        self.check_loop()?;
        self.misrouted.map_or(Ok(()), |why| Err(Refusal::from(why)))?;
        let spelling = self.check_names()?;
        self.check_client_rate()?;
        if is_reserved(self.head.path()) {
            return Box::pin(self.reserved(down)).await;
        }
        if let Some(response) = self.preflight()? {
            return Ok(Box::pin(self.answer(self.head, response, down)).await);
        }
        let (session, stale) = self.session(down).await?;
        let session = record.session.get_or_init(|| session).as_ref();
        self.check_token_rate(session)?;
        let head = self.judged_head(session)?;
        let action = rules.set.action(head.method(), head.path(), head.query());
        record.route.set((action.route, action.route_index));
        // Only the route knows whether `%2f` is allowed.
        decision::check_slashes(head, &action)?;
        // Only the action shows whether a GET changes state.
        let session = self.check_change(&action, session, head)?;
        self.check_route_rate(&action, session)?;
        let (action, body) = if body::is_read_first(head, &action) {
            Box::pin(self.read_body(head, action, down)).await?
        } else {
            api::check_takes(&action, head, None)?;
            (action, ReadBody::default())
        };
        // In the record, because the access log needs it after the request.
        let action = record.action.get_or_init(|| action);
        let reading = JudgedRequest { head, action, session };
        let permit = self.decide(&reading, &record.owner).await;
        let permit = link::without_stale(permit, stale, action)?;
        match action.served {
            Served::App => {
                let body = if implied::is_plain(head) {
                    body
                } else {
                    Box::pin(self.judge_implied(&reading, body, down)).await?
                };
                self.forward(permit, head, spelling, body, down).await
            }
            Served::Account(method) => {
                let call = self.call(method, &reading, body);
                Box::pin(self.serve(permit, call, head, down)).await
            }
            Served::NotImplemented(name) => Err(Stop::Problem(Problem::not_implemented(name))),
            Served::NoSuchMethod => {
                Err(Stop::Problem(answer::no_such_method(head, &gate.settings.api_root, &rules.set)))
            }
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
