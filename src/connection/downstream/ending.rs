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
        if self.is_reset || !self.shut_down().await {
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

    /// Closes the connection after the answer to a client that sends no more requests. There is nothing to wait for if its
    /// last one has been read.
    pub async fn close(&mut self) {
        if self.is_done() && self.scratch.input.is_empty() && !self.is_reset {
            self.shut_down().await;
        } else {
            self.linger().await;
        }
    }

    /// Shuts the write side down. `false` if that is not possible.
    async fn shut_down(&mut self) -> bool {
        self.deadline.set(LINGER_IDLE);
        let ended = poll_fn(|cx| match self.socket.poll_shutdown(cx) {
            Poll::Pending if self.deadline.passed(cx) => Poll::Ready(false),
            other => other.map(|ended| ended.is_ok()),
        });
        ended.await
    }
}

/// The longest time in which the input of a closing connection is discarded.
const LINGER: Duration = Duration::from_secs(10);
/// The same without a byte from the client.
const LINGER_IDLE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::{
        clock::Clock,
        connection::{
            Peer, Socket,
            deadline::Deadlines,
            downstream::{Arrival, Scratch, Times},
        },
        wire::{HeadLimits, RequestHead},
    };

    /// Whether closing waits for a client that has sent these bytes, and keeps its connection open.
    async fn waits_after(sent: &str) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.write_all(sent.as_bytes()).await.unwrap();
        let (ours, _) = listener.accept().await.unwrap();
        ours.readable().await.unwrap();
        let second = Duration::from_secs(1);
        let times = Times { header: second, body: second, write: second, idle: second, min_rate: None };
        let deadline = Rc::new(Deadlines::new(Clock::System)).deadline();
        let peer = Peer::Ip([127, 0, 0, 1].into());
        let mut down =
            Downstream::new(Socket::from(ours), peer, deadline, Box::<Scratch>::default(), Rc::new(times));
        let mut head = RequestHead::default();
        let limits = HeadLimits { bytes: 1024, fields: 8 };
        assert!(matches!(down.arrival(&mut head, &limits).await, Arrival::Head));
        let waits = {
            let mut closing = std::pin::pin!(down.close());
            poll_fn(|cx| Poll::Ready(closing.as_mut().poll(cx).is_pending())).await
        };
        // In either case the client sees the end.
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        waits
    }

    #[tokio::test]
    async fn only_a_client_whose_request_was_not_read_whole_is_waited_for() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
        assert!(!waits_after(&format!("{head}\r\n")).await);
        assert!(waits_after(&format!("{head}Content-Length: 3\r\n\r\nab")).await);
        assert!(waits_after(&format!("{head}\r\nGET / HTTP/1.1\r\n")).await);
    }
}
