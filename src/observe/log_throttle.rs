//! Throttling of log lines that a client can cause at will.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::clock::Timestamp;

/// Allows one line a second, and counts those that it suppresses.
#[derive(Debug)]
pub struct LogThrottle {
    /// The second of the last line.
    last: AtomicI64,
    held: AtomicU64,
}

impl LogThrottle {
    /// `Some` if a line may be written now, with the number of lines that were suppressed since the last one.
    #[must_use]
    pub fn say(&self, now: Timestamp) -> Option<u64> {
        // By whole seconds, so that one number is all the state.
        let second = now.0.div_euclid(1000);
        let last = self.last.load(Ordering::Relaxed);
        // Of several threads in the same second one writes the line.
        if last != second
            && self.last.compare_exchange(last, second, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            return Some(self.held.swap(0, Ordering::Relaxed));
        }
        self.held.fetch_add(1, Ordering::Relaxed);
        None
    }
}

impl Default for LogThrottle {
    fn default() -> Self {
        Self { last: AtomicI64::new(i64::MIN), held: AtomicU64::new(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d8_one_line_a_second_says_how_many_were_held_back() {
        let throttle = LogThrottle::default();
        assert_eq!(throttle.say(Timestamp(1_000)), Some(0));
        for moment in [1_000, 1_001, 1_999] {
            assert_eq!(throttle.say(Timestamp(moment)), None);
        }
        assert_eq!(throttle.say(Timestamp(2_000)), Some(3));
        assert_eq!(throttle.say(Timestamp(2_500)), None);
        assert_eq!(throttle.say(Timestamp(9_000)), Some(1), "also after a pause");
        assert_eq!(throttle.say(Timestamp(8_000)), Some(0), "a clock that was set back holds nothing up");
    }
}
