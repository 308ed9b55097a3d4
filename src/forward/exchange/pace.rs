//! Enforces `min_rate` for clients that are slow, but never silent for as long as a timeout.
//!
//! Only time counts in which the exchange waited for nothing but the client. A slow app, and a stream without
//! data, are not the client's fault.

mod measured;

use std::time::Duration;

use super::{Exchange, Wait};

pub(super) use measured::Pace;

impl Exchange<'_> {
    /// Adds the time since the last call, and returns whether the client is too slow. Called whenever the
    /// exchange waits for the client, or did until now.
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

    /// The remaining time to wait for more of the body; `None` = it is over.
    pub(super) fn left_for_body(&self) -> Option<Duration> {
        let times = &self.down.times;
        if times.min_rate.is_none() {
            return Some(times.body);
        }
        // The total time counts, so that a fast beginning may be followed by slower pieces.
        let left = times.for_body(self.down.bytes_in).checked_sub(Duration::from_millis(self.pace.body));
        left.map(|left| left.min(times.body))
    }

    /// Whether the client read too little. Every `write_timeout` of accumulated waiting must move its share:
    /// bytes that fit into the kernel's buffers at once do not count for later.
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
