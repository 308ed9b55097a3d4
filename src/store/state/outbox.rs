//! Undelivered events in one queue for each user, so that the events of one user do not hold up another's.

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
    queues: HashMap<UserId, BTreeSet<u64>>,
    /// The first event of every queue.
    heads: BTreeSet<u64>,
}

impl Outbox {
    /// Sets or removes an event. Returns the previous one.
    pub(super) fn replace(&mut self, seq: u64, entry: Option<OutboxEntry>) -> Option<OutboxEntry> {
        let old = self.entries.remove(&seq);
        if let Some(old) = &old {
            self.leave(seq, old.user.as_ref());
        }
        if let Some(entry) = entry {
            self.enter(seq, entry.user.as_ref());
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

    /// The first event of every queue after number `after` and up to `last`, the oldest first.
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
        self.queue(entry.user.as_ref()).find(|earlier| earlier.kind == entry.kind)
    }

    /// The event to drop before this one is added: one of the same user if they have too many.
    pub(super) fn surplus(&self, entry: &OutboxEntry) -> Option<u64> {
        let queue = entry.user.as_ref().and_then(|user| self.queues.get(user));
        if queue.is_some_and(|queue| queue.len() >= QUEUE_LIMIT) {
            // The type that floods the queue is dropped first.
            let mut events = self.queue(entry.user.as_ref());
            let same = events.find(|earlier| earlier.kind == entry.kind).map(|earlier| earlier.seq);
            return same.or_else(|| queue.and_then(BTreeSet::first).copied());
        }
        let full = self.entries.len() >= OUTBOX_LIMIT;
        self.entries.first_key_value().map(|(seq, _)| *seq).filter(|_| full)
    }

    fn queue(&self, user: Option<&UserId>) -> impl Iterator<Item = &OutboxEntry> {
        let queue = user.and_then(|user| self.queues.get(user));
        queue.into_iter().flatten().filter_map(|seq| self.entries.get(seq))
    }

    fn enter(&mut self, seq: u64, user: Option<&UserId>) {
        let Some(user) = user else {
            self.heads.insert(seq);
            return;
        };
        let queue = self.queues.entry(user.clone()).or_default();
        let first = queue.first().copied();
        queue.insert(seq);
        if first.is_none_or(|first| seq < first) {
            if let Some(first) = first {
                self.heads.remove(&first);
            }
            self.heads.insert(seq);
        }
    }

    fn leave(&mut self, seq: u64, user: Option<&UserId>) {
        self.heads.remove(&seq);
        let Some(user) = user else { return };
        let Some(queue) = self.queues.get_mut(user) else { return };
        queue.remove(&seq);
        match queue.first() {
            Some(first) => drop(self.heads.insert(*first)),
            None => drop(self.queues.remove(user)),
        }
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
const LATEST_ONLY: [&str; 2] = ["user.changed", "login.failed"];

/// Maximum number of undelivered events of a user.
const QUEUE_LIMIT: usize = 100;

/// Maximum number of undelivered events. Without it, anyone could fill the memory while the receiver is down.
const OUTBOX_LIMIT: usize = 100_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn entry(seq: u64, user: Option<i64>, kind: &str) -> OutboxEntry {
        OutboxEntry { seq, kind: kind.to_owned(), user: user.map(UserId::Number), body: json!({}) }
    }

    proptest! {
        /// Whatever comes and goes, the heads are the first of each queue.
        #[test]
        fn d1_the_heads_are_the_first_of_each_line(steps in proptest::collection::vec((1_u64..30, 0_i64..5, any::<bool>()), 0..80)) {
            let mut outbox = Outbox::default();
            for (seq, user, put) in steps {
                let user = (user > 0).then_some(user);
                outbox.replace(seq, put.then(|| entry(seq, user, "e")));
                let mut seen = BTreeSet::new();
                let expected: Vec<u64> = outbox
                    .all(u64::MAX)
                    .filter(|entry| entry.user.as_ref().is_none_or(|user| seen.insert(user.clone())))
                    .map(|entry| entry.seq)
                    .collect();
                prop_assert_eq!(outbox.heads(0, u64::MAX).map(|entry| entry.seq).collect::<Vec<_>>(), expected);
            }
        }
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
