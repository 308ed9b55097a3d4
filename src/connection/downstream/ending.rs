//! How a client's connection ends.

use std::{
    future::poll_fn,
    time::{Duration, Instant},
};

use super::Downstream;

impl Downstream {
    /// From now on the connection ends with a reset: see [`crate::connection::Socket::reset`].
    pub(crate) fn reset(&mut self) {
        self.is_reset = true;
        self.socket.reset();
    }

    /// Ends the connection so that the client gets the answer instead of a reset: no more is written,
    /// and what the client is still sending is read and forgotten for a while (RFC 9112 section 9.6).
    pub async fn linger(&mut self) {
        if self.is_reset || poll_fn(|cx| self.socket.poll_shutdown(cx)).await.is_err() {
            return;
        }
        let until = Instant::now() + LINGER;
        while Instant::now() < until {
            self.deadline.set(LINGER_IDLE);
            self.scratch.input.clear();
            match poll_fn(|cx| self.poll_input(cx)).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

/// A client that is still sending what is not wanted is listened to for so long, so that it sees the answer.
const LINGER: Duration = Duration::from_secs(10);
/// …and for so long without a byte.
const LINGER_IDLE: Duration = Duration::from_secs(2);
