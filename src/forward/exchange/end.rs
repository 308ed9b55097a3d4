//! Ends a request because its token is no longer valid or the gate stops.

use super::{Delivery, Exchange, ForwardError, Phase, download::put_end};
use crate::connection::Stage;

impl Exchange<'_> {
    /// Checks the token and the shutdown phase, once for each pulse; see [`crate::connection::Deadlines`].
    pub(super) fn look_around(&mut self) -> Result<(), ForwardError> {
        let pulse = self.down.deadline.pulse();
        // The common case: one comparison for each poll.
        if self.pulse == pulse {
            return Ok(());
        }
        self.pulse = pulse;
        if self.token_check.is_some_and(|token_check| !token_check.is_good()) {
            return Err(ForwardError::TokenEnded);
        }
        if self.down.deadline.stage() < Stage::Cutting {
            return Ok(());
        }
        if !self.is_event_stream() {
            return Err(ForwardError::Stopping);
        }
        // An event stream has no end of its own, so an orderly one does not hide missing data.
        put_end(&mut self.down.scratch.to_client, b"", self.delivery);
        self.phase = Phase::Done;
        self.keep_alive = false;
        // The app's connection is not used any more.
        self.deaf = true;
        Ok(())
    }

    fn is_event_stream(&self) -> bool {
        let endless = matches!(self.phase, Phase::Chunked(_) | Phase::UntilClose)
            && matches!(self.delivery, Delivery::Chunked | Delivery::UntilClose);
        let kind = self.down.scratch.response.field("content-type").unwrap_or_default();
        // Parameters such as a charset make no difference.
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        endless && kind.eq_ignore_ascii_case(b"text/event-stream")
    }
}
