//! Detects a peer that does not read.

use std::time::Duration;

use super::Times;

/// The measurement of one side.
#[derive(Debug, Default)]
pub struct Stall {
    /// The last time at which bytes were waiting, in ms of the core's coarse time.
    since: Option<u64>,
    /// The time of waiting in the current span.
    waited: u64,
    /// The bytes that were read when the current span began.
    taken: u64,
}

impl Stall {
    /// Whether the side is too slow. `waits`: bytes are waiting for it now; `taken`: bytes that it has read so
    /// far.
    ///
    /// Over every `write_timeout` of accumulated waiting it must read bytes at `min_rate`. Time without waiting
    /// bytes does not count.
    #[must_use]
    pub fn is_over(&mut self, now: u64, waits: bool, taken: u64, times: &Times) -> bool {
        if let Some(since) = self.since {
            self.waited += now.saturating_sub(since);
        }
        self.since = waits.then_some(now);
        if !waits || Duration::from_millis(self.waited) < times.write {
            return false;
        }
        let moved = taken.saturating_sub(self.taken);
        (self.waited, self.taken) = (0, taken);
        moved == 0 || (times.min_rate.is_some() && times.at_min_rate(moved) < times.write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(min_rate: Option<u64>) -> Times {
        let second = Duration::from_secs(1);
        Times { header: second, body: second, write: 30 * second, idle: second, min_rate }
    }

    #[test]
    fn d6_a_side_that_takes_nothing_is_given_up() {
        let mut stall = Stall::default();
        let times = times(Some(1_000));
        for now in (0..30_000).step_by(1_000) {
            assert!(!stall.is_over(now, true, 0, &times), "{now}");
        }
        assert!(stall.is_over(30_000, true, 0, &times));
    }

    #[test]
    fn d6_a_drip_is_no_progress_where_a_rate_is_asked_for() {
        for (min_rate, over) in [(Some(1_000), true), (None, false)] {
            let (mut stall, times) = (Stall::default(), times(min_rate));
            let ended = (0..40_000).step_by(1_000).any(|now| stall.is_over(now, true, now / 1_000, &times));
            assert_eq!(ended, over, "{min_rate:?}");
        }
    }

    #[test]
    fn d6_a_side_that_keeps_up_and_one_that_has_nothing_to_take_may_stay() {
        let (mut stall, times) = (Stall::default(), times(Some(1_000)));
        for now in (0..200_000).step_by(1_000) {
            assert!(!stall.is_over(now, true, now, &times), "{now}");
        }
        let mut stall = Stall::default();
        assert!(!stall.is_over(0, true, 0, &times));
        assert!(!stall.is_over(1_000, false, 0, &times));
        assert!(!stall.is_over(900_000, true, 0, &times), "it was idle, not slow");
    }
}
