//! Closes a client's connection.

use std::{
    future::poll_fn,
    task::Poll,
    time::{Duration, Instant},
};

use super::Downstream;

impl Downstream {
    /// Makes the connection end with a reset; see [`crate::connection::Socket::reset`].
    pub(crate) fn reset(&mut self) {
        self.is_reset = true;
        self.socket.reset();
    }

    /// Closes the connection so that the client receives the answer. A close with unread input would send a
    /// reset, which may destroy the answer, so the write side is shut down and input is discarded for a while
    /// (RFC 9112 section 9.6).
    pub async fn linger(&mut self) {
        // After a reset there is no answer that could be lost.
        if self.is_reset {
            return;
        }
        self.deadline.set(LINGER_IDLE);
        let ended = poll_fn(|cx| match self.socket.poll_shutdown(cx) {
            Poll::Pending if self.deadline.passed(cx) => Poll::Ready(false),
            other => other.map(|ended| ended.is_ok()),
        });
        if !ended.await {
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

/// The longest time in which the input of a closing connection is discarded.
const LINGER: Duration = Duration::from_secs(10);
/// The same without a byte from the client.
const LINGER_IDLE: Duration = Duration::from_secs(2);
