//! When to renew, and when to try again.

use std::time::Duration;

use super::error::Failure;
use crate::clock::Timestamp;

/// Longest pause between two looks at the clock: it may have been set, and the timer stands still while the machine sleeps.
pub(super) const LONGEST_SLEEP: Duration = Duration::from_secs(6 * 60 * 60);

/// Bounds of the server's wish when to be asked again about a renewal (RFC 9773 section 4.3.2).
const ASK: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 60 * 60));

/// Pauses after requests that no limit counts: the first, and the longest.
const UNHEARD: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60 * 60));

/// The same after a refusal. With five minutes at first there are four attempts in the first hour, and Let's Encrypt
/// allows five failed checks of a name.
const REFUSED: (Duration, Duration) = (Duration::from_secs(5 * 60), Duration::from_secs(6 * 60 * 60));

/// The same after a limit, if the server does not say how long it lasts.
const LIMITED: (Duration, Duration) = (Duration::from_secs(60 * 60), REFUSED.1);

/// The longest time that `Retry-After` can ask for: the period of Let's Encrypt's longest limit.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The longest time that one name waits for the `Retry-After` of another: a limit may be of the account, or of that name alone.
const LONGEST_SHARED_WAIT: Duration = LIMITED.0;

/// A random part of 1, so that gates which were started together do not ask together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(pub(super) f64);

impl Jitter {
    /// A new one. Without random bytes it is the middle.
    pub(super) fn random() -> Self {
        let mut bytes = [0; 4];
        match getrandom::fill(&mut bytes) {
            Ok(()) => Self(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)),
            Err(_) => Self(0.5),
        }
    }

    fn of(self, duration: Duration) -> Duration {
        duration.mul_f64(self.0.clamp(0.0, 1.0))
    }
}

/// The life of a certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) begin: Timestamp,
    pub(super) end: Timestamp,
}

impl Life {
    fn whole(self) -> Duration {
        between(self.begin, self.end)
    }

    /// When a third of the life is left, or a little earlier.
    pub(super) fn renewal(self, jitter: Jitter) -> Timestamp {
        let whole = self.whole();
        before(self.end, whole / 3 + jitter.of(whole / 30))
    }

    /// The same, in the window that the authority suggests (RFC 9773 section 4.2), but never after the end.
    pub(super) fn renewal_in(self, window: Self, jitter: Jitter) -> Timestamp {
        window.begin.plus(jitter.of(window.whole())).min(before(self.end, self.whole() / 30))
    }

    /// The shortest time between two orders, whatever the dates say: a clock may be wrong.
    pub(super) fn shortest_pause(self) -> Duration {
        (self.whole() / 10).min(Duration::from_secs(60 * 60))
    }
}

/// When to ask the authority about the renewal again.
pub(super) fn ask_again(wish: Duration) -> Duration {
    wish.clamp(ASK.0, ASK.1)
}

/// The pause after a failure. `failures`: how many there were in a row, this one included.
pub(super) fn pause(failure: Failure, failures: u32, jitter: Jitter) -> Duration {
    let (first, longest) = match failure {
        Failure::Uncounted => UNHEARD,
        Failure::OtherChallengeLeft => return UNHEARD.0,
        Failure::Refused => REFUSED,
        Failure::Limited => LIMITED,
    };
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest);
    doubled - jitter.of(doubled / 4)
}

/// When the server can be asked for another name, if it said when it can be asked again.
pub(super) fn not_before_of_others(now: Timestamp, retry_after: Option<Timestamp>) -> Option<Timestamp> {
    retry_after.map(|wish| wish.min(now.plus(LONGEST_SHARED_WAIT)))
}

/// When the server can be asked again, if it said so.
pub(super) fn not_before(now: Timestamp, due: Timestamp, retry_after: Option<Timestamp>) -> Timestamp {
    retry_after.map_or(due, |wish| due.max(wish.min(now.plus(LONGEST_WAIT))))
}

pub(super) fn between(begin: Timestamp, end: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(end.0.saturating_sub(begin.0)).unwrap_or(0))
}

fn before(moment: Timestamp, by: Duration) -> Timestamp {
    Timestamp(moment.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn life(begin: i64, end: i64) -> Life {
        Life { begin: Timestamp(begin * DAY), end: Timestamp(end * DAY) }
    }

    #[test]
    fn a_certificate_is_renewed_with_a_third_of_its_life_left() {
        assert_eq!(life(0, 90).renewal(Jitter(0.0)), Timestamp(60 * DAY));
        assert_eq!(life(0, 90).renewal(Jitter(1.0)), Timestamp(57 * DAY));
        assert_eq!(life(0, 6).renewal(Jitter(0.0)), Timestamp(4 * DAY));
        // No life at all: it is due at once, but not without end.
        assert_eq!(life(5, 5).renewal(Jitter(0.5)), Timestamp(5 * DAY));
        assert_eq!(life(9, 5).shortest_pause(), Duration::ZERO);
        assert_eq!(life(0, 90).shortest_pause(), Duration::from_secs(3600));
    }

    #[test]
    fn the_authority_may_want_it_earlier_but_not_after_the_end() {
        let window = life(10, 12);
        for (jitter, day) in [(0.0, 10), (0.5, 11), (1.0, 12)] {
            assert_eq!(life(0, 90).renewal_in(window, Jitter(jitter)), Timestamp(day * DAY));
        }
        assert_eq!(life(0, 90).renewal_in(life(200, 300), Jitter(0.0)), Timestamp(87 * DAY));
        assert_eq!(life(0, 90).renewal_in(life(12, 10), Jitter(1.0)), Timestamp(12 * DAY));
    }

    #[test]
    fn pauses_grow_and_have_a_bound() {
        let none = Jitter(0.0);
        let refused = |failures| pause(Failure::Refused, failures, none).as_secs();
        assert_eq!((refused(1), refused(2), refused(3), refused(30)), (300, 600, 1200, 21_600));
        // Five failed checks in an hour are the limit of Let's Encrypt: with both challenges at the beginning.
        let mut at = pause(Failure::OtherChallengeLeft, 1, none).as_secs();
        let mut within = 2;
        for failures in 2.. {
            at += pause(Failure::Refused, failures, Jitter(1.0)).as_secs();
            if at > 3600 {
                break;
            }
            within += 1;
        }
        assert!(within <= 5, "{within}");
        let unheard = |failures| pause(Failure::Uncounted, failures, none).as_secs();
        let limited = |failures| pause(Failure::Limited, failures, none).as_secs();
        assert_eq!((limited(1), limited(2), limited(9)), (3600, 7200, 21_600));
        assert_eq!((unheard(1), unheard(2), unheard(20), unheard(u32::MAX)), (5, 10, 3600, 3600));
        assert!(pause(Failure::Refused, 1, Jitter(1.0)) >= Duration::from_secs(225));
    }

    #[test]
    fn the_server_can_ask_for_a_longer_pause_within_reason() {
        let (now, due) = (Timestamp(0), Timestamp(1000));
        assert_eq!(not_before(now, due, None), due);
        assert_eq!(not_before(now, due, Some(Timestamp(10))), due);
        assert_eq!(not_before(now, due, Some(Timestamp(DAY))), Timestamp(DAY));
        assert_eq!(not_before(now, due, Some(Timestamp(900 * DAY))), Timestamp(7 * DAY));
        assert_eq!(not_before_of_others(now, None), None);
        assert_eq!(not_before_of_others(now, Some(Timestamp(10))), Some(Timestamp(10)));
        assert_eq!(not_before_of_others(now, Some(Timestamp(DAY))), Some(Timestamp(3_600_000)));
        assert_eq!(ask_again(Duration::ZERO), Duration::from_secs(60));
        assert_eq!(ask_again(Duration::from_secs(21_600)), Duration::from_secs(21_600));
        assert_eq!(ask_again(Duration::MAX), Duration::from_secs(86_400));
    }

    #[test]
    fn jitter_is_a_part_of_one() {
        for _ in 0..100 {
            let Jitter(part) = Jitter::random();
            assert!((0.0..=1.0).contains(&part));
        }
    }
}
