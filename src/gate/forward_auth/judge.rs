//! Decides about a head without its body.

use std::{cell::OnceCell, sync::Arc};

use crate::{
    api::{self, Problem},
    connection::Downstream,
    credential::Place,
    gate::{
        Client, Core, Gate, Stop,
        answer::no_such_method,
        body::ReadBody,
        context::Context,
        decision::check_slashes,
        implied, link,
        record::Record,
        request::{JudgedRequest, Request},
        reserved::is_reserved,
        session::Known,
    },
    policy::Served,
    refusal::Refusal,
    store::Session,
    wire::RequestHead,
};

/// What a judgement needs besides the request.
pub(super) struct Judge<'j> {
    pub(super) gate: &'j Gate,
    pub(super) core: &'j Core,
    pub(super) client: &'j Client,
}

/// Who a request is judged for.
pub(super) enum JudgedFor {
    /// The user of its credentials.
    Credentials,
    /// A caller without any.
    Anonymous,
    /// The user of this token.
    Token(String),
    /// A user, with all that they may do.
    User(Arc<Session>),
}

impl Judge<'_> {
    /// Judges a head, has the result told, and records both.
    pub(super) async fn judge<T>(
        &self,
        head: &RequestHead,
        judged_for: JudgedFor,
        down: &mut Downstream,
        told: impl AsyncFnOnce(&Request<'_>, Result<(), Stop>, &mut Downstream) -> T,
    ) -> T {
        let Self { gate, core, client } = *self;
        let context = Context::new(head, &client.remote, &gate.settings.forward_auth.believed, &core.ids);
        let found = core.apps.of(head, context.origin.host);
        let (app, misrouted) = found.map_or_else(|why| (core.apps.any(), Some(why)), |app| (app, None));
        let rules = app.rules.current();
        let rewritten = OnceCell::new();
        let mut request = Request {
            gate,
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
        let result = request.judge(judged_for, down).await;
        let told = told(&request, result, down).await;
        request.write_record(down);
        if let Some(Some(known)) = request.record.session.take() {
            client.last.give_back(known);
        }
        told
    }
}

impl Request<'_> {
    /// The steps of [`Request::walk`] that decide, for a request whose body is elsewhere.
    async fn judge(&self, judged_for: JudgedFor, down: &mut Downstream) -> Result<(), Stop> {
        let Self { gate, rules, record, head, .. } = self;
        self.check_loop()?;
        self.misrouted.map_or(Ok(()), |why| Err(Refusal::from(why)))?;
        self.check_names()?;
        // An app that asks for its users is no client.
        let is_counted = matches!(judged_for, JudgedFor::Credentials);
        if is_counted {
            self.check_client_rate()?;
        }
        // No rule can give them to the app.
        if is_reserved(head.path()) {
            return Err(Refusal::NothingHere.into());
        }
        let (session, stale) = match judged_for {
            JudgedFor::Credentials => self.session(down).await?,
            JudgedFor::Anonymous => (None, None),
            JudgedFor::Token(token) => (self.of_token(&token, down).await?, None),
            JudgedFor::User(session) => (Some(Known::of(session, Place::Header)), None),
        };
        let session = record.session.get_or_init(|| session).as_ref();
        if is_counted {
            self.check_token_rate(session)?;
        }
        // As it was sent, because the answer cannot replace the current-user literal.
        let action = rules.set.action(head.method(), head.path(), head.query());
        record.route.set((action.route, action.route_index));
        check_slashes(head, &action)?;
        let session = self.check_change(&action, session, head)?;
        if is_counted {
            self.check_route_rate(&action, session)?;
        }
        if matches!(action.served, Served::App | Served::NoSuchMethod) {
            api::check_takes(&action, head, None)?;
        }
        let action = record.action.get_or_init(|| action);
        let reading = JudgedRequest { head, action, session };
        let permit = self.decide(&reading, &record.owner).await;
        link::without_stale(permit, stale, action)?;
        match action.served {
            Served::App if !implied::is_plain(head) => {
                self.judge_implied(&reading, ReadBody::default(), down).await?;
            }
            // The proxy has to send it to the gate's other listener.
            Served::App | Served::Account(_) => {}
            Served::NotImplemented(name) => return Err(Stop::Problem(Problem::not_implemented(name))),
            Served::NoSuchMethod => {
                return Err(Stop::Problem(no_such_method(head, &gate.settings.api_root, &rules.set)));
            }
        }
        Ok(())
    }
}
