//! Undelivered events in one queue for each user, so that the events of one user do not hold up another's. Mails have
//! queues and limits of their own: neither a webhook that is down nor a mail server that is down holds up the other. In
//! a queue of mails each recipient has a head.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use serde_json::Value;

use crate::{identity::UserId, store::records::OutboxEntry};

/// The events and their queues. An event without a user is a queue of its own.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    entries: BTreeMap<u64, OutboxEntry>,
    queues: HashMap<Queue, BTreeSet<u64>>,
    /// The first event of every queue; of mails, the first one to each recipient.
    heads: BTreeSet<u64>,
    /// Those that are mails.
    mails: BTreeSet<u64>,
}

/// The queue of an event that has a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Queue {
    user: UserId,
    is_mail: bool,
}

impl Outbox {
    /// Sets or removes an event. Returns the previous one.
    pub(super) fn replace(&mut self, seq: u64, entry: Option<OutboxEntry>) -> Option<OutboxEntry> {
        let old = self.entries.remove(&seq);
        if let Some(old) = &old {
            self.leave(seq, old);
        }
        if let Some(entry) = entry {
            self.enter(seq, &entry);
            self.entries.insert(seq, entry);
        }
        old
    }

    pub(super) fn get(&self, seq: u64) -> Option<&OutboxEntry> {
        self.entries.get(&seq)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All events up to number `last`, the oldest first.
    pub(super) fn all(&self, last: u64) -> impl Iterator<Item = &OutboxEntry> {
        self.entries.range(..=last).map(|(_, entry)| entry)
    }

    /// The heads after number `after` and up to `last`, the oldest first.
    pub(super) fn heads(&self, after: u64, last: u64) -> impl Iterator<Item = &OutboxEntry> {
        let wanted = (Bound::Excluded(after), Bound::Included(last.max(after)));
        self.heads.range(wanted).filter_map(|seq| self.entries.get(seq))
    }

    /// The undelivered event that `entry` replaces: same user and type, of the types in [`LATEST_ONLY`].
    pub(super) fn superseded_by(&self, entry: &OutboxEntry) -> Option<&OutboxEntry> {
        // All other types carry facts that no later event repeats, such as `password.changed`.
        if !LATEST_ONLY.contains(&&*entry.kind) {
            return None;
        }
        self.queue_of(entry).find(|earlier| earlier.kind == entry.kind)
    }

    /// The event to drop before this one is added: one of the same user if they have too many.
    pub(super) fn surplus(&self, entry: &OutboxEntry) -> Option<u64> {
        let queue = Queue::of(entry).and_then(|queue| self.queues.get(&queue));
        if queue.is_some_and(|queue| queue.len() >= QUEUE_LIMIT) {
            // The type that floods the queue is dropped first.
            let mut events = self.queue_of(entry);
            let same = events.find(|earlier| earlier.kind == entry.kind).map(|earlier| earlier.seq);
            return same.or_else(|| queue.and_then(BTreeSet::first).copied());
        }
        if entry.is_mail() {
            return self.mails.first().copied().filter(|_| self.mails.len() >= OUTBOX_LIMIT);
        }
        if self.entries.len() - self.mails.len() < OUTBOX_LIMIT {
            return None;
        }
        self.entries.keys().find(|seq| !self.mails.contains(seq)).copied()
    }

    /// The queue that an event belongs to.
    fn queue_of(&self, entry: &OutboxEntry) -> impl Iterator<Item = &OutboxEntry> {
        let queue = Queue::of(entry).and_then(|queue| self.queues.get(&queue));
        queue.into_iter().flatten().filter_map(|seq| self.entries.get(seq))
    }

    /// The earliest one that `entry` would have to wait for, or that would have to wait for it.
    fn first_beside(&self, entry: &OutboxEntry) -> Option<u64> {
        self.queue_of(entry).find(|other| other.recipient() == entry.recipient()).map(|other| other.seq)
    }

    fn enter(&mut self, seq: u64, entry: &OutboxEntry) {
        if entry.is_mail() {
            self.mails.insert(seq);
        }
        let Some(queue) = Queue::of(entry) else {
            self.heads.insert(seq);
            return;
        };
        let first = self.first_beside(entry);
        self.queues.entry(queue).or_default().insert(seq);
        if first.is_none_or(|first| seq < first) {
            if let Some(first) = first {
                self.heads.remove(&first);
            }
            self.heads.insert(seq);
        }
    }

    fn leave(&mut self, seq: u64, entry: &OutboxEntry) {
        self.heads.remove(&seq);
        self.mails.remove(&seq);
        let Some(name) = Queue::of(entry) else { return };
        let Some(queue) = self.queues.get_mut(&name) else { return };
        queue.remove(&seq);
        if queue.is_empty() {
            self.queues.remove(&name);
        }
        self.heads.extend(self.first_beside(entry));
    }
}

impl Queue {
    fn of(entry: &OutboxEntry) -> Option<Self> {
        entry.user.clone().map(|user| Self { user, is_mail: entry.is_mail() })
    }
}

/// Merges what only the earlier event contained into the later one: names of changed properties and other fields.
pub(super) fn carry_over(earlier: &OutboxEntry, later: &mut OutboxEntry) {
    let Some(Value::Object(before)) = earlier.body.get("more") else { return };
    let Some(Value::Object(more)) = later.body.get_mut("more") else { return };
    for (name, value) in before {
        if !more.contains_key(name) {
            more.insert(name.clone(), value.clone());
        }
    }
    if let (Some(Value::Array(known)), Some(Value::Array(names))) =
        (before.get("changed"), more.get_mut("changed"))
    {
        add_names(known, names);
    }
}

fn add_names(known: &[Value], names: &mut Vec<Value>) {
    let length = |name: &Value| name.as_str().map_or(0, str::len) + 1;
    // A client chooses the names of properties, and an event is merged with each change.
    let mut room = NAMES_LIMIT.saturating_sub(names.iter().map(length).sum());
    for name in known {
        if !names.contains(name) && length(name) <= room {
            room -= length(name);
            names.push(name.clone());
        }
    }
}

/// Maximum size of the property names in an event, in bytes.
const NAMES_LIMIT: usize = 16 * 1024;

/// Types of which only the latest undelivered event is kept. They can be caused in large numbers, and a later event
/// repeats the earlier one.
const LATEST_ONLY: [&str; 3] = ["user.changed", "login.failed", "mail:name-taken"];

/// Maximum number of undelivered events of a user.
const QUEUE_LIMIT: usize = 100;

/// Maximum number of undelivered events, and of mails. Without it, anyone could fill the memory while the receiver is down.
const OUTBOX_LIMIT: usize = 100_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn entry(seq: u64, user: Option<i64>, kind: &str) -> OutboxEntry {
        OutboxEntry { seq, kind: kind.to_owned(), user: user.map(UserId::Number), body: json!({}) }
    }

    fn mail(seq: u64, user: Option<i64>, to: &str) -> OutboxEntry {
        OutboxEntry { body: json!({"more": {"to": to}}), ..entry(seq, user, "mail:address-changed") }
    }

    proptest! {
        /// Whatever comes and goes, the heads are the first of each queue.
        #[test]
        fn d1_the_heads_are_the_first_of_each_line(steps in proptest::collection::vec((1_u64..30, 0_i64..5, any::<bool>(), 0..4_u8), 0..80)) {
            let mut outbox = Outbox::default();
            for (seq, user, put, kind) in steps {
                let user = (user > 0).then_some(user);
                let entry = match kind {
                    0 => entry(seq, user, "e"),
                    1 => entry(seq, user, "mail:reset"),
                    2 => mail(seq, user, "old@b.c"),
                    _ => mail(seq, user, "new@b.c"),
                };
                outbox.replace(seq, put.then_some(entry));
                let mut seen = BTreeSet::new();
                let mut is_first = |entry: &OutboxEntry| {
                    entry.user.as_ref().is_none_or(|user| seen.insert((user.clone(), entry.is_mail(), entry.recipient().map(str::to_owned))))
                };
                let expected: Vec<u64> =
                    outbox.all(u64::MAX).filter(|entry| is_first(entry)).map(|entry| entry.seq).collect();
                prop_assert_eq!(outbox.heads(0, u64::MAX).map(|entry| entry.seq).collect::<Vec<_>>(), expected);
            }
        }
    }

    #[test]
    fn mails_and_events_take_no_place_of_each_other() {
        let mut outbox = Outbox::default();
        let limit = QUEUE_LIMIT as u64;
        for seq in 1..=limit {
            outbox.replace(seq, Some(entry(seq, Some(1), "mail:reset")));
        }
        assert_eq!(outbox.surplus(&entry(0, Some(1), "mail:reset")), Some(1));
        assert_eq!(outbox.surplus(&entry(0, Some(1), "logout")), None, "the queue of events is empty");
        assert_eq!(outbox.surplus(&entry(0, Some(2), "mail:reset")), None);
        outbox.replace(limit + 1, Some(entry(limit + 1, Some(1), "logout")));
        let heads: Vec<u64> = outbox.heads(0, u64::MAX).map(|entry| entry.seq).collect();
        assert_eq!(heads, [1, limit + 1], "one for each");
        assert_eq!(outbox.mails.len(), QUEUE_LIMIT);
        outbox.replace(1, None);
        assert_eq!(outbox.mails.len(), QUEUE_LIMIT - 1);
    }

    #[test]
    fn a_recipient_of_a_users_mails_waits_for_no_other_and_all_count_for_the_user() {
        let mut outbox = Outbox::default();
        let limit = QUEUE_LIMIT as u64;
        for seq in 1..=limit {
            outbox.replace(seq, Some(mail(seq, Some(1), &format!("{}@b.c", seq % 3))));
        }
        assert_eq!(outbox.heads(0, u64::MAX).map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(outbox.surplus(&mail(0, Some(1), "another@b.c")), Some(1));
    }

    #[test]
    fn d1_a_change_tells_of_those_that_it_replaces() {
        let with = |names: &[&str]| OutboxEntry {
            body: json!({"more": {"changed": names}}),
            ..entry(1, Some(1), "user.changed")
        };
        let mut later = with(&["b", "c"]);
        carry_over(&with(&["a", "b"]), &mut later);
        assert_eq!(later.body, json!({"more": {"changed": ["b", "c", "a"]}}));
        let disabled = OutboxEntry {
            body: json!({"more": {"changed": ["disabled"], "disabled": true}}),
            ..entry(1, Some(1), "user.changed")
        };
        carry_over(&disabled, &mut later);
        assert_eq!(
            later.body["more"]["disabled"],
            json!(true),
            "what the later one says nothing of stays said"
        );
    }
}
