//! Judges requests that a trusted proxy describes, and forwards none (docs/forward-auth.md).
//! The same for an app that asks about its users (docs/authzen.md).

mod answer;
mod authzen;
mod described;
mod judge;

use super::{Client, Core, Gate, Stop, chain::is_trusted, request::Request};
use crate::{
    connection::Downstream,
    refusal::{Form, Refusal},
    wire::RequestHead,
};
use described::{Style, described};
use judge::{Judge, JudgedFor};

impl Gate {
    /// Whether a peer may describe requests.
    #[must_use]
    pub fn may_describe(&self, peer: std::net::IpAddr) -> bool {
        is_trusted(peer, &self.settings.forward_auth.trusted)
    }

    /// Judges the request that a proxy describes, and answers it. Returns whether the connection can be reused.
    pub(super) async fn judge(
        &self,
        core: &Core,
        asked: &RequestHead,
        down: &mut Downstream,
        client: &Client,
    ) -> bool {
        let peer = client.remote.peer.ip();
        if !self.may_describe(peer) {
            if let Some(more) = self.failures.untrusted_peer.say(self.clock.now()) {
                tracing::warn!(
                    proxy = %peer,
                    more,
                    "a request to the listener of `[forward_auth]` was refused: its sender is not in `forward_auth.trusted`"
                );
            }
            self.turn_away(core, down, Refusal::UntrustedPeer, Form::Text, Some("untrusted-peer")).await;
            return false;
        }
        let judge = Judge { gate: self, core, client };
        if authzen::is_asked(asked.path()) {
            return judge.serve_authzen(asked, down).await;
        }
        let head = match described(asked) {
            Ok(head) => head,
            Err(error) => return self.not_described(core, asked, &error, down).await,
        };
        let answered = async |request: &Request<'_>, result: Result<(), Stop>, down: &mut Downstream| {
            let response = match result {
                Ok(()) => request.permission(),
                Err(stop) => request.refusal(stop, Style::of(asked), down),
            };
            request.record.status.set(response.status().as_u16());
            answer::send(asked, &response, down).await
        };
        judge.judge(&head, JudgedFor::Credentials, down, answered).await
    }
}
