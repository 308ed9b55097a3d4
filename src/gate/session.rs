//! Looks up the session of a request's credential (docs/loopback-3.28.md section 1).

mod known;
mod lone;

use std::sync::Arc;

use crate::{
    clock::Timestamp,
    connection::Downstream,
    credential::{self, Hit, Offered, Place},
    identity::{Lifetimes, TokenHash},
    policy::{AccountMethod, Action, Served},
    refusal::Refusal,
    store::{Change, Session, StoreError, TokenState},
    wire::RequestHead,
};

use super::{Gate, chain, request::Request, same_site};

pub(super) use known::Known;
pub(super) use lone::{Field, Lone};

/// The time and the lifetimes that decide whether a token is valid.
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) lifetimes: Lifetimes,
}

impl Request<'_> {
    /// The session of the caller; `None` = anonymous, which includes unknown tokens.
    ///
    /// The first credential in LoopBack's order decides. In profile `standard` another one that is valid for a
    /// different user is an error: RFC 6750 section 2 allows only one.
    ///
    /// The second value is the refusal for an expired token in the query. It is returned and not raised: a link
    /// in a mail outlives its token, and a public page must still open (profile `standard`).
    pub(super) async fn session(
        &self,
        down: &Downstream,
    ) -> Result<(Option<Known>, Option<Refusal>), Refusal> {
        let Self { gate, head, client, .. } = self;
        let credentials = &gate.settings.credentials;
        let may_have = |name: &str| head.may_have(name);
        let lone = self.lone(credentials);
        if let Some(known) = lone.and_then(|lone| client.last.recall(lone.field, lone.value)) {
            let moment = self.moment(down);
            let known = self.good(known, &moment).await?;
            return Ok((self.used(known, &moment)?, None));
        }
        let fields = head.fields().map(|field| (field.name, field.value));
        let is_local = || self.is_local(down);
        let offered = credential::offered(credentials, head.query(), fields, may_have, is_local);
        let Some(first) = offered.first() else { return Ok((None, None)) };
        let moment = self.moment(down);
        // With another credential the request is not a mere link.
        let is_only = offered.others().next().is_none();
        let is_alone = !gate.settings.loopback && is_only;
        // With more than one cookie, or with one that counts on this machine alone, the value does not decide alone.
        let lone = lone.filter(|lone| {
            let is_clear = || is_only && !credential::is_plain_cookie(lone.value);
            lone.field == Field::Authorization || is_clear()
        });
        let known = match self.resolve(first, &moment, lone).await {
            Err(stale @ (Refusal::TokenExpired | Refusal::TokenUnusable))
                if is_alone && first.place == Place::Param =>
            {
                return Ok((None, Some(stale)));
            }
            known => known?,
        };
        if !gate.settings.loopback {
            self.one_user(known.as_ref(), &offered, &moment).await?;
        }
        Ok((self.used(known, &moment)?, None))
    }

    /// The field that may have the only credential.
    fn lone(&self, credentials: &credential::Settings) -> Option<Lone<'_>> {
        let head = self.head;
        let may_have = |name: &str| head.may_have(name);
        let lone = |field, value, name| (!head.may_repeat(name)).then_some(Lone { field, value });
        let authorization = head.field("authorization");
        if let Some(value) =
            credential::lone_authorization(credentials, head.query(), authorization, may_have)
        {
            return lone(Field::Authorization, value, "authorization");
        }
        if !may_have("cookie") {
            return None;
        }
        let value = credential::lone_cookie(credentials, head.query(), head.field("cookie"), may_have)?;
        lone(Field::Cookie, value, "cookie")
    }

    pub(super) fn moment(&self, down: &Downstream) -> Moment {
        let lifetimes = self.rules.api.accounts().settings().lifetimes();
        Moment { now: down.deadline.wall(self.record.started), lifetimes }
    }

    /// Records the use of a token, unless the request comes from a page of another site that may not use it.
    fn used(&self, known: Option<Known>, moment: &Moment) -> Result<Option<Known>, Refusal> {
        if let Some(known) = &known {
            // Before the use is recorded: a page of another site must not extend the session.
            self.check_site(known, self.head, self.head.method())?;
            known.session.touch(moment.now, self.context.client, &moment.lifetimes);
        }
        Ok(known)
    }

    /// Refuses a credential that a browser may have sent for a page of another site. `method` is what the app will
    /// use.
    pub(super) fn check_site(&self, known: &Known, head: &RequestHead, method: &str) -> Result<(), Refusal> {
        let is_safe = !same_site::is_needed(head, method) || self.is_meant(known, head);
        if is_safe { Ok(()) } else { Err(Refusal::CrossSite) }
    }

    /// A state-changing route under a safe method also needs proof that such a request is same-site. The link of a
    /// confirmation is opened from a mail and has a secret of its own: without the proof it is served as anonymous.
    pub(super) fn check_change<'k>(
        &self,
        action: &Action<'_, '_>,
        session: Option<&'k Known>,
        head: &RequestHead,
    ) -> Result<Option<&'k Known>, Refusal> {
        if !action.changes() || session.is_none_or(|known| self.is_meant(known, head)) {
            return Ok(session);
        }
        if action.served != Served::Account(AccountMethod::Confirm) {
            return Err(Refusal::CrossSite);
        }
        self.record.as_anonymous.set(true);
        Ok(None)
    }

    /// Whether the caller meant to send the credential: no page of another site can make a browser send it, or the
    /// request comes from a page of this site.
    fn is_meant(&self, known: &Known, head: &RequestHead) -> bool {
        let is_same_site = || {
            same_site::is_same_site(head, &self.context.origin, self.app.settings.public_url.as_deref())
                || self.is_of_trusted_origin()
        };
        match known.place {
            Place::Param | Place::Header => true,
            Place::Cookie => is_same_site(),
            Place::Basic => {
                !self.rules.set.asks_somewhere_for_basic()
                    || same_site::is_of_a_program(head)
                    || is_same_site()
            }
        }
    }

    /// Whether the request reached a loopback address directly: `Host` names this machine, and no header shows
    /// a proxy. A proxy that adds no header still asks for the name of a site.
    pub(super) fn is_local(&self, down: &Downstream) -> bool {
        const PASSED_ON: [&str; 3] = ["via", "forwarded", "x-real-ip"];
        let is_passed_on = |name: &str| {
            let is_forwarded = name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("x-forwarded-"));
            is_forwarded || PASSED_ON.iter().any(|own| own.eq_ignore_ascii_case(name))
        };
        // The address of the peer as well: a PROXY header may name a client that is elsewhere.
        is_loopback_host(self.head.host())
            && self.client.remote.peer.ip().is_loopback()
            && down.socket.is_on_loopback()
            && !self.context.origin.is_proxy
            && !self.head.fields().any(|field| is_passed_on(field.name))
    }

    /// Whether the token of the request is still valid. It may have been revoked, or replaced by a session of
    /// the same token with another end.
    pub(super) fn is_still_good(&self) -> bool {
        // An anonymous request has no token that could end.
        let Some(Known { session, .. }) = self.record.known() else { return true };
        let Gate { store, clock, .. } = self.gate;
        let lifetimes = self.app.rules.current().api.accounts().settings().lifetimes();
        let now = clock.now();
        let is_live = |session: &Session| {
            session.token_state(&session.subject.load(), now, &lifetimes) == TokenState::Live
        };
        store.sessions().get(&session.hash).map_or_else(|| is_live(session), |current| is_live(&current))
    }

    async fn one_user(
        &self,
        known: Option<&Known>,
        offered: &Offered<'_>,
        moment: &Moment,
    ) -> Result<(), Refusal> {
        // More credentials than fit cannot all be checked.
        if offered.overflow() {
            return Err(Refusal::TwoUsers);
        }
        for other in offered.others() {
            self.same_user(known, other, moment).await?;
        }
        // `offered` reads the first line only, as Node does. A proxy before the gate may read the last one.
        if self.head.may_repeat("authorization") {
            let credentials = &self.gate.settings.credentials;
            let is_it = |name: &str| name.eq_ignore_ascii_case("authorization");
            for field in self.head.fields().filter(|field| is_it(field.name)) {
                let line = std::iter::once((field.name, field.value));
                let offered = credential::offered(credentials, None, line, is_it, || false);
                if let Some(other) = offered.first() {
                    self.same_user(known, other, moment).await?;
                }
            }
        }
        Ok(())
    }

    /// Refuses a credential of another user than `known`.
    async fn same_user(
        &self,
        known: Option<&Known>,
        other: &Hit<'_>,
        moment: &Moment,
    ) -> Result<(), Refusal> {
        // Expired and unknown ones name no user.
        let Ok(Some(other)) = self.resolve(other, moment, None).await else { return Ok(()) };
        let is_same = known.is_some_and(|known| known.subject.id == other.subject.id);
        if is_same { Ok(()) } else { Err(Refusal::TwoUsers) }
    }

    /// Looks up a candidate. `lone` is the value that it was read from, if nothing else decides about it.
    pub(super) async fn resolve(
        &self,
        hit: &Hit<'_>,
        moment: &Moment,
        lone: Option<Lone<'_>>,
    ) -> Result<Option<Known>, Refusal> {
        // A session of the second reading is not cached: a token for the first reading may be created later.
        let readings = [(Some(&hit.id), lone), (hit.alternative.as_ref(), None)];
        for (id, noted) in readings.into_iter().filter_map(|(id, noted)| Some((id?, noted))) {
            let Some(session) = self.find(id).await? else { continue };
            let subject = session.subject.load_full();
            let known = Known { session, subject, place: hit.place };
            if let Some(lone) = noted {
                self.client.last.note(lone, &known, || self.is_indexed(&known));
            }
            if let Some(known) = self.good(known, moment).await? {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    /// Whether the session is the one in the index, which marks it when it ends.
    fn is_indexed(&self, known: &Known) -> bool {
        let indexed = self.gate.store.sessions().get(&known.session.hash);
        indexed.is_some_and(|session| Arc::ptr_eq(&session, &known.session))
    }

    /// The caller with a token that is no part of the request.
    pub(super) async fn of_token(&self, token: &str, down: &Downstream) -> Result<Option<Known>, Refusal> {
        let Some(session) = self.find(token).await? else { return Ok(None) };
        self.good(Known::of(session, Place::Header), &self.moment(down)).await
    }

    /// The session of a token, from the index or the store.
    async fn find(&self, id: &str) -> Result<Option<Arc<Session>>, Refusal> {
        if id.is_empty() {
            return Ok(None);
        }
        let Gate { store, .. } = self.gate;
        let hash = TokenHash::of(id);
        // Only the hash is looked up; the token itself is stored nowhere.
        match store.sessions().get(&hash) {
            Some(session) => Ok(Some(session)),
            // An error is a refusal (503): the token may be a valid one.
            None => store.load_session(&hash).await.map_err(|error| self.gate.store_down(&error)),
        }
    }

    /// Returns the caller if the token is valid now, and here.
    async fn good(&self, known: Known, moment: &Moment) -> Result<Option<Known>, Refusal> {
        if known
            .session
            .host
            .as_deref()
            .is_some_and(|host| !host.eq_ignore_ascii_case(self.context.origin.host))
        {
            return Ok(None);
        }
        match known.session.token_state(&known.subject, moment.now, &moment.lifetimes) {
            TokenState::Live => Ok(Some(known)),
            TokenState::Ended => Ok(None),
            TokenState::Unusable => Err(Refusal::TokenUnusable),
            TokenState::Expired => {
                let Gate { store, failures, .. } = self.gate;
                // After the row is deleted, the next use is that of an unknown token. If the delete fails, the
                // token stays expired.
                if let Err(error) = store.commit(vec![Change::DeleteToken(known.session.hash)]).await
                    && let Some(more) = failures.expired.say(moment.now)
                {
                    tracing::warn!(error = %error, more, "an expired token could not be deleted");
                }
                Err(Refusal::TokenExpired)
            }
        }
    }
}

impl Gate {
    pub(super) fn store_down(&self, error: &StoreError) -> Refusal {
        self.metrics.store_error();
        if let Some(more) = self.failures.store.say(self.clock.now()) {
            tracing::error!(error = %error, more, "the store could not answer; the request was refused");
        }
        Refusal::StoreDown
    }
}

/// Whether a `Host` names this machine (RFC 6761 section 6.3 for `localhost`).
fn is_loopback_host(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default().trim_end_matches('.');
    let is_named = name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"));
    is_named || chain::address(host).is_some_and(|(address, _)| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c8_only_names_of_this_machine_are_local() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "app.localhost",
            "localhost.",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]",
            "[::1]:8080",
        ] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in [
            "shop.example",
            "localhost.example",
            "notlocalhost",
            "10.0.0.1",
            "[2001:db8::1]",
            "127.0.0.1.example",
            "",
            "[]",
        ] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }
}
