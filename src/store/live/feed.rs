//! The changes feed: a ring of the newest notices.

use std::collections::VecDeque;

use crate::store::{ChangeNotice, StoreError};

/// The newest [`FEED_CAPACITY`] notices.
#[derive(Debug)]
pub(super) struct Feed {
    notices: VecDeque<ChangeNotice>,
    /// The number of the newest notice ever.
    last: u64,
}

impl Feed {
    /// A feed whose next notice is the one after `last`.
    pub(super) fn after(last: u64) -> Self {
        Self { notices: VecDeque::new(), last }
    }

    /// Adds notices and drops the oldest.
    pub(super) fn extend(&mut self, notices: Vec<ChangeNotice>) {
        self.last = notices.last().map_or(self.last, |notice| notice.seq);
        self.notices.extend(notices);
        let surplus = self.notices.len().saturating_sub(FEED_CAPACITY);
        self.notices.drain(..surplus);
    }

    /// The notices after number `after`; 0 returns all that are kept.
    ///
    /// # Errors
    /// [`StoreError::FeedTruncated`] when a notice was dropped, or the number has not been reached (it is from another
    /// store).
    pub(super) fn since(&self, after: u64) -> Result<Vec<ChangeNotice>, StoreError> {
        let oldest = self.notices.front().map_or(self.last + 1, |notice| notice.seq);
        if after != 0 && (after > self.last || after + 1 < oldest) {
            return Err(StoreError::FeedTruncated);
        }
        Ok(self.notices.iter().filter(|notice| notice.seq > after).cloned().collect())
    }
}

/// Number of notices kept. A reader polls up to four times a second, so this covers seconds of the busiest store.
const FEED_CAPACITY: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ChangeNotices;

    fn notices(seqs: std::ops::RangeInclusive<u64>) -> Vec<ChangeNotice> {
        seqs.map(|seq| ChangeNotice { seq, what: ChangeNotices::Rules }).collect()
    }

    fn seqs(answer: Vec<ChangeNotice>) -> Vec<u64> {
        answer.into_iter().map(|notice| notice.seq).collect()
    }

    #[test]
    fn gives_what_comes_after() {
        let mut feed = Feed::after(0);
        assert_eq!(seqs(feed.since(0).unwrap()), [0; 0]);
        feed.extend(notices(1..=3));
        assert_eq!(seqs(feed.since(0).unwrap()), [1, 2, 3]);
        assert_eq!(seqs(feed.since(2).unwrap()), [3]);
        assert_eq!(seqs(feed.since(3).unwrap()), [0; 0]);
    }

    #[test]
    fn says_so_when_a_notice_is_gone() {
        let kept = u64::try_from(FEED_CAPACITY).unwrap();
        let mut feed = Feed::after(0);
        feed.extend(notices(1..=kept + 5));
        assert!(matches!(feed.since(4), Err(StoreError::FeedTruncated)));
        assert_eq!(feed.since(5).unwrap().len(), FEED_CAPACITY);
        assert_eq!(feed.since(0).unwrap().len(), FEED_CAPACITY, "0 asks for what is kept");
    }

    #[test]
    fn a_restart_and_another_store_are_told_from_silence() {
        let feed = Feed::after(7);
        assert!(matches!(feed.since(6), Err(StoreError::FeedTruncated)));
        assert_eq!(seqs(feed.since(7).unwrap()), [0; 0]);
        assert!(matches!(feed.since(8), Err(StoreError::FeedTruncated)));
    }
}
