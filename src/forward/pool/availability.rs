//! What a core has seen of a server lately: whether requests go to it, and how many.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// The time for which a server that failed is passed over if there is another. It doubles with each further failure.
const PASS_OVER: Duration = Duration::from_secs(2);
/// The number of times that it doubles.
const MOST_DOUBLINGS: u32 = 4;
/// The number of requests in a row that a server may leave without an answer. One alone may be the request's fault.
const MOST_UNANSWERED: u32 = 5;
/// The time over which a server that has come back gets its full share again. Its caches and pools are still cold.
pub(super) const SLOW_START: Duration = Duration::from_secs(10);
/// The share at the beginning of that time, in thousandths.
const FIRST_SHARE: u64 = 100;
pub(super) const FULL_SHARE: u64 = 1000;

/// The state of a server as one core has seen it.
#[derive(Debug, Default)]
pub(super) struct Availability {
    /// The last failure, until the server has worked again.
    failed: Cell<Option<Instant>>,
    failures: Cell<u32>,
    /// Requests in a row that it received and did not answer.
    unanswered: Cell<u32>,
    /// The time at which it came back.
    back: Cell<Option<Instant>>,
}

impl Availability {
    /// Records a failed connect. Of many at once the first one counts: they have failed for one reason.
    pub(super) fn refused(&self) {
        if self.failed.get().is_none_or(|at| at.elapsed() > PASS_OVER) {
            self.failures.set(self.failures.get().saturating_add(1));
            self.failed.set(Some(Instant::now()));
        }
    }

    /// Records a connect. A server that takes connections and answers nothing has not come back.
    pub(super) fn connected(&self) {
        if self.failed.get().is_some() && self.unanswered.get() < MOST_UNANSWERED {
            self.come_back();
        }
    }

    /// Records a request that the server received and did not answer. `true` if it is passed over from now on.
    pub(super) fn unanswered(&self) -> bool {
        self.unanswered.set(self.unanswered.get().saturating_add(1));
        let too_many = self.unanswered.get() >= MOST_UNANSWERED;
        if too_many {
            self.refused();
        }
        too_many
    }

    /// Records an answer.
    pub(super) fn answered(&self) {
        // The common case costs one comparison.
        if self.unanswered.replace(0) >= MOST_UNANSWERED {
            self.come_back();
        }
    }

    fn come_back(&self) {
        self.failed.set(None);
        self.failures.set(0);
        self.back.set(Some(Instant::now()));
    }

    /// Whether it is passed over for now. `is_probed`: probes know when it works again, so the time does not grow.
    pub(super) fn is_down(&self, is_probed: bool) -> bool {
        let most = if is_probed { 0 } else { MOST_DOUBLINGS };
        let doublings = self.failures.get().saturating_sub(1).min(most);
        self.failed.get().is_some_and(|at| at.elapsed() <= PASS_OVER * (1 << doublings))
    }

    #[cfg(test)]
    pub(super) fn came_back(&self, ago: Duration) {
        self.back.set(Instant::now().checked_sub(ago));
    }

    /// Its share of the requests that it would get otherwise, in thousandths. Until a server that was passed over has
    /// worked again, few requests try it.
    pub(super) fn share(&self) -> u64 {
        if self.failed.get().is_some() {
            return FIRST_SHARE;
        }
        let Some(back) = self.back.get() else { return FULL_SHARE };
        let share = share_after(back.elapsed());
        if share == FULL_SHARE {
            self.back.set(None);
        }
        share
    }
}

/// The share of a server that came back so long ago, in thousandths.
pub(super) fn share_after(time: Duration) -> u64 {
    if time >= SLOW_START {
        return FULL_SHARE;
    }
    let full = u64::try_from(SLOW_START.as_millis()).unwrap_or(u64::MAX);
    let ramp = u64::try_from(time.as_millis()).unwrap_or(full) * (FULL_SHARE - FIRST_SHARE) / full;
    FIRST_SHARE + ramp
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ago(seconds: u64) -> Option<Instant> {
        Instant::now().checked_sub(Duration::from_secs(seconds))
    }

    #[test]
    fn e2_a_server_that_keeps_refusing_is_passed_over_for_longer_each_time() {
        let availability = Availability::default();
        for (failures, down, up) in [(1, 1, 3), (2, 3, 5), (3, 7, 9), (60, 31, 33)] {
            availability.failures.set(failures);
            availability.failed.set(ago(down));
            assert!(availability.is_down(false), "{failures} failures, {down} s ago");
            assert_eq!(availability.is_down(true), down < 2, "{failures} failures, {down} s ago");
            availability.failed.set(ago(up));
            assert!(!availability.is_down(false), "{failures} failures, {up} s ago");
        }
    }

    #[test]
    fn requests_that_fail_together_are_one_failure() {
        let availability = Availability::default();
        for failures in 1..4 {
            (0..9).for_each(|_| availability.refused());
            assert_eq!(availability.failures.get(), failures);
            availability.failed.set(ago(33));
        }
    }

    #[test]
    fn requests_without_an_answer_count_in_a_row() {
        let availability = Availability::default();
        for _ in 0..3 {
            for _ in 0..4 {
                assert!(!availability.unanswered());
            }
            availability.answered();
        }
        assert!(!availability.is_down(false));
        assert!((0..5).map(|_| availability.unanswered()).eq([false, false, false, false, true]));
        assert!(availability.is_down(false));
        availability.connected();
        assert!(availability.is_down(false), "it took connections all the time");
        availability.failed.set(ago(3));
        assert!(!availability.is_down(false), "it is tried again");
        assert_eq!(availability.share(), FIRST_SHARE, "by a few");
        assert!(availability.unanswered() && availability.is_down(false), "once");
        availability.failed.set(ago(3));
        assert!(availability.is_down(false), "it is passed over for longer");
        availability.answered();
        assert!(!availability.is_down(false));
    }

    #[test]
    fn a_server_that_comes_back_gets_more_and_more() {
        let availability = Availability::default();
        availability.connected();
        assert_eq!(availability.share(), FULL_SHARE, "it was never away");
        availability.refused();
        availability.connected();
        assert_eq!(availability.share() / 10, 10);
        availability.back.set(ago(5));
        assert_eq!(availability.share() / 10, 55);
        availability.back.set(ago(10));
        assert_eq!((availability.share(), availability.back.get()), (FULL_SHARE, None));
    }
}
