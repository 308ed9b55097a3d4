//! Moves a request to the app: its head with the first piece of its body, then the rest of the body.

use std::task::{Context, Poll};

use crate::{
    connection::{BodyError, Incoming},
    forward::Hangup,
    wire::{ChunkStep, write_chunk_head},
};

use super::{Exchange, ForwardError, Phase};

impl Exchange<'_> {
    /// Moves the request on without waiting.
    pub(super) fn upload(&mut self, cx: &mut Context<'_>) -> Result<(), ForwardError> {
        while !self.deaf {
            let rest = self.down.scratch.to_app.get(self.sent..).unwrap_or_default();
            if !rest.is_empty() {
                match self.up.poll_write(cx, rest) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(Ok(count)) if count > 0 => {
                        self.sent += count;
                        self.begun = true;
                        continue;
                    }
                    // The app has received nothing, so the request can be sent again.
                    Poll::Ready(_) if !self.begun => return Err(ForwardError::Cut),
                    Poll::Ready(_) => {
                        self.deaf = true;
                        return Ok(());
                    }
                }
            }
            if self.whole {
                return self.watch_client(cx);
            }
            self.down.scratch.to_app.clear();
            self.sent = 0;
            if self.down.is_done() {
                return self.watch_client(cx);
            }
            if !self.down.scratch.input.is_empty() {
                // A client that already sends its body does not wait for `100 Continue`.
                self.down.continue_wanted = false;
                if !self.move_body(cx)? {
                    return Ok(());
                }
                continue;
            }
            self.want_body();
            match self.down.socket.poll_fill(cx, &mut self.down.scratch.input) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Err(ForwardError::ClientGone),
            }
        }
        Ok(())
    }

    /// Sends `100 Continue` once, before the first wait for a body.
    fn want_body(&mut self) {
        if matches!(self.phase, Phase::Head) && std::mem::take(&mut self.down.continue_wanted) {
            self.down.scratch.to_client.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Moves a piece of the body from the input. `false` if the app accepts no more for now.
    fn move_body(&mut self, cx: &mut Context<'_>) -> Result<bool, ForwardError> {
        if let Incoming::Length(left) = self.down.incoming {
            let ready = self.down.scratch.input.filled().len();
            self.down.look_ahead(ready.min(usize::try_from(left).unwrap_or(usize::MAX)))?;
        }
        let scratch = &mut *self.down.scratch;
        let filled = scratch.input.filled();
        match &mut self.down.incoming {
            Incoming::Done => {}
            Incoming::Length(left) => {
                let count = filled.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                match self.up.poll_write(cx, filled.get(..count).unwrap_or_default()) {
                    Poll::Pending => return Ok(false),
                    Poll::Ready(Ok(count)) if count > 0 => {
                        scratch.input.consume(count);
                        if let Some(watch) = &mut self.down.watch {
                            watch.gone_on(count);
                        }
                        self.down.bytes_in += count as u64;
                        *left -= count as u64;
                        if *left == 0 {
                            self.down.incoming = Incoming::Done;
                        }
                    }
                    Poll::Ready(_) => self.deaf = true,
                }
            }
            Incoming::Chunked(decoder) => {
                let (used, step) = decoder.decode(filled).map_err(BodyError::Broken)?;
                let mut done = false;
                match step {
                    ChunkStep::Data(data) => {
                        if self.down.watch.as_mut().is_some_and(|watch| watch.finds(data)) {
                            return Err(BodyError::MethodOverride.into());
                        }
                        self.down.bytes_in += data.len() as u64;
                        put_chunk(&mut scratch.to_app, data);
                    }
                    ChunkStep::Done => {
                        scratch.to_app.extend_from_slice(b"0\r\n\r\n");
                        done = true;
                    }
                    ChunkStep::More => {}
                }
                scratch.input.consume(used);
                if done {
                    self.down.incoming = Incoming::Done;
                }
            }
        }
        Ok(true)
    }

    /// The whole request has been sent: a client that disconnects now ends the exchange. A client that has only
    /// closed its sending side still waits for the answer.
    pub(super) fn watch_client(&mut self, cx: &mut Context<'_>) -> Result<(), ForwardError> {
        // With pipelined input the client is evidently there, and its bytes belong to the next request.
        if self.hangup.is_none() && self.down.scratch.input.is_empty() {
            match self.down.socket.poll_fill(cx, &mut self.down.scratch.input) {
                Poll::Ready(Ok(0)) => {
                    self.hangup = Some(Hangup::watch(&self.down.socket, &self.forwarder.deadlines));
                }
                Poll::Ready(Err(_)) => return Err(ForwardError::ClientGone),
                Poll::Ready(Ok(_)) | Poll::Pending => {}
            }
        }
        match &self.hangup {
            Some(hangup) if hangup.happened(cx, &self.down.socket) => Err(ForwardError::ClientGone),
            _ => Ok(()),
        }
    }
}

/// Writes a chunk. An empty one is omitted, because it would end the body.
pub(super) fn put_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if !data.is_empty() {
        write_chunk_head(out, data.len());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    }
}
