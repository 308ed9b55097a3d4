//! What becomes of a request that could not be forwarded, or that should not be.

use crate::{
    connection::Downstream, forward::ForwardError, observe::metrics::UpstreamError, refusal::Refusal,
};

use super::{Gate, Stop, body::stop_body, request::Request};

impl Request<'_> {
    /// A request of this gate's own that comes back is not a request of a client's.
    pub(super) fn check_loop(&self) -> Result<(), Refusal> {
        if !self.core.forwarder.is_loop(self.head) {
            return Ok(());
        }
        if let Some(more) = self.gate.failures.looped.say(self.gate.clock.now()) {
            tracing::error!(
                more,
                "a request came back to this gate: `upstream.servers` leads to the gate itself"
            );
        }
        Err(Refusal::Loop)
    }

    /// Tells the log, and says what is left to tell the client.
    pub(super) fn not_forwarded(&self, error: ForwardError, down: &Downstream) -> Stop {
        if let ForwardError::Body(error) = error {
            // Half an answer is out: ending the connection is all that is left to say.
            return if down.answered { Stop::Gone } else { stop_body(error) };
        }
        if matches!(error, ForwardError::ClientGone | ForwardError::ClientStuck | ForwardError::Stopping) {
            return Stop::Gone;
        }
        if matches!(error, ForwardError::TokenEnded) {
            let refusal = Refusal::Denied { status: 401, model: String::new(), model_id: None };
            return if down.answered { Stop::Gone } else { Stop::Refused(refusal) };
        }
        let kind = UpstreamError::from(&error);
        let Gate { failures, clock, metrics, .. } = self.gate;
        metrics.upstream_error(kind);
        if let Some(more) = failures.app.get(kind as usize).and_then(|app| app.say(clock.now())) {
            tracing::warn!(request_id = self.context.request_id.as_str(), %error, more, "the app failed");
        }
        if down.answered {
            return Stop::Gone;
        }
        let slow = matches!(error, ForwardError::ResponseTimeout | ForwardError::ConnectTimeout { .. });
        Stop::Refused(if slow { Refusal::AppTooSlow } else { Refusal::AppDown })
    }
}

/// How the metrics count it.
impl From<&ForwardError> for UpstreamError {
    fn from(error: &ForwardError) -> Self {
        match error {
            ForwardError::Connect { .. } => Self::Connect,
            ForwardError::ConnectTimeout { .. } => Self::ConnectTimeout,
            ForwardError::ResponseTimeout => Self::ResponseTimeout,
            ForwardError::Cut => Self::Closed,
            _ => Self::Protocol,
        }
    }
}
