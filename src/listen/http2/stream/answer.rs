//! The answer to a stream: bytes of HTTP/1.1 in, frames out.

use std::{
    io,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use h2::{Reason, SendStream, server::SendResponse};
use http::{HeaderMap, Method};

use super::body::io_error;
use crate::wire::{
    ChunkDecoder, ChunkStep, Framing, HeadLimits, MAX_FIELDS, ResponseHead, Scan,
    http2::{fields_of, response},
};

/// The state of an answer.
pub(super) struct Answer {
    respond: SendResponse<Bytes>,
    /// `None` until the final head has been sent.
    send: Option<SendStream<Bytes>>,
    method: Method,
    head: ResponseHead,
    rest: Rest,
    /// Data that the client's window has no room for yet.
    unsent: Bytes,
    /// What follows it.
    ending: Option<Ending>,
}

/// The rest of the bytes that are expected.
enum Rest {
    Head,
    Length(u64),
    Chunked(Box<ChunkDecoder>),
    /// Until [`Answer::end`]: a tunnel.
    Open,
    /// The frame that ends the stream has been sent.
    Done,
}

enum Ending {
    Data,
    Trailers(HeaderMap),
}

/// The gate has written the head, from one of the app's that was within the limits.
const LIMITS: HeadLimits = HeadLimits { bytes: usize::MAX, fields: MAX_FIELDS };
/// The bytes that one call takes, as many as one read of the app's answer returns. All of them may have to wait for the
/// client's window.
const PIECE: usize = 32 * 1024;

impl Answer {
    pub(super) fn new(respond: SendResponse<Bytes>, method: Method) -> Self {
        Self {
            respond,
            send: None,
            method,
            head: ResponseHead::new(),
            rest: Rest::Head,
            unsent: Bytes::new(),
            ending: None,
        }
    }

    /// Whether the whole answer has been handed to h2.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.rest, Rest::Done)
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty() || self.ending.is_some()
    }

    /// Waits until the client resets the stream, or its connection ends.
    pub(super) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.send {
            Some(send) => send.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        }
        .map(drop)
    }

    /// Takes some bytes of the answer. Everything that was taken before must have been sent.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        // Interim heads, then the final one.
        while matches!(self.rest, Rest::Head) && taken < bytes.len() {
            taken += self.take_head(bytes.get(taken..).unwrap_or_default())?;
        }
        Ok(taken + self.take_body(bytes.get(taken..).unwrap_or_default())?)
    }

    fn take_head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let scanned = self.head.scan(bytes, &LIMITS, self.method.as_str());
        let Ok(Scan::Complete(count)) = scanned else { return Err(io::ErrorKind::InvalidData.into()) };
        let response = response(&self.head).map_err(io::Error::other)?;
        if self.head.status() == 101 {
            self.rest = Rest::Open;
            self.send = Some(self.respond.send_response(response, false).map_err(io_error)?);
            return Ok(count);
        }
        if self.head.status() < 200 {
            self.respond.send_informational(response).map_err(io_error)?;
            return Ok(count);
        }
        self.rest = match self.head.framing() {
            Framing::Empty | Framing::Length(0) => Rest::Done,
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunked(Box::default()),
            Framing::UntilClose => Rest::Open,
        };
        self.send = Some(self.respond.send_response(response, self.is_done()).map_err(io_error)?);
        Ok(count)
    }

    fn take_body(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = bytes.get(..PIECE).unwrap_or(bytes);
        match &mut self.rest {
            _ if bytes.is_empty() => Ok(0),
            // Bytes behind the answer.
            Rest::Head | Rest::Done => Err(io::ErrorKind::InvalidData.into()),
            Rest::Open => {
                self.unsent = Bytes::copy_from_slice(bytes);
                Ok(bytes.len())
            }
            Rest::Length(left) => {
                let count = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                self.unsent = Bytes::copy_from_slice(bytes.get(..count).unwrap_or_default());
                *left -= count as u64;
                if *left == 0 {
                    self.ending = Some(Ending::Data);
                }
                Ok(count)
            }
            Rest::Chunked(decoder) => {
                let (mut data, mut taken) = (BytesMut::new(), 0);
                loop {
                    let rest = bytes.get(taken..).unwrap_or_default();
                    let (used, step) = decoder.decode(rest).map_err(io::Error::other)?;
                    taken += used;
                    match step {
                        ChunkStep::Data(piece) => {
                            if data.is_empty() {
                                data.reserve(bytes.len());
                            }
                            data.extend_from_slice(piece);
                        }
                        ChunkStep::More => break,
                        ChunkStep::Done => {
                            let trailers = fields_of(decoder.trailers()).map_err(io::Error::other)?;
                            let none = trailers.is_empty();
                            self.ending = Some(if none { Ending::Data } else { Ending::Trailers(trailers) });
                            break;
                        }
                    }
                }
                self.unsent = data.freeze();
                Ok(taken)
            }
        }
    }

    /// Ends an answer that has no other end.
    pub(super) fn end(&mut self) {
        if matches!(self.rest, Rest::Open) && self.ending.is_none() {
            self.ending = Some(Ending::Data);
        }
    }

    /// Hands data to h2, as far as the client's window and the buffer of the stream have room.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(send) = &mut self.send else { return Poll::Ready(Ok(())) };
        while !self.unsent.is_empty() {
            send.reserve_capacity(self.unsent.len());
            let mut room = send.capacity();
            while room == 0 {
                match ready!(send.poll_capacity(cx)) {
                    Some(granted) => room = granted.map_err(io_error)?,
                    None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                }
            }
            let piece = self.unsent.split_to(room.min(self.unsent.len()));
            let is_last = self.unsent.is_empty() && matches!(self.ending, Some(Ending::Data));
            send.send_data(piece, is_last).map_err(io_error)?;
            if is_last {
                self.ending = None;
                self.rest = Rest::Done;
            }
        }
        // Nothing else of a tunnel would notice, once the client has ended its side.
        if matches!(self.rest, Rest::Open) && self.ending.is_none() && send.poll_reset(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if let Some(ending) = self.ending.take() {
            match ending {
                Ending::Data => send.send_data(Bytes::new(), true),
                Ending::Trailers(trailers) => send.send_trailers(trailers),
            }
            .map_err(io_error)?;
            self.rest = Rest::Done;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // Half an answer must not look like a whole one. After a whole one, h2 tells a client that still sends that the rest
        // is not needed (RFC 9113 section 8.1).
        if !self.is_done() {
            self.respond.send_reset(Reason::INTERNAL_ERROR);
        }
    }
}
