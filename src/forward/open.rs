//! Chooses a server for a request, and connects to it.

use std::{future::poll_fn, task::Poll};

use super::{
    ForwardError, Forwarder,
    pool::{Attempt, Connected, Connection, Reuse, Server, Terms},
    sender::Sender,
};
use crate::{clock::Clock, connection::Deadline};

impl Forwarder {
    /// A connection for a request of `sender`: an idle one or a new one. If a server cannot be reached, the
    /// next one is tried, each of them once. The last one stays in `attempt`.
    ///
    /// # Errors
    /// The error of the last server.
    pub(super) async fn open<'s>(
        &'s self,
        sender: Sender<'_>,
        deadline: &Deadline,
        attempt: &mut Attempt<'s>,
    ) -> Result<Connected<'s>, ForwardError> {
        let client = self.settings.announce.and_then(|_| sender.client());
        let mut left = self.pool.size();
        loop {
            let Some(server) = self.pool.choose(sender.hash_key(), attempt.avoid) else {
                return Err(ForwardError::Cut);
            };
            attempt.chosen = Some(server);
            // Counted before the connect, so that requests that wait for one count as well.
            let active = server.enter();
            let idle = match attempt.reuse {
                // A stream is framed by itself, so it needs no connection of its own.
                _ if server.is_http2() => server.stream(self.deadlines.now(), client),
                Reuse::Idle => server.take(self.deadlines.now(), client),
                Reuse::Fresh => None,
            };
            if let Some(connection) = idle {
                return Ok(Connected { server, connection, reused: !attempt.is_second, active });
            }
            // Idle connections do not count: they may all be stale.
            left = left.saturating_sub(1);
            match self.connect(server, deadline, sender).await {
                Ok(connection) => return Ok(Connected { server, connection, reused: false, active }),
                Err(error) if left == 0 => return Err(error),
                Err(error) => {
                    if let Some(more) = self.unreached.say(Clock::System.now()) {
                        tracing::warn!(%error, more, "the next server is tried");
                    }
                }
            }
        }
    }

    /// Connects within `connect_timeout`.
    pub(super) async fn connect(
        &self,
        server: &Server,
        deadline: &Deadline,
        sender: Sender<'_>,
    ) -> Result<Connection, ForwardError> {
        deadline.set(self.settings.connect_timeout);
        let announce = self.settings.announce;
        let first = announce.map(|version| sender.proxy_header(version)).unwrap_or_default();
        let terms = Terms {
            opened_at: self.deadlines.now(),
            client: announce.and_then(|_| sender.client()).map(Box::new),
        };
        let connected = {
            let limits = &self.settings.response_head;
            let mut connecting = std::pin::pin!(server.connect(&first, &terms, limits));
            poll_fn(|cx| match connecting.as_mut().poll(cx) {
                Poll::Pending if deadline.passed(cx) => Poll::Ready(None),
                other => other.map(Some),
            })
            .await
        };
        match connected {
            Some(Ok(socket)) => Ok(Connection { socket, terms }),
            Some(Err(source)) => Err(ForwardError::Connect { server: server.name.clone(), source }),
            None => {
                // The connect is dropped, so it cannot record the failure itself.
                server.refused();
                Err(ForwardError::ConnectTimeout { server: server.name.clone() })
            }
        }
    }
}
