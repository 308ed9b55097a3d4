//! Adds events to the outbox (docs/interface.md, "Events"). An event contains no token or link; the dispatcher creates
//! those when it sends.

use serde_json::{Map, Value, json};

use super::{Accounts, Actor, Fault};
use crate::{
    encoding::hex,
    identity::UserId,
    mail::Message,
    store::{Change, CommitError, OutboxEntry, Outcome, User},
};

/// The subject of an event.
#[derive(Clone, Copy, Debug)]
pub(super) enum About<'a> {
    /// A user whose row is at hand.
    User(&'a User),
    /// A user of whom only the id is known.
    Id(&'a UserId),
    /// The user that the preceding change of the batch creates, with these properties.
    Created(&'a Map<String, Value>),
    /// No user, or one that is not known yet.
    NoUser,
}

/// What happened.
pub(super) struct Event<'a> {
    kind: &'static str,
    about: About<'a>,
    /// What the receiver is told besides.
    more: Value,
    /// The mail about it. It carries the same id.
    mail: Option<Message>,
}

/// The properties of a user that an event carries.
const USER_FIELDS: [&str; 3] = ["email", "username", "realm"];

impl<'a> Event<'a> {
    pub(super) fn new(kind: &'static str, about: About<'a>) -> Self {
        Self { kind, about, more: Value::Null, mail: None }
    }

    pub(super) fn with(self, more: Value) -> Self {
        Self { more, ..self }
    }

    /// The same, with a mail to the user.
    pub(super) fn mailed(self, message: Message) -> Self {
        Self { mail: Some(message), ..self }
    }
}

impl Accounts {
    /// Adds an event to a batch, if events are delivered, and its mail, if such mails are sent.
    pub(super) fn announce(
        &self,
        batch: &mut Vec<Change>,
        actor: Actor<'_>,
        event: Event<'_>,
    ) -> Result<(), Fault> {
        let Event { kind, about, more, mail } = event;
        let kinds = self.settings.events.then(|| kind.to_owned()).into_iter().chain(self.mail_kind(mail));
        self.enqueue(batch, actor, kinds.collect(), about, more)
    }

    /// Adds a mail to a batch that no event goes with, if such mails are sent.
    pub(super) fn announce_mail(
        &self,
        batch: &mut Vec<Change>,
        actor: Actor<'_>,
        message: Message,
        about: About<'_>,
        more: Value,
    ) -> Result<(), Fault> {
        self.enqueue(batch, actor, self.mail_kind(Some(message)).into_iter().collect(), about, more)
    }

    fn mail_kind(&self, mail: Option<Message>) -> Option<String> {
        let message = mail.filter(|message| self.settings.mails.contains(message))?;
        Some(format!("{}{message}", OutboxEntry::MAIL))
    }

    fn enqueue(
        &self,
        batch: &mut Vec<Change>,
        actor: Actor<'_>,
        kinds: Vec<String>,
        about: About<'_>,
        more: Value,
    ) -> Result<(), Fault> {
        if kinds.is_empty() {
            return Ok(());
        }
        // The id stays the same when the event is delivered again, so that the receiver can recognize a repetition.
        let mut id = [0_u8; 16];
        getrandom::fill(&mut id).map_err(|_| Fault::NoRandomness)?;
        let id = hex(id);
        let (client, request_id) = match actor {
            Actor::Client { address, request_id, .. } => (address.to_string(), request_id),
            Actor::Operator => ("operator".to_owned(), ""),
        };
        let properties = match about {
            About::User(user) => Some(&user.properties),
            About::Created(properties) => Some(properties),
            About::Id(_) | About::NoUser => None,
        };
        let shown: Map<String, Value> = USER_FIELDS
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), properties?.get(name)?.clone())))
            .collect();
        let body = json!({
            "id": id, "ts": self.clock.now().to_string(), "user": shown, "client": client,
            "requestId": request_id, "more": more,
        });
        batch.extend(kinds.into_iter().map(|kind| {
            let body = body.clone();
            match about {
                About::User(user) => Change::Enqueue { kind, user: Some(user.id.clone()), body },
                About::Id(id) => Change::Enqueue { kind, user: Some(id.clone()), body },
                About::Created(_) => Change::EnqueueForCreated { kind, body },
                About::NoUser => Change::Enqueue { kind, user: None, body },
            }
        }));
        Ok(())
    }

    /// Commits a batch. Notifies the dispatcher if the batch contains an event.
    pub(super) async fn commit(&self, batch: Vec<Change>) -> Result<Vec<Outcome>, CommitError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let (mut has_events, mut has_mails) = (false, false);
        for change in &batch {
            if let Change::Enqueue { kind, .. } | Change::EnqueueForCreated { kind, .. } = change {
                let is_mail = kind.starts_with(OutboxEntry::MAIL);
                (has_events, has_mails) = (has_events || !is_mail, has_mails || is_mail);
            }
        }
        let outcomes = self.store.commit(batch).await?;
        // After the commit: a dispatcher that wakes up earlier would not find the event.
        if has_events {
            self.wake_up.events.notify_one();
        }
        if has_mails {
            self.wake_up.mails.notify_one();
        }
        Ok(outcomes)
    }
}
