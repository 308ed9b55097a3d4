//! Forwards a permitted request.

use std::borrow::Cow;

use crate::{
    connection::Downstream,
    credential,
    forward::{self, Outgoing, Spelling, TokenCheck, Who},
    identity::claims_no_other_address,
    policy::Permit,
    store::Subject,
    wire::RequestHead,
};

use super::{Gate, Stop, body::ReadBody, request::Request};

impl Request<'_> {
    /// Forwards a permitted request.
    pub(super) async fn forward(
        &self,
        permit: Permit<'_>,
        head: &RequestHead,
        spelling: Spelling,
        body: ReadBody,
        down: &mut Downstream,
    ) -> Result<bool, Stop> {
        let Self { gate: Gate { settings, .. }, app, core, context, record, .. } = self;
        let kept = settings.forward_credentials;
        let strip = |query| credential::strip_query(&settings.credentials, query);
        let query = head.query().map(|query| if kept { Cow::Borrowed(query) } else { strip(query) });
        let good = || self.is_still_good();
        let cors = self.cors_lines();
        // A query that consisted of credentials is omitted with its `?`; an empty one is forwarded as sent.
        let query = query.as_deref().filter(|query| !query.is_empty() || head.query() == Some(""));
        let known = record.known();
        let identity = known.map_or(&[][..], |known| self.identity(&known.subject));
        let signed = known.and_then(|known| self.signed(&known.subject, head, query, identity));
        let outgoing = Outgoing {
            credentials: &settings.credentials,
            names: &app.settings.names,
            spelling,
            forward_credentials: kept,
            query,
            identity: signed.as_deref().unwrap_or(identity),
            client: context.client,
            origin: &context.origin,
            request_id: context.request_id.as_str(),
            body: body.bytes.as_deref(),
            via: Some(app.forwarder.instance()),
            token_check: known.map(|_| TokenCheck::new(&good)),
            is_timed: core.access.borrow().is_on(),
            cors: cors.as_deref(),
        };
        match app.forwarder.forward(permit, head, down, &outgoing).await {
            Ok(exchanged) => {
                record.status.set(exchanged.status);
                let keep_alive = exchanged.keep_alive;
                // It is empty before: a request is forwarded once.
                let _ = record.exchanged.set(exchanged);
                Ok(keep_alive && down.drain().await)
            }
            Err(failed) => {
                record.failed_server.set(failed.server);
                if down.answered {
                    record.status.set(down.scratch.response.status());
                }
                Err(self.not_forwarded(failed, down))
            }
        }
    }

    /// The identity headers of a user, rendered at their first request.
    fn identity<'s>(&self, subject: &'s Subject) -> &'s [u8] {
        let trusts_email = self.trusts_email();
        subject
            .headers(trusts_email)
            .get_or_init(|| forward::render(&self.gate.settings.presets, &self.who(subject, trusts_email)))
    }

    /// Whether the app is told addresses that are not confirmed, too.
    pub(super) fn trusts_email(&self) -> bool {
        self.rules.api.accounts().settings().trusts_email()
    }

    /// What the app is told of a user.
    pub(super) fn who<'s>(&self, subject: &'s Subject, trusts_email: bool) -> Who<'s> {
        let email = subject.email.as_deref().filter(|_| subject.email_verified || trusts_email);
        // A username in the form of another address would be taken for that user by the app.
        let told = |name: &&str| trusts_email || claims_no_other_address(name, email);
        let username = subject.username.as_deref().filter(told);
        Who { id: &subject.id_text, username, email, roles: &subject.roles }
    }
}
