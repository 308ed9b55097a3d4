//! The one record that a request leaves behind: in the metrics, and in the access log if that is on.
//!
//! It is filled as the request walks on, by reference, and written once at the end.

use std::{
    cell::{Cell, OnceCell},
    time::Instant,
};

use crate::{
    forward::{Downstream, Exchanged, Peer},
    observe::{
        Client,
        access::{Facts, Record as Line},
        metrics::Decision,
    },
    policy::{Action, OwnerVerdict},
    wire::RequestHead,
};

use super::{
    Core, Gate, Ruleset,
    context::{Context, RequestId},
    session::Known,
};

/// What is known so far. `'r` is as long as the rules, the core and the head are held.
#[derive(Debug)]
pub(super) struct Record<'r> {
    started: Instant,
    /// The rules that it is judged by.
    pub(super) rules: &'r Ruleset,
    /// Whose request it is, once that is known.
    pub(super) session: OnceCell<Option<Known>>,
    /// Whether the token was put aside, because it opens less than none would.
    pub(super) as_anonymous: Cell<bool>,
    /// What it would do, once that is known.
    pub(super) action: OnceCell<Action<'r, 'r>>,
    /// The route that it matched: its name, and its index in the set. Known before its body is.
    pub(super) route: Cell<(&'r str, u32)>,
    /// What was decided, and by which rule.
    pub(super) decision: Cell<Option<(Decision, Option<&'r str>)>>,
    /// What the app said of the owner.
    pub(super) owner: Cell<Option<OwnerVerdict>>,
    /// How the app answered.
    pub(super) exchanged: OnceCell<Exchanged<'r>>,
    /// What the client got; 499 when it left before.
    pub(super) status: Cell<u16>,
}

/// nginx's number for a client that left: no client ever sees it.
const CLIENT_GONE: u16 = 499;

impl<'r> Record<'r> {
    /// Nothing is known yet.
    pub(super) fn new(rules: &'r Ruleset) -> Self {
        Self {
            started: Instant::now(),
            rules,
            session: OnceCell::new(),
            as_anonymous: Cell::new(false),
            action: OnceCell::new(),
            route: Cell::new(("unmatched", 0)),
            decision: Cell::new(None),
            owner: Cell::new(None),
            exchanged: OnceCell::new(),
            status: Cell::new(CLIENT_GONE),
        }
    }

    /// The caller, if the token is good here.
    pub(super) fn known(&self) -> Option<&Known> {
        self.session.get().and_then(Option::as_ref).filter(|_| !self.as_anonymous.get())
    }

    /// Counts the request, and writes its line.
    pub(super) fn write(
        &self,
        gate: &Gate,
        core: &Core,
        (head, down, context): (&RequestHead, &Downstream, &Context<'_>),
    ) {
        let elapsed = self.started.elapsed();
        let rules = self.rules;
        let action = self.action.get();
        let (route, index) = self.route.get();
        let label = rules.labels.get(index as usize).copied().unwrap_or(0);
        core.metrics.request(label, self.status.get(), elapsed);
        let (decision, rule) = match self.decision.get() {
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
        let exchanged = self.exchanged.get();
        log.record(&Line {
            ts: gate.clock.now(),
            request_id: context.request_id.as_str(),
            client: client(down.peer, context),
            method: head.method(),
            path: head.path().as_bytes(),
            route,
            status: self.status.get(),
            bytes_in: down.bytes_in,
            bytes_out: down.bytes_out,
            elapsed,
            user: self.known().map(|known| &*known.subject.id_text),
            decision,
            rule,
            upstream: exchanged.map(|exchanged| exchanged.server),
            upstream_elapsed: exchanged.map(|exchanged| exchanged.elapsed),
            tls: None,
            facts: action.map(|action| self.facts(rules, action)),
        });
    }

    fn facts<'a>(&'a self, rules: &'a Ruleset, action: &'a Action<'r, 'r>) -> Facts<'a> {
        let known = self.known();
        Facts {
            policy: &rules.set.digest,
            model: action.model,
            property: action.property,
            access_type: action.access_type,
            model_id: action.model_id.as_deref(),
            roles: known.map_or(&[], |known| &known.subject.roles),
            scopes: known.map_or(&[], |known| &known.session.scopes),
            owner: self.owner.get().map(|owner| owner == OwnerVerdict::Owner),
        }
    }
}

/// A connection whose head never became a request leaves a line all the same.
pub(super) fn turned_away(
    gate: &Gate,
    core: &Core,
    down: &Downstream,
    id: &RequestId,
    (status, check): (u16, Option<&str>),
) {
    core.metrics.request(0, status, std::time::Duration::ZERO);
    let mut log = core.access.borrow_mut();
    log.record(&Line {
        ts: gate.clock.now(),
        request_id: id.as_str(),
        client: match down.peer {
            Peer::Ip(ip) => Client::Ip(ip),
            Peer::Local => Client::Unix,
        },
        method: "-",
        path: b"-",
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
        tls: None,
        facts: None,
    });
}

fn client(peer: Peer, context: &Context<'_>) -> Client {
    match peer {
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
