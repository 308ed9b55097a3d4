//! Clients that are slow, but not silent: a body has to bring, and an answer to be taken with, the least rate.
//!
//! Only the time is counted in which only the client was waited for: a slow app costs no client anything, and
//! neither does a stream in which there is nothing to send.

mod measured;

use std::time::Duration;

use super::{Exchange, Wait};

pub(super) use measured::Pace;

impl Exchange<'_> {
    /// Counts what has passed since the last look, and says whether the client has been too slow. Called whenever the
    /// client is waited for, or was until now.
    pub(super) fn is_too_slow(&mut self, wait: Wait) -> bool {
        let now = self.down.deadline.now();
        let passed = now.saturating_sub(self.pace.since);
        self.pace.since = now;
        match self.wait {
            Some(Wait::Body) => self.pace.body += passed,
            Some(Wait::Client) => self.pace.client += passed,
            _ => {}
        }
        match wait {
            Wait::Body => self.left_for_body().is_none(),
            Wait::Client => self.takes_too_little(),
            _ => false,
        }
    }

    /// How long more of the body may be waited for; `None` = no longer.
    pub(super) fn left_for_body(&self) -> Option<Duration> {
        let times = &self.down.times;
        if times.min_rate.is_none() {
            return Some(times.body);
        }
        let left = times.for_body(self.down.bytes_in).checked_sub(Duration::from_millis(self.pace.body));
        left.map(|left| left.min(times.body))
    }

    /// Each span of waiting as long as `write_timeout` has to bring its share: what went into the system's buffers at
    /// once pays for nothing later.
    fn takes_too_little(&mut self) -> bool {
        let (times, pace) = (&self.down.times, &mut self.pace);
        if times.min_rate.is_none() || Duration::from_millis(pace.client) < times.write {
            return false;
        }
        let taken = times.at_min_rate(self.down.bytes_out.saturating_sub(pace.delivered));
        pace.client = 0;
        pace.delivered = self.down.bytes_out;
        taken < times.write
    }
}
