//! How many mails of a kind an address is sent: anyone can request a reset for any address.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::{clock::Timestamp, mail::Message};

/// The mails of the last hour, by recipient and kind.
#[derive(Debug, Default)]
pub(super) struct Quota {
    sent: HashMap<(String, Message), VecDeque<Timestamp>>,
    /// When those of longer ago were forgotten.
    cleaned: Timestamp,
}

const HOUR: Duration = Duration::from_secs(3600);

/// Mails of a kind in an hour. A person requests a second reset when the first is slow to come, but hardly a sixth.
const MOST: usize = 5;

/// The same, of those that a stranger causes and that tell the same each time.
const MOST_REPEATED: usize = 1;

/// Recipients that are remembered. Beyond them the oldest hour is forgotten early, which lets mails through.
const MOST_RECIPIENTS: usize = 50_000;

impl Quota {
    /// Whether another mail may be sent.
    pub(super) fn admits(&self, to: &str, message: Message, now: Timestamp) -> bool {
        let most = if message == Message::NameTaken { MOST_REPEATED } else { MOST };
        let of_hour = self
            .sent
            .get(&key(to, message))
            .map_or(0, |sent| sent.iter().filter(|at| at.plus(HOUR) > now).count());
        of_hour < most
    }

    /// Counts a mail that was sent.
    pub(super) fn count(&mut self, to: &str, message: Message, now: Timestamp) {
        if self.sent.len() >= MOST_RECIPIENTS || self.cleaned.plus(HOUR) <= now {
            self.sent.retain(|_, sent| sent.back().is_some_and(|at| at.plus(HOUR) > now));
            self.cleaned = now;
        }
        if self.sent.len() >= MOST_RECIPIENTS {
            self.sent.clear();
        }
        let sent = self.sent.entry(key(to, message)).or_default();
        sent.push_back(now);
        if sent.len() > MOST {
            sent.pop_front();
        }
    }
}

/// Spellings of one address are one recipient: most servers do not tell letter case apart.
fn key(to: &str, message: Message) -> (String, Message) {
    (to.to_lowercase(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_room_for_a_few_mails_of_each_kind() {
        let mut quota = Quota::default();
        let start = Timestamp(1_795_294_271_688);
        for minute in 0..5_u64 {
            let now = start.plus(Duration::from_secs(60 * minute));
            assert!(quota.admits("ann@b.c", Message::Reset, now));
            quota.count("ann@b.c", Message::Reset, now);
        }
        let now = start.plus(Duration::from_secs(300));
        assert!(!quota.admits("Ann@B.C", Message::Reset, now), "another spelling of the same mailbox");
        assert!(
            quota.admits("bob@b.c", Message::Reset, now) && quota.admits("ann@b.c", Message::Confirm, now)
        );
        assert!(quota.admits("ann@b.c", Message::Reset, start.plus(HOUR)), "the first one was an hour ago");
        quota.count("ann@b.c", Message::NameTaken, now);
        assert!(!quota.admits("ann@b.c", Message::NameTaken, now));
    }

    #[test]
    fn what_is_an_hour_old_takes_no_memory() {
        let mut quota = Quota::default();
        let start = Timestamp(1_795_294_271_688);
        for number in 0..100 {
            quota.count(&format!("{number}@b.c"), Message::Reset, start);
        }
        quota.count("ann@b.c", Message::Reset, start.plus(HOUR));
        assert_eq!(quota.sent.len(), 1);
    }
}
