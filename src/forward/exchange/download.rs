//! Moves an answer to the client: the rewritten head, then the body.

use std::task::{Context, Poll};

use crate::{
    connection::Stage,
    wire::{ChunkStep, Framing, Scan, check_switch},
};

use super::super::headers::{self, ClientHop, Delivery};
use super::{Exchange, ForwardError, MOST_INTERIM, Phase, TOGETHER, upload::put_chunk};

impl Exchange<'_> {
    /// Moves the answer on without waiting.
    pub(super) fn download(&mut self, cx: &mut Context<'_>) -> Result<(), ForwardError> {
        loop {
            if !self.flush(cx)? {
                return Ok(());
            }
            let scratch = &mut *self.down.scratch;
            let moved = match self.phase {
                Phase::Done | Phase::Switched => return Ok(()),
                Phase::Head => self.scan_head()?,
                _ if scratch.from_app.is_empty() => false,
                Phase::Length(left) => match self.deliver_directly(cx, left)? {
                    Some(()) => true,
                    None => return Ok(()),
                },
                _ => {
                    self.deliver()?;
                    true
                }
            };
            if moved {
                continue;
            }
            match self.up.poll_fill(cx, &mut self.down.scratch.from_app) {
                Poll::Pending => {
                    // The answer is incomplete, and the app may wait for the acknowledgement.
                    if std::mem::take(&mut self.unacknowledged) {
                        self.up.acknowledge();
                    }
                    return Ok(());
                }
                Poll::Ready(Ok(count)) if count > 0 => self.unacknowledged = true,
                Poll::Ready(Ok(_)) => self.app_ended()?,
                // A reset is not the end of an answer (RFC 9112 section 8).
                Poll::Ready(Err(_)) => return Err(ForwardError::Cut),
            }
        }
    }

    /// Writes pending bytes to the client. `false` if it accepts no more for now.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<bool, ForwardError> {
        loop {
            let rest = self.down.scratch.to_client.get(self.delivered..).unwrap_or_default();
            if rest.is_empty() {
                self.down.scratch.to_client.clear();
                self.delivered = 0;
                return match self.down.socket.poll_flush(cx) {
                    Poll::Pending => Ok(false),
                    Poll::Ready(Ok(())) => Ok(true),
                    Poll::Ready(Err(_)) => Err(ForwardError::ClientGone),
                };
            }
            match self.down.socket.poll_write(cx, rest) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.delivered += count;
                    self.down.bytes_out += count as u64;
                    // An interim answer is not final: a refusal may still follow it.
                    self.down.answered |= !matches!(self.phase, Phase::Head);
                }
                Poll::Ready(_) => return Err(ForwardError::ClientGone),
            }
        }
    }

    /// Parses the head of the answer. `false` if it is incomplete.
    fn scan_head(&mut self) -> Result<bool, ForwardError> {
        let scratch = &mut *self.down.scratch;
        if scratch.from_app.is_empty() {
            return Ok(false);
        }
        let limits = &self.forwarder.settings.response_head;
        match scratch
            .response
            .scan(scratch.from_app.filled(), limits, self.head.method())
            .map_err(ForwardError::Broken)?
        {
            Scan::Complete(count) => scratch.from_app.consume(count),
            Scan::Partial => {
                if scratch.from_app.space().is_empty() {
                    let wanted = (scratch.from_app.capacity() * 2).min(limits.bytes + 1024);
                    scratch.from_app.grow(wanted);
                }
                return Ok(false);
            }
        }
        match scratch.response.status() {
            101 => self.switch()?,
            100..200 => self.interim()?,
            status @ 200..300 if self.down.socket.is_stream() && self.head.websocket_key().is_some() => {
                return Err(ForwardError::Unopened(status));
            }
            _ => self.answer()?,
        }
        Ok(true)
    }

    fn interim(&mut self) -> Result<(), ForwardError> {
        self.interim += 1;
        if self.interim > MOST_INTERIM {
            return Err(ForwardError::Interim);
        }
        let scratch = &mut *self.down.scratch;
        // The gate sends 100 itself. HTTP/1.0 has no interim answers (RFC 9110 section 15.2).
        if scratch.response.status() != 100 && self.head.version() == crate::wire::Version::Http11 {
            headers::write_interim(&mut scratch.to_client, &scratch.response);
        }
        Ok(())
    }

    fn switch(&mut self) -> Result<(), ForwardError> {
        let scratch = &mut *self.down.scratch;
        // Before a byte of it is forwarded: after a 101 nothing is checked any more.
        check_switch(self.head, &scratch.response).map_err(ForwardError::Switched)?;
        headers::write_interim(&mut scratch.to_client, &scratch.response);
        self.note_time();
        self.phase = Phase::Switched;
        Ok(())
    }

    fn answer(&mut self) -> Result<(), ForwardError> {
        self.note_time();
        // A client that still waits for `100 Continue` will not get it, so its body may or may not follow.
        self.keep_alive &= !self.down.continue_wanted && self.down.deadline.stage() == Stage::Serving;
        let hop = ClientHop {
            keep_alive: self.keep_alive,
            strict_transport: self.down.strict_transport.as_deref(),
            cors: self.cors,
        };
        let scratch = &mut *self.down.scratch;
        self.delivery = headers::write_response(&mut scratch.to_client, &scratch.response, self.head, hop);
        self.keep_alive &= self.delivery != Delivery::UntilClose;
        self.phase = match scratch.response.framing() {
            Framing::Empty | Framing::Length(0) => Phase::Done,
            Framing::Length(count) => Phase::Length(count),
            Framing::Chunked => Phase::Chunked(Box::default()),
            Framing::UntilClose => Phase::UntilClose,
        };
        if scratch.from_app.is_empty() || matches!(self.phase, Phase::Done) { Ok(()) } else { self.deliver() }
    }

    fn note_time(&mut self) {
        self.answered = self.started.map(|started| started.elapsed()).unwrap_or_default();
    }

    /// Moves received bytes of the body into `to_client`, in the framing for the client.
    fn deliver(&mut self) -> Result<(), ForwardError> {
        let scratch = &mut *self.down.scratch;
        let mut done = false;
        match &mut self.phase {
            Phase::Length(left) => {
                let filled = scratch.from_app.filled();
                // Copied only behind the head, for one write; the rest is written directly.
                let count = filled.len().min(TOGETHER).min(usize::try_from(*left).unwrap_or(usize::MAX));
                scratch.to_client.extend_from_slice(filled.get(..count).unwrap_or_default());
                scratch.from_app.consume(count);
                *left -= count as u64;
                done = *left == 0;
            }
            Phase::Chunked(decoder) => {
                while !done && !scratch.from_app.is_empty() {
                    let (used, step) =
                        decoder.decode(scratch.from_app.filled()).map_err(ForwardError::Broken)?;
                    match step {
                        ChunkStep::Data(data) => put_data(&mut scratch.to_client, data, self.delivery),
                        ChunkStep::Done => done = true,
                        ChunkStep::More => {}
                    }
                    scratch.from_app.consume(used);
                }
                if done {
                    put_end(&mut scratch.to_client, decoder.trailers(), self.delivery);
                }
            }
            Phase::UntilClose => {
                put_data(&mut scratch.to_client, scratch.from_app.filled(), self.delivery);
                scratch.from_app.clear();
            }
            Phase::Head | Phase::Switched | Phase::Done => {}
        }
        if done {
            self.phase = Phase::Done;
        }
        Ok(())
    }

    /// Writes a body of known length directly from the app's buffer. `None` if the client accepts no more for
    /// now.
    fn deliver_directly(&mut self, cx: &mut Context<'_>, left: u64) -> Result<Option<()>, ForwardError> {
        let scratch = &mut *self.down.scratch;
        let filled = scratch.from_app.filled();
        let count = filled.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match self.down.socket.poll_write(cx, filled.get(..count).unwrap_or_default()) {
            Poll::Pending => Ok(None),
            Poll::Ready(Ok(count)) if count > 0 => {
                scratch.from_app.consume(count);
                self.down.bytes_out += count as u64;
                let left = left - count as u64;
                self.phase = if left == 0 { Phase::Done } else { Phase::Length(left) };
                Ok(Some(()))
            }
            Poll::Ready(_) => Err(ForwardError::ClientGone),
        }
    }

    /// Handles the app's close: the end of an answer that is delimited by it, otherwise an error.
    fn app_ended(&mut self) -> Result<(), ForwardError> {
        if !matches!(self.phase, Phase::UntilClose) {
            return Err(ForwardError::Cut);
        }
        put_end(&mut self.down.scratch.to_client, b"", self.delivery);
        self.phase = Phase::Done;
        Ok(())
    }
}

fn put_data(out: &mut Vec<u8>, data: &[u8], delivery: Delivery) {
    match delivery {
        Delivery::Chunked => put_chunk(out, data),
        _ => out.extend_from_slice(data),
    }
}

pub(super) fn put_end(out: &mut Vec<u8>, trailers: &[u8], delivery: Delivery) {
    if delivery == Delivery::Chunked {
        out.extend_from_slice(b"0\r\n");
        out.extend_from_slice(trailers);
        out.extend_from_slice(b"\r\n");
    }
}
