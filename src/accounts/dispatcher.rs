//! Delivers events from the outbox to the receiver: at least once, in order for each user, at once, and with back-off
//! after a failure. What an event carries that opens anything (a token, a link) is made here, at the last moment, and
//! the one made before ends.

mod payload;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Notify, task::JoinSet, time::Instant};

use super::Accounts;
use crate::{
    clock::{Clock, Timestamp},
    identity::UserId,
    notify::Webhook,
    observe::LogThrottle,
    store::{Change, OutboxEntry},
};

/// Delivers events. Runs until it is dropped.
pub struct Dispatcher {
    /// The accounts as they are now: a reload brings others.
    accounts: Box<dyn Fn() -> Accounts + Send + Sync>,
    wake_up: Arc<Notify>,
    webhook: Arc<Webhook>,
    pace: Pace,
    waits: HashMap<Queue, Wait>,
    not_read: LogThrottle,
    not_delivered: LogThrottle,
    given_up: LogThrottle,
}

/// How often the dispatcher tries, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The wait after a first failure; each further one doubles it.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// How often the outbox is looked at without a sign: another process may have written there.
    pub idle: Duration,
    /// An event that was not taken for so long is given up.
    pub give_up: Duration,
}

/// Events of one queue go one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Queue {
    User(UserId),
    /// About no user: a queue of its own.
    Alone(u64),
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    failures: u32,
    until: Instant,
}

/// Lines that are looked at together.
const PAGE: usize = 1000;

/// Events on their way at once.
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
    /// A dispatcher of these accounts' events, woken by their `wake_up`.
    #[must_use]
    pub fn new(
        accounts: impl Fn() -> Accounts + Send + Sync + 'static,
        wake_up: Arc<Notify>,
        webhook: Webhook,
        pace: Pace,
    ) -> Self {
        Self {
            accounts: Box::new(accounts),
            wake_up,
            webhook: Arc::new(webhook),
            pace,
            waits: HashMap::new(),
            not_read: LogThrottle::default(),
            not_delivered: LogThrottle::default(),
            given_up: LogThrottle::default(),
        }
    }

    /// Delivers, for ever.
    pub async fn run(mut self) {
        loop {
            let delivered = match self.round().await {
                Ok(delivered) => delivered,
                Err(error) => {
                    if let Some(more) = self.not_read.say(Clock::System.now()) {
                        tracing::error!(%error, more, "the outbox cannot be read; events wait");
                    }
                    0
                }
            };
            if delivered > 0 {
                continue;
            }
            let now = Instant::now();
            let next = self.waits.values().map(|wait| wait.until).filter(|until| *until > now).min();
            let idle = now + self.pace.idle;
            let until = next.map_or(idle, |next| next.min(idle));
            tokio::select! {
                () = self.wake_up.notified() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// Sends the first event of every queue that does not wait; how many left the outbox.
    async fn round(&mut self) -> Result<usize, super::Fault> {
        let accounts = (self.accounts)();
        let (mut queues, mut after, mut delivered) = (HashSet::new(), 0, 0);
        // A page at a time: queues that wait do not hold up others.
        loop {
            let page = accounts.store.outbox_heads(after, PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.seq) else { break };
            after = last;
            let due = self.due(&accounts, page, &mut queues).await?;
            delivered += self.send_all(&accounts, due).await;
        }
        self.waits.retain(|queue, _| queues.contains(queue));
        Ok(delivered)
    }

    /// Those whose queue does not wait; `queues` are those that were seen in this round, of which none goes twice.
    async fn due(
        &self,
        accounts: &Accounts,
        page: Vec<OutboxEntry>,
        queues: &mut HashSet<Queue>,
    ) -> Result<Vec<(Queue, OutboxEntry)>, super::Fault> {
        let (mut due, now) = (Vec::new(), Instant::now());
        for entry in page {
            let queue = queue(accounts, &entry).await?;
            let waits = self.waits.get(&queue).is_some_and(|wait| wait.until > now);
            if queues.insert(queue.clone()) && !waits {
                due.push((queue, entry));
            }
        }
        Ok(due)
    }

    /// Sends some at once; how many left the outbox.
    async fn send_all(&mut self, accounts: &Accounts, due: Vec<(Queue, OutboxEntry)>) -> usize {
        let (mut sending, mut delivered) = (JoinSet::new(), 0);
        let mut due = due.into_iter();
        loop {
            while sending.len() < AT_ONCE
                && let Some((queue, entry)) = due.next()
            {
                sending.spawn(send(accounts.clone(), Arc::clone(&self.webhook), queue, entry));
            }
            // A send that panicked counts as failed: its queue comes round again.
            let Some(sent) = sending.join_next().await else { return delivered };
            if let Ok((queue, entry, result)) = sent {
                delivered += usize::from(self.settle(accounts, queue, &entry, result).await);
            }
        }
    }

    /// Takes an event out of the outbox, or puts its queue off.
    async fn settle(
        &mut self,
        accounts: &Accounts,
        queue: Queue,
        entry: &OutboxEntry,
        result: Result<(), String>,
    ) -> bool {
        if let Err(reason) = result {
            let age = age(accounts, entry);
            if age < self.pace.give_up {
                self.put_off(queue, entry, &reason);
                return false;
            }
            if let Some(more) = self.given_up.say(accounts.clock.now()) {
                tracing::error!(event = entry.kind, %reason, more, "an event was given up: it was not accepted in time");
            }
        }
        self.waits.remove(&queue);
        match accounts.store.commit(vec![Change::Dequeue { seq: entry.seq }]).await {
            Ok(_) => true,
            Err(error) => {
                // It will be sent again: at least once.
                self.put_off(queue, entry, &error.to_string());
                false
            }
        }
    }

    fn put_off(&mut self, queue: Queue, entry: &OutboxEntry, reason: &str) {
        let failures = self.waits.get(&queue).map_or(0, |wait| wait.failures).saturating_add(1);
        let wait = self.pace.first.saturating_mul(1 << (failures - 1).min(16)).min(self.pace.longest);
        if let Some(more) = self.not_delivered.say(Clock::System.now()) {
            let wait_s = wait.as_secs_f64();
            tracing::warn!(event = entry.kind, reason, failures, wait_s, more, "an event was not delivered");
        }
        self.waits.insert(queue, Wait { failures, until: Instant::now() + wait });
    }
}

/// In which queue an event stands. A reset of profile `standard` names no user before it is delivered.
async fn queue(accounts: &Accounts, entry: &OutboxEntry) -> Result<Queue, super::Fault> {
    let user = match &entry.user {
        Some(user) => Some(user.clone()),
        None => accounts.addressee(entry).await?.map(|user| user.id),
    };
    Ok(user.map_or(Queue::Alone(entry.seq), Queue::User))
}

fn age(accounts: &Accounts, entry: &OutboxEntry) -> Duration {
    let since = entry.body.get("ts").and_then(serde_json::Value::as_str).and_then(Timestamp::parse);
    let millis = since.map_or(0, |since| accounts.clock.now().0.saturating_sub(since.0));
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher")
            .field("webhook", &self.webhook)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

/// Builds the payload and posts it. An event that no longer has anything to say counts as delivered.
async fn send(
    accounts: Accounts,
    webhook: Arc<Webhook>,
    queue: Queue,
    entry: OutboxEntry,
) -> (Queue, OutboxEntry, Result<(), String>) {
    let result = match accounts.payload(&entry).await {
        Ok(Some(payload)) => {
            let now = accounts.clock.now();
            webhook.post(payload.to_string(), now).await.map_err(|error| chain(&error))
        }
        Ok(None) => Ok(()),
        Err(fault) => Err(chain(&fault)),
    };
    (queue, entry, result)
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
