//! Requests that could not be forwarded, or must not be.

use crate::{
    connection::Downstream,
    forward::{Failed, ForwardError},
    observe::metrics::UpstreamError,
    refusal::Refusal,
};

use super::{Gate, Stop, body::stop_body, request::Request};

impl Request<'_> {
    /// Refuses a request that this gate has sent itself.
    pub(super) fn check_loop(&self) -> Result<(), Refusal> {
        if !self.app.forwarder.is_loop(self.head) {
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

    /// Logs the error, and returns the answer to the client.
    pub(super) fn not_forwarded(&self, failed: Failed<'_>, down: &Downstream) -> Stop {
        let Failed { error, server } = failed;
        if let ForwardError::Body(error) = error {
            // A part of the answer has been sent, so the connection can only be closed.
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
        // A throttle for each kind, so that a frequent error does not hide a rare one.
        if let Some(more) = failures.app.get(kind as usize).and_then(|app| app.say(clock.now())) {
            let (request_id, app) = (self.context.request_id.as_str(), self.app.settings.name.as_deref());
            tracing::warn!(request_id, app, server, %error, more, "the app failed");
        }
        if down.answered {
            return Stop::Gone;
        }
        // 504 for time, 502 for everything else (RFC 9110 section 15.6).
        let slow = matches!(error, ForwardError::ResponseTimeout | ForwardError::ConnectTimeout { .. });
        Stop::Refused(if slow { Refusal::AppTooSlow } else { Refusal::AppDown })
    }
}

/// The kind in the metrics.
impl From<&ForwardError> for UpstreamError {
    fn from(error: &ForwardError) -> Self {
        match error {
            ForwardError::Connect { .. } => Self::Connect,
            ForwardError::ConnectTimeout { .. } => Self::ConnectTimeout,
            ForwardError::ResponseTimeout => Self::ResponseTimeout,
            ForwardError::Cut | ForwardError::CutAtOnce => Self::Closed,
            _ => Self::Protocol,
        }
    }
}
