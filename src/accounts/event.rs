//! Adds events to the outbox (docs/interface.md, "Events"). An event contains no token or link; the dispatcher creates
//! those when it sends.

use serde_json::{Map, Value, json};

use super::{Accounts, Actor, Fault};
use crate::{
    encoding::hex,
    identity::UserId,
    store::{Change, CommitError, Outcome, User},
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
}

/// The properties of a user that an event carries.
const USER_FIELDS: [&str; 3] = ["email", "username", "realm"];

impl<'a> Event<'a> {
    pub(super) fn new(kind: &'static str, about: About<'a>) -> Self {
        Self { kind, about, more: Value::Null }
    }

    pub(super) fn with(self, more: Value) -> Self {
        Self { more, ..self }
    }
}

impl Accounts {
    /// Adds an event to a batch, if events are delivered.
    pub(super) fn announce(
        &self,
        batch: &mut Vec<Change>,
        actor: Actor<'_>,
        event: Event<'_>,
    ) -> Result<(), Fault> {
        if !self.settings.events {
            return Ok(());
        }
        let Event { kind, about, more } = event;
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
        let kind = kind.to_owned();
        batch.push(match about {
            About::User(user) => Change::Enqueue { kind, user: Some(user.id.clone()), body },
            About::Id(id) => Change::Enqueue { kind, user: Some(id.clone()), body },
            About::Created(_) => Change::EnqueueForCreated { kind, body },
            About::NoUser => Change::Enqueue { kind, user: None, body },
        });
        Ok(())
    }

    /// Commits a batch. Notifies the dispatcher if the batch contains an event.
    pub(super) async fn commit(&self, batch: Vec<Change>) -> Result<Vec<Outcome>, CommitError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let is_event =
            |change: &Change| matches!(change, Change::Enqueue { .. } | Change::EnqueueForCreated { .. });
        let wakes = batch.iter().any(is_event);
        let outcomes = self.store.commit(batch).await?;
        // After the commit: a dispatcher that wakes up earlier would not find the event.
        if wakes {
            self.wake_up.notify_one();
        }
        Ok(outcomes)
    }
}
