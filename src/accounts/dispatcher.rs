//! Delivers what waits in the outbox: events to the webhook and mails to their recipients, each at least once, in order
//! for each user, with back-off after a failure. Each of the two has a dispatcher, so that neither holds up the other.
//!
//! A token or link that an event carries is created here, just before delivery, and replaces the previous one. So the
//! outbox never contains a credential.

mod mail;
mod outlet;
mod payload;
mod quota;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt, mem,
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::{self, JoinError, JoinSet},
    time::Instant,
};

use super::{Accounts, WakeUps, audit};
use crate::{
    clock::{Clock, Timestamp},
    identity::UserId,
    observe::{LogThrottle, metrics::MailResult},
    store::{Change, OutboxEntry},
};
use outlet::{Done, Failure};

pub use outlet::Outlet;

/// Delivers events or mails until it is dropped.
pub struct Dispatcher {
    /// The accounts in force. A reload replaces them.
    accounts: Box<dyn Fn() -> Accounts + Send + Sync>,
    wake_up: Arc<WakeUps>,
    outlet: Arc<Outlet>,
    pace: Pace,
    /// Whether the outbox may have heads that the last pass has not seen.
    outdated: bool,
    pass: Option<Pass>,
    /// Heads that were read and are to be sent.
    due: VecDeque<Head>,
    sending: JoinSet<Sent>,
    /// The queues of [`Self::sending`].
    busy: HashMap<task::Id, Queue>,
    waits: HashMap<Queue, Wait>,
    /// Nothing is sent before this: the receiver takes nothing at all.
    pause: Option<Wait>,
    not_read: LogThrottle,
    not_delivered: LogThrottle,
    given_up: LogThrottle,
}

/// The retry schedule.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The delay after the first failure. It doubles with each further failure.
    pub first: Duration,
    /// The maximum delay.
    pub longest: Duration,
    /// The interval at which the outbox is read without a notification: another process may have written to it.
    pub idle: Duration,
    /// The age at which an undelivered event is dropped.
    pub give_up: Duration,
}

/// What is in one queue is delivered one after the other. Events have a queue for each user: a receiver that rejects
/// the events of one user does not delay those of others. Mails have one for each recipient of a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Queue {
    User(UserId),
    /// `to` as the entry names it; `None` = the stored address.
    Mail {
        user: UserId,
        to: Option<String>,
    },
    /// An event without a user is a queue of its own.
    Alone(u64),
}

/// The first entry of a queue.
type Head = (Queue, OutboxEntry);

/// A delivery that has ended.
type Sent = (Queue, OutboxEntry, Result<Done, Failure>);

/// A pass over the heads of all queues.
#[derive(Default)]
struct Pass {
    /// Those up to this number were read.
    after: u64,
    /// The queues of these, so that no queue sends two at a time.
    queues: HashSet<Queue>,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    failures: u32,
    /// Those after which the receiver may have what was sent.
    unknown: u32,
    until: Instant,
}

/// Queue heads that are read from the outbox at a time.
const PAGE: usize = 1000;

/// Attempts after which the receiver may have what was sent, without its answer: each may be another copy.
const MOST_UNKNOWN: u32 = 3;

/// Concurrent deliveries.
const AT_ONCE: usize = 8;

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(300),
            idle: Duration::from_secs(5),
            give_up: Duration::from_secs(3 * 24 * 3600),
        }
    }
}

impl Dispatcher {
    /// Creates a dispatcher for these accounts. `wake_up` has their notifiers.
    #[must_use]
    pub fn new(
        accounts: impl Fn() -> Accounts + Send + Sync + 'static,
        wake_up: Arc<WakeUps>,
        outlet: Outlet,
        pace: Pace,
    ) -> Self {
        Self {
            accounts: Box::new(accounts),
            wake_up,
            outlet: Arc::new(outlet),
            pace,
            outdated: true,
            pass: None,
            due: VecDeque::new(),
            sending: JoinSet::new(),
            busy: HashMap::new(),
            waits: HashMap::new(),
            pause: None,
            not_read: LogThrottle::default(),
            not_delivered: LogThrottle::default(),
            given_up: LogThrottle::default(),
        }
    }

    /// Delivers events for ever.
    pub async fn run(mut self) {
        loop {
            self.fill().await;
            let now = Instant::now();
            let pause = self.pause.map(|pause| pause.until).filter(|until| *until > now);
            let next = self.waits.values().map(|wait| wait.until).filter(|until| *until > now).min();
            let idle = now + self.pace.idle;
            let until = pause.unwrap_or_else(|| next.map_or(idle, |next| next.min(idle)));
            tokio::select! {
                // Others go on while one takes long.
                Some(sent) = self.sending.join_next_with_id() => drop(self.finished(sent).await),
                // Not in a pause: a new event would fail as the last one did.
                () = self.outlet.notified(&self.wake_up), if pause.is_none() => self.outdated = true,
                () = tokio::time::sleep_until(until) => self.outdated = true,
            }
        }
    }

    /// Begins to send, as long as something is due and there is room.
    async fn fill(&mut self) {
        while self.sending.len() < AT_ONCE && self.pause.is_none_or(|pause| pause.until <= Instant::now()) {
            let Some((queue, entry)) = self.next_due().await else { return };
            let (accounts, outlet, name) = ((self.accounts)(), Arc::clone(&self.outlet), queue.clone());
            let task = self.sending.spawn(async move {
                let sent = outlet.send(&accounts, &entry).await;
                (name, entry, sent)
            });
            self.busy.insert(task.id(), queue);
        }
    }

    /// The next entry to send.
    async fn next_due(&mut self) -> Option<Head> {
        loop {
            if let Some(head) = self.due.pop_front() {
                return Some(head);
            }
            let pass = match self.pass.take() {
                Some(pass) => pass,
                None if mem::take(&mut self.outdated) => Pass::default(),
                None => return None,
            };
            if let Err(error) = self.read(pass).await {
                if let Some(more) = self.not_read.say(Clock::System.now()) {
                    tracing::error!(%error, more, "the outbox cannot be read; events wait");
                }
                return None;
            }
        }
    }

    /// Reads the next page of a pass. All pages are read, so that queues that are backing off do not block those behind
    /// them.
    async fn read(&mut self, mut pass: Pass) -> Result<(), super::Fault> {
        let accounts = (self.accounts)();
        let page = accounts.store.outbox_heads(pass.after, PAGE).await?;
        let Some(last) = page.last().map(|entry| entry.seq) else {
            // Forgets the back-off of queues that are empty now; otherwise the map would grow with every user who ever
            // failed.
            self.waits.retain(|queue, _| pass.queues.contains(queue));
            return Ok(());
        };
        pass.after = last;
        let now = Instant::now();
        for entry in page.into_iter().filter(|entry| self.outlet.takes(entry)) {
            let queue = queue(&accounts, &entry).await?;
            let waits = self.waits.get(&queue).is_some_and(|wait| wait.until > now);
            let is_busy = self.busy.values().any(|busy| *busy == queue);
            if pass.queues.insert(queue.clone()) && !waits && !is_busy {
                self.due.push_back((queue, entry));
            }
        }
        self.pass = Some(pass);
        Ok(())
    }

    /// Settles a delivery that has ended. Returns whether its event has left the outbox.
    async fn finished(&mut self, sent: Result<(task::Id, Sent), JoinError>) -> bool {
        match sent {
            Ok((id, (queue, entry, result))) => {
                let accounts = (self.accounts)();
                let is_gone = self.settle(&accounts, queue, &entry, result).await;
                self.busy.remove(&id);
                // The next one may have become the head of its queue.
                self.outdated |= is_gone;
                is_gone
            }
            // A send that panicked counts as failed. Its event is still in the outbox and is sent in a later pass.
            Err(error) => {
                self.busy.remove(&error.id());
                false
            }
        }
    }

    /// Removes a delivered event from the outbox, or schedules a retry.
    async fn settle(
        &mut self,
        accounts: &Accounts,
        queue: Queue,
        entry: &OutboxEntry,
        result: Result<Done, Failure>,
    ) -> bool {
        match result {
            Ok(Done::Sent) => self.pause = None,
            Ok(Done::Obsolete) => {}
            Err(Failure::Never(reason)) => self.give_up(accounts, entry, &reason),
            Err(Failure::Unknown(reason)) if self.unknown(&queue) + 1 >= MOST_UNKNOWN => {
                let reason = format!("{reason}; it was sent {MOST_UNKNOWN} times without an answer");
                self.give_up(accounts, entry, &reason);
            }
            Err(failure) if age(accounts, entry) >= self.pace.give_up => {
                self.give_up(accounts, entry, failure.reason());
            }
            Err(failure) => {
                self.outlet.count(MailResult::Deferred);
                if matches!(failure, Failure::Nothing(_)) {
                    self.pause_all();
                }
                self.put_off(queue, entry, &failure);
                return false;
            }
        }
        self.waits.remove(&queue);
        match accounts.store.commit(vec![Change::Dequeue { seq: entry.seq }]).await {
            Ok(_) => true,
            Err(error) => {
                // The event will be sent again: delivery is at least once.
                self.put_off(queue, entry, &Failure::Later(error.to_string()));
                false
            }
        }
    }

    /// Records that an event will not be delivered.
    fn give_up(&self, accounts: &Accounts, entry: &OutboxEntry, reason: &str) {
        self.outlet.count(MailResult::GivenUp);
        if entry.is_mail() {
            audit::mail(entry.user.as_ref(), &entry.kind, reason);
        }
        if let Some(more) = self.given_up.say(accounts.clock.now()) {
            tracing::error!(event = entry.kind, reason, more, "an event or a mail was given up");
        }
    }

    /// Sends nothing for a while.
    fn pause_all(&mut self) {
        // Those that were on their way together are one failure.
        if self.pause.is_some_and(|pause| pause.until > Instant::now()) {
            return;
        }
        let failures = self.pause.map_or(0, |pause| pause.failures).saturating_add(1);
        self.pause = Some(Wait { failures, unknown: 0, until: Instant::now() + self.pace.after(failures) });
        // What is due then is read then.
        (self.pass, self.outdated) = (None, true);
        self.due.clear();
    }

    /// How often the head of a queue was sent without an answer.
    fn unknown(&self, queue: &Queue) -> u32 {
        self.waits.get(queue).map_or(0, |wait| wait.unknown)
    }

    fn put_off(&mut self, queue: Queue, entry: &OutboxEntry, failure: &Failure) {
        let unknown = self.unknown(&queue) + u32::from(matches!(failure, Failure::Unknown(_)));
        let reason = failure.reason();
        let failures = self.waits.get(&queue).map_or(0, |wait| wait.failures).saturating_add(1);
        let wait = self.pace.after(failures);
        if let Some(more) = self.not_delivered.say(Clock::System.now()) {
            let wait_s = wait.as_secs_f64();
            tracing::warn!(
                event = entry.kind,
                reason,
                failures,
                wait_s,
                more,
                "an event or a mail was not delivered"
            );
        }
        self.waits.insert(queue, Wait { failures, unknown, until: Instant::now() + wait });
    }
}

impl Pace {
    /// The schedule of mails. Nothing but this process adds any, so the outbox need not be read again and again.
    #[must_use]
    pub fn of_mails() -> Self {
        Self { idle: Duration::from_secs(3600), ..Self::default() }
    }

    /// The delay after so many failures in a row.
    fn after(self, failures: u32) -> Duration {
        // The exponent is capped so that the shift cannot overflow; `longest` applies long before.
        self.first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest)
    }
}

/// The queue of an event. In profile `standard` the user of a password reset is looked up only at delivery.
async fn queue(accounts: &Accounts, entry: &OutboxEntry) -> Result<Queue, super::Fault> {
    let user = match &entry.user {
        Some(user) => Some(user.clone()),
        None => accounts.addressee(entry).await?.map(|user| user.id),
    };
    Ok(match user {
        Some(user) if entry.is_mail() => Queue::Mail { user, to: entry.recipient().map(str::to_owned) },
        Some(user) => Queue::User(user),
        None => Queue::Alone(entry.seq),
    })
}

fn age(accounts: &Accounts, entry: &OutboxEntry) -> Duration {
    let since = entry.body.get("ts").and_then(serde_json::Value::as_str).and_then(Timestamp::parse);
    let millis = since.map_or(0, |since| accounts.clock.now().0.saturating_sub(since.0));
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher")
            .field("outlet", &self.outlet)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
