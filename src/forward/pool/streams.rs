//! A server that speaks HTTP/2, whose connections carry any number of requests.

use std::net::IpAddr;

use super::{Connection, NAME_LIFE, Server, Terms};
use crate::forward::{Address, ForwardError, http2::Use};

impl Server {
    /// Whether it speaks HTTP/2.
    #[must_use]
    pub(in crate::forward) fn is_http2(&self) -> bool {
        self.is_http2
    }

    /// A new stream on an open connection of HTTP/2.
    pub(in crate::forward) fn stream(&self, now: u64, client: Option<IpAddr>) -> Option<Connection> {
        let terms = Terms { opened_at: now, client: client.map(Box::new) };
        self.links.stream(self.usage(&terms)).map(|socket| Connection { socket, terms })
    }

    /// The error of an answer that was cut. `is_known`: the server has sent a byte in HTTP on this connection or before it.
    pub(in crate::forward) fn cut(&self, is_known: bool) -> ForwardError {
        let plain = matches!(self.address, Address::Tcp(_));
        if plain && !is_known { ForwardError::CutAtOnce } else { ForwardError::Cut }
    }

    /// Records why a request was not answered. If that took too long, connections of HTTP/2 get no more requests, because
    /// they may be dead.
    pub(in crate::forward) fn failed(&self, error: &ForwardError) {
        if error.is_silence() {
            self.unanswered();
        }
        if matches!(error, ForwardError::ResponseTimeout) {
            self.links.retire();
        }
    }

    pub(super) fn usage(&self, terms: &Terms) -> Use {
        let longest = self.is_named.then_some(NAME_LIFE);
        Use { now: terms.opened_at, client: terms.client.as_deref().copied(), longest }
    }
}
