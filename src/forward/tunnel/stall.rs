//! Detects a side of a tunnel that does not read.

use std::time::Duration;

use crate::connection::{Downstream, Stall};

/// The side that does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    App,
}

/// The bytes that each side has read so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub(super) by_app: u64,
    pub(super) by_client: u64,
}

/// Both sides of a tunnel.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    client: Stall,
    app: Stall,
}

impl Stalls {
    /// The side that has been too slow. Sets the deadline for the next check. The connection of a client is reset,
    /// so that the kernel discards unsent bytes, too.
    pub(super) fn look(&mut self, down: &mut Downstream, taken: Taken) -> Option<Side> {
        let (now, times) = (down.deadline.now(), &down.times);
        let of_app = !down.scratch.input.is_empty();
        let of_client = !down.scratch.from_app.is_empty() || down.socket.has_unsent();
        if self.client.is_over(now, of_client, taken.by_client, times) {
            down.reset();
            return Some(Side::Client);
        }
        if self.app.is_over(now, of_app, taken.by_app, times) {
            return Some(Side::App);
        }
        if of_app || of_client {
            down.deadline.set(times.write.min(LOOK));
        } else {
            down.deadline.clear();
        }
        None
    }
}

/// The interval of checks while bytes are waiting.
const LOOK: Duration = Duration::from_secs(1);
