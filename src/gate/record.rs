//! The record of a request in the metrics and, if it is on, in the access log.
//!
//! The steps of a request fill it by reference. It is written once at the end.

mod fields;

use std::{
    cell::{Cell, OnceCell},
    time::Instant,
};

use crate::{
    connection::{Downstream, Peer},
    observe::{
        Client,
        access::{Facts, Record as Line},
        metrics::Decision,
    },
    policy::{Action, OwnerVerdict},
};

use super::{
    Core, Gate, Role, Ruleset,
    context::{Context, RequestId},
    request::Request,
    session::Known,
};

pub(super) use fields::Record;

/// nginx's status for a client that left. It is only logged.
const CLIENT_GONE: u16 = 499;

impl<'r> Record<'r> {
    /// An empty record.
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            session: OnceCell::new(),
            as_anonymous: Cell::new(false),
            action: OnceCell::new(),
            route: Cell::new(("unmatched", 0)),
            decision: Cell::new(None),
            owner: Cell::new(None),
            limited: Cell::new((0, 0)),
            exchanged: OnceCell::new(),
            failed_server: Cell::new(None),
            // Stays if the client leaves before it has an answer.
            status: Cell::new(CLIENT_GONE),
        }
    }

    /// The caller, if the token counts for this request.
    pub(super) fn known(&self) -> Option<&Known> {
        self.session.get().and_then(Option::as_ref).filter(|_| !self.as_anonymous.get())
    }

    fn facts<'a>(
        &'a self,
        rules: &'a Ruleset,
        action: &'a Action<'r, 'r>,
        certificate: Option<&'a str>,
    ) -> Facts<'a> {
        let known = self.known();
        Facts {
            policy: &rules.set.digest,
            model: action.model,
            property: action.property,
            access_type: action.access_type,
            model_id: action.model_id.as_deref(),
            roles: known.map_or(&[], |known| &known.subject.roles),
            certificate,
            scopes: known.map_or(&[], |known| &known.session.scopes),
            owner: self.owner.get().map(|owner| owner == OwnerVerdict::Owner),
        }
    }
}

impl Request<'_> {
    /// Counts the request and writes its line.
    pub(super) fn write_record(&self, down: &Downstream) {
        let Self { gate, core, rules, context, record, .. } = self;
        let elapsed = record.started.elapsed();
        let action = record.action.get();
        let (route, index) = record.route.get();
        // Label 0 counts all routes without their own, and what no app takes.
        let label =
            rules.labels.get(index as usize).copied().filter(|_| self.misrouted.is_none()).unwrap_or(0);
        core.metrics.request(label, record.status.get(), elapsed);
        let (decision, rule) = match record.decision.get() {
            Some((decision, rule)) => {
                core.metrics.decision(decision);
                (word(decision), rule)
            }
            None => ("none", None),
        };
        let mut log = core.access.borrow_mut();
        if !log.is_on() {
            return;
        }
        let head = self.rewritten.get().map_or(self.head, Box::as_ref);
        let exchanged = record.exchanged.get();
        log.record(&Line {
            ts: gate.clock.now(),
            request_id: context.request_id.as_str(),
            client: client(down.peer, context),
            method: head.method(),
            path: head.path().as_bytes(),
            app: self.app.settings.name.as_deref().filter(|_| self.misrouted.is_none()),
            route,
            status: record.status.get(),
            bytes_in: down.bytes_in,
            bytes_out: down.bytes_out,
            elapsed,
            user: record.known().map(|known| &*known.subject.id_text),
            decision,
            rule,
            upstream: exchanged.map(|exchanged| exchanged.server).or(record.failed_server.get()),
            upstream_elapsed: exchanged.map(|exchanged| exchanged.elapsed),
            tls: down.socket.tls_version(),
            tls_client: down.socket.client(),
            listener: (self.client.role == Role::Proxy).then_some("forward-auth"),
            facts: action.map(|action| record.facts(rules, action, self.client.certificate.as_deref())),
        });
    }
}

/// A head that was not accepted as a request.
pub(super) struct TurnedAway<'a> {
    pub(super) request_id: RequestId,
    pub(super) status: u16,
    /// The failed check of `wire`, if that was the reason.
    pub(super) check: Option<&'a str>,
}

/// Counts and logs a connection whose head was not accepted.
pub(super) fn turned_away(gate: &Gate, core: &Core, down: &Downstream, turned: &TurnedAway<'_>) {
    let TurnedAway { request_id, status, check } = *turned;
    core.metrics.request(0, status, std::time::Duration::ZERO);
    let mut log = core.access.borrow_mut();
    log.record(&Line {
        ts: gate.clock.now(),
        request_id: request_id.as_str(),
        client: match down.peer {
            Peer::Ip(ip) | Peer::Unnamed(ip) => Client::Ip(ip),
            Peer::Local => Client::Unix,
        },
        method: "-",
        path: b"-",
        app: None,
        route: "unmatched",
        status,
        bytes_in: 0,
        bytes_out: down.bytes_out,
        elapsed: std::time::Duration::ZERO,
        user: None,
        decision: "none",
        rule: check,
        upstream: None,
        upstream_elapsed: None,
        tls: down.socket.tls_version(),
        tls_client: down.socket.client(),
        listener: None,
        facts: None,
    });
}

fn client(peer: Peer, context: &Context<'_>) -> Client {
    match peer {
        // Any other address behind a Unix socket is from a trusted proxy's field.
        Peer::Local if context.client.is_loopback() => Client::Unix,
        _ => Client::Ip(context.client),
    }
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
        Decision::Error => "error",
    }
}
