//! The body of a message that is sent: bytes of HTTP/1.1 in, frames out.

use std::{
    io,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use h2::SendStream;
use http::HeaderMap;

use super::io_error;
use crate::wire::{ChunkDecoder, ChunkStep, Framing, http2::fields_of};

/// A message whose head has been sent.
pub struct Sent {
    send: SendStream<Bytes>,
    rest: Rest,
    /// Data that the peer's window has no room for yet.
    unsent: Bytes,
    /// What follows it.
    ending: Option<Ending>,
}

/// The rest of the bytes that are expected.
#[derive(Debug)]
pub enum Rest {
    /// This many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Box<ChunkDecoder>),
    /// Until [`Sent::end`]: a tunnel.
    Open,
    /// The frame that ends the stream has been sent.
    Done,
}

enum Ending {
    Data,
    Trailers(HeaderMap),
}

/// The bytes that one call takes, as many as one read of the other side returns. All of them may have to wait for the
/// peer's window.
const PIECE: usize = 32 * 1024;

impl From<Framing> for Rest {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Empty | Framing::Length(0) => Self::Done,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Box::default()),
            Framing::UntilClose => Self::Open,
        }
    }
}

impl Sent {
    /// The message that `send` belongs to. If nothing is left, HEADERS have ended the stream.
    #[must_use]
    pub fn new(send: SendStream<Bytes>, rest: Rest) -> Self {
        Self { send, rest, unsent: Bytes::new(), ending: None }
    }

    /// Whether the whole message has been handed to h2.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.rest, Rest::Done)
    }

    /// Whether all of the message has been taken, although h2 may have room for it only later.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_done() || self.ending.is_some()
    }

    /// Whether bytes that were taken have not been handed to h2.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty() || self.ending.is_some()
    }

    /// Waits until the peer resets the stream, or its connection ends.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.send.poll_reset(cx).map(drop)
    }

    /// Takes some bytes of the body. Everything that was taken before must have been sent.
    ///
    /// # Errors
    /// When they are not what the head has announced.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = bytes.get(..PIECE).unwrap_or(bytes);
        match &mut self.rest {
            _ if bytes.is_empty() => Ok(0),
            // Bytes behind the message.
            Rest::Done => Err(io::ErrorKind::InvalidData.into()),
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
            Rest::Chunked(_) => self.take_chunks(bytes),
        }
    }

    fn take_chunks(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Rest::Chunked(decoder) = &mut self.rest else { return Ok(0) };
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

    /// Ends a message that has no other end.
    pub fn end(&mut self) {
        if matches!(self.rest, Rest::Open) && self.ending.is_none() {
            self.ending = Some(Ending::Data);
        }
    }

    /// Hands data to h2, as far as the peer's window and the buffer of the stream have room.
    ///
    /// # Errors
    /// When the stream has been reset.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let send = &mut self.send;
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
        // Nothing else of a tunnel would notice, once the peer has ended its side.
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
