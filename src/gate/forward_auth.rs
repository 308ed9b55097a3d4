//! Judges requests that a trusted proxy describes, and forwards none (docs/forward-auth.md).

mod answer;
mod described;

use std::cell::OnceCell;

use super::{
    Client, Core, Gate, Stop, answer::no_such_method, body::ReadBody, chain::is_trusted, context::Context,
    decision::check_slashes, implied, link, record::Record, request::JudgedRequest, request::Request,
    reserved::is_reserved,
};
use crate::{
    api::{self, Problem},
    connection::Downstream,
    limit::LimitKind,
    policy::Served,
    refusal::{Form, Refusal},
    wire::RequestHead,
};
use described::{Style, described};

impl Gate {
    /// Whether a peer may describe requests.
    #[must_use]
    pub fn may_describe(&self, peer: std::net::IpAddr) -> bool {
        is_trusted(peer, &self.settings.forward_auth.trusted)
    }

    /// Judges the request that a proxy describes, and answers it. Returns whether the connection can be reused.
    pub(super) async fn judge(
        &self,
        core: &Core,
        asked: &RequestHead,
        down: &mut Downstream,
        client: &Client,
    ) -> bool {
        let peer = client.remote.peer.ip();
        if !self.may_describe(peer) {
            if let Some(more) = self.failures.untrusted_peer.say(self.clock.now()) {
                tracing::warn!(
                    proxy = %peer,
                    more,
                    "a request to the listener of `[forward_auth]` was refused: its sender is not in `forward_auth.trusted`"
                );
            }
            self.turn_away(core, down, Refusal::UntrustedPeer, Form::Text, Some("untrusted-peer")).await;
            return false;
        }
        let head = match described(asked) {
            Ok(head) => head,
            Err(error) => return self.not_described(core, asked, &error, down).await,
        };
        self.judge_described(core, asked, &head, down, client).await
    }

    async fn judge_described(
        &self,
        core: &Core,
        asked: &RequestHead,
        head: &RequestHead,
        down: &mut Downstream,
        client: &Client,
    ) -> bool {
        let context = Context::new(head, &client.remote, &self.settings.forward_auth.believed, &core.ids);
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
        let response = match request.judge(down).await {
            Ok(()) => request.permission(),
            Err(stop) => request.refusal(stop, Style::of(asked), down),
        };
        request.record.status.set(response.status().as_u16());
        let keep_alive = answer::send(asked, &response, down).await;
        request.write_record(down);
        if let Some(Some(known)) = request.record.session.take() {
            client.last.give_back(known);
        }
        keep_alive
    }
}

impl Request<'_> {
    /// The steps of [`Request::walk`] that decide, for a request whose body is elsewhere.
    async fn judge(&self, down: &mut Downstream) -> Result<(), Stop> {
        let Self { gate, rules, record, head, .. } = self;
        self.check_loop()?;
        self.misrouted.map_or(Ok(()), |why| Err(Refusal::from(why)))?;
        self.check_names()?;
        gate.limits
            .check(LimitKind::Request, self.context.client)
            .map_err(|wait| Refusal::TooMany(wait.0))?;
        // No rule can give them to the app.
        if is_reserved(head.path()) {
            return Err(Refusal::NothingHere.into());
        }
        let (session, stale) = self.session(down).await?;
        let session = record.session.get_or_init(|| session).as_ref();
        // As it was sent, because the answer cannot replace the current-user literal.
        let action = rules.set.action(head.method(), head.path(), head.query());
        record.route.set((action.route, action.route_index));
        check_slashes(head, &action)?;
        let session = self.check_change(&action, session, head)?;
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
