//! Asks the app for the owner of a row. Concurrent requests with the same question share one look-up
//! (single-flight), and an answer is cached only if the policy says so.
//!
//! The cache belongs to the ruleset ([`super::rules::CoreRuleset`]), so a reload begins with an empty one. A row that
//! was read for a decision does not answer its own GET: the app would not learn who asks, nor see the client's
//! query, conditions and preferences, and might show this client less of it.

use std::{fmt, rc::Rc};

use base64::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{Gate, request::Request};
use crate::{
    clock::{Clock, Timestamp},
    forward::{self, Fetched, ForwardError, Forwarder, Naming, Origin, Outgoing, Wanted},
    observe::metrics::LookUp,
    policy::{OwnerAnswer, Question},
    refusal::Refusal,
};
use owners::{Entry, Failure, Flight, Kept, Landed};

pub(super) use owners::{LookUpCounts, Owners};

/// A question with the tenant that it is asked for.
#[derive(Clone, Copy)]
struct Asked<'q> {
    question: &'q Question<'q>,
    /// See [`tenant`].
    tenant: &'q str,
}

/// Removes the in-flight look-up when the leading request ends or is cancelled.
struct Leading<'o> {
    owners: &'o Owners,
    key: &'o str,
    flight: Rc<Flight>,
}

/// Look-ups of one core at a time. Each may hold a row of 1 MiB, and the app has to serve them all.
const MOST_UNDER_WAY: usize = 1024;

/// Cached owners of a generation. With [`LONGEST`], both generations take at most 16 MiB for each core.
const MOST_KEPT: usize = 8192;

/// The largest question or owner that is cached, in bytes.
const LONGEST: usize = 512;

/// Asks the app as a request would, for `explain`. Not shared and not cached.
///
/// # Errors
/// The reason for which a request would be refused.
pub async fn look_up(
    forwarder: &Forwarder,
    question: &Question<'_>,
    request_id: &str,
) -> Result<OwnerAnswer, String> {
    let Question { target, header, .. } = question;
    let wanted = Wanted { target, header: *header, naming: None, request_id };
    let fetched = forwarder.fetch(&wanted).await;
    let answer = fetched.map_err(Failure::Unanswered).and_then(|found| read(question, found));
    answer.map_err(|failure| failure.to_string())
}

impl Request<'_> {
    /// Asks the app for the owner. Only two answers count: a row, or that there is none.
    pub(super) async fn ask_app(&self, question: &Question<'_>) -> Result<Rc<OwnerAnswer>, Refusal> {
        let Self { gate, app, rules, context, .. } = self;
        let request_id = context.request_id.as_str();
        let fields = self.naming_fields();
        let Origin { scheme, host: forwarded, .. } = context.origin;
        let naming = Naming { host: self.head.host(), forwarded, scheme, fields: &fields };
        let wanted =
            Wanted { target: &question.target, header: question.header, naming: Some(naming), request_id };
        let fetch = async || {
            let fetched = app.forwarder.fetch(&wanted).await?;
            // Logged, because the same answer may come from an app that does not know the host.
            if fetched.status == 400
                && let Some(more) = gate.failures.look_up.say(gate.clock.now())
            {
                tracing::warn!(
                    request_id,
                    more,
                    target = question.target,
                    host = naming.host,
                    "the app answered 400 to an owner look-up, so that row has no owner; if it refuses the host, see \
                     `upstream.host`"
                );
            }
            Ok(fetched)
        };
        let asked = Asked { question, tenant: &tenant(&naming) };
        rules.owners().ask(asked, &gate.clock, fetch).await.map_err(|failure| {
            if let Failure::Unanswered(error) = &*failure {
                gate.metrics.upstream_error(error.into());
            }
            if let Some(more) = gate.failures.owner.say(gate.clock.now()) {
                tracing::warn!(
                    request_id,
                    reason = %failure,
                    more,
                    "an owner look-up failed; the request was refused"
                );
            }
            Refusal::OwnerUnknown
        })
    }

    /// The fields of the request that may select a row.
    fn naming_fields(&self) -> Vec<u8> {
        let Self { gate: Gate { settings, .. }, app, head, context, .. } = self;
        let outgoing = Outgoing {
            credentials: &settings.credentials,
            names: &app.settings.names,
            spelling: app.settings.names.spelling(head),
            forward_credentials: false,
            query: None,
            identity: &[],
            client: context.client,
            origin: &context.origin,
            request_id: context.request_id.as_str(),
            body: None,
            via: Some(app.forwarder.instance()),
            token_check: None,
            is_timed: false,
            cors: None,
        };
        forward::naming_fields(head, &outgoing)
    }
}

impl Asked<'_> {
    /// The key of an in-flight look-up: tenant and question. No part contains a blank, so keys are unambiguous.
    fn under_way(&self) -> Box<str> {
        let Self { question, tenant } = self;
        format!("{tenant} {} {}", question.target, question.header.unwrap_or_default()).into()
    }

    /// The key of a cached owner, which also depends on the field that is read.
    fn kept(&self) -> Box<str> {
        let Self { question, tenant } = self;
        format!("{tenant} {} {}", question.target, question.field()).into()
    }
}

impl Owners {
    /// The answer to a question: cached, of a look-up in flight, or of a new one.
    async fn ask(
        &self,
        asked: Asked<'_>,
        clock: &Clock,
        fetch: impl AsyncFn() -> Result<Fetched, ForwardError>,
    ) -> Landed {
        if let Some(owner) = self.recall(asked, clock.now()) {
            self.counts.count(LookUp::Cached);
            return Ok(Rc::new(OwnerAnswer::Owner(owner)));
        }
        let key = asked.under_way();
        loop {
            let known = self.under_way.borrow().get(&*key).map(Rc::clone);
            match known {
                Some(flight) => {
                    if let Some(landed) = flight.wait().await {
                        self.counts.count(LookUp::Shared);
                        return landed;
                    }
                }
                None => return self.lead(asked, &key, clock, &fetch).await,
            }
        }
    }

    /// Fetches the answer for all requests with the same question.
    async fn lead(
        &self,
        asked: Asked<'_>,
        key: &str,
        clock: &Clock,
        fetch: &impl AsyncFn() -> Result<Fetched, ForwardError>,
    ) -> Landed {
        // Refused and not queued, so that the number of waiting requests is bounded.
        if self.under_way.borrow().len() >= MOST_UNDER_WAY {
            self.counts.count(LookUp::Failed);
            return Err(Rc::new(Failure::TooMany));
        }
        let leading = Leading::start(self, key);
        // The cache time counts from the start of the look-up: the app may have read the row at once and
        // answered late.
        let since = clock.now();
        let landed =
            match fetch().await.map_err(Failure::Unanswered).and_then(|found| read(asked.question, found)) {
                Ok(answer) => Ok(Rc::new(answer)),
                Err(failure) => Err(Rc::new(failure)),
            };
        self.counts.count(if landed.is_ok() { LookUp::Answered } else { LookUp::Failed });
        if let Ok(answer) = &landed {
            self.keep(asked, answer, since);
        }
        leading.land(landed)
    }

    fn recall(&self, asked: Asked<'_>, now: Timestamp) -> Option<Box<str>> {
        asked.question.cache?;
        self.kept.borrow_mut().get(&asked.kept(), now)
    }

    fn keep(&self, asked: Asked<'_>, answer: &OwnerAnswer, since: Timestamp) {
        let question = asked.question;
        let (Some(time), Some(owner)) = (question.cache, question.owner(answer)) else { return };
        let key = asked.kept();
        if key.len() <= LONGEST && owner.len() <= LONGEST {
            self.kept.borrow_mut().put(key, Entry { owner, since, until: since.plus(time) });
        }
    }
}

impl Flight {
    async fn wait(&self) -> Option<Landed> {
        loop {
            if let Some(landed) = self.landed.get() {
                return landed.clone();
            }
            self.waiting.notified().await;
        }
    }
}

impl<'o> Leading<'o> {
    fn start(owners: &'o Owners, key: &'o str) -> Self {
        let flight = Rc::<Flight>::default();
        owners.under_way.borrow_mut().insert(key.into(), Rc::clone(&flight));
        Self { owners, key, flight }
    }

    fn land(self, landed: Landed) -> Landed {
        // `land` consumes the leader, so the result is set once.
        let _ = self.flight.landed.set(Some(landed.clone()));
        landed
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.owners.under_way.borrow_mut().remove(self.key);
        // Does nothing if the look-up has ended. Otherwise one of the waiting requests becomes the leader.
        let _ = self.flight.landed.set(None);
        self.flight.waiting.notify_waiters();
    }
}

impl Kept {
    /// A valid cached owner. A clock that was set back extends no entry.
    fn get(&mut self, key: &str, now: Timestamp) -> Option<Box<str>> {
        let is_good = |entry: &Entry| entry.since <= now && now < entry.until;
        if let Some(entry) = self.young.get(key) {
            return is_good(entry).then(|| entry.owner.clone());
        }
        let (key, entry) = self.old.remove_entry(key)?;
        let owner = is_good(&entry).then(|| entry.owner.clone())?;
        self.put(key, entry);
        Some(owner)
    }

    fn put(&mut self, key: Box<str>, entry: Entry) {
        if self.young.len() >= MOST_KEPT && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered(error) => error.fmt(f),
            Self::Unauthorized => f.write_str(
                "the app answered 401: its own authentication is still on, switch it off behind this gate",
            ),
            Self::Status(status) => write!(f, "the app answered {status} to the look-up"),
            Self::NoJson(error) => write!(f, "the app's answer to the look-up is not JSON: {error}"),
            Self::TooMany => write!(f, "{MOST_UNDER_WAY} look-ups are under way on this core"),
        }
    }
}

fn read(question: &Question<'_>, found: Fetched) -> Result<OwnerAnswer, Failure> {
    match found.status {
        200 if question.header.is_some() => Ok(OwnerAnswer::Header(found.header)),
        200 => {
            // Some apps write a byte order mark, which JSON does not allow.
            let body = found.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&found.body);
            serde_json::from_slice(body).map(OwnerAnswer::Row).map_err(Failure::NoJson)
        }
        // 400: no row has such an id. The log mentions it, because an app may answer so to a host as well.
        400 | 404 | 410 => Ok(OwnerAnswer::Missing),
        // Not a missing row: the app refuses all look-ups, so every owner would be locked out silently.
        401 => Err(Failure::Unauthorized),
        status => Err(Failure::Status(status)),
    }
}

/// The part of a request that may select another row. Requests with the same one share answers. The fields are
/// hashed, because they may be long.
fn tenant(naming: &Naming<'_>) -> String {
    let Naming { host, forwarded, scheme, fields } = naming;
    let hash = BASE64_STANDARD_NO_PAD.encode(Sha256::digest(fields));
    format!("{host} {forwarded} {scheme} {hash}")
}

mod owners;
#[cfg(test)]
mod tests;
