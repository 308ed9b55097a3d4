//! Writes the first bytes to the app: the head, with the part of the body that has arrived.

use memchr::{memchr, memmem};

use crate::{
    connection::{BodyError, Downstream, Incoming},
    forward::{
        Outgoing,
        headers::{self, Hop},
    },
    wire::{ChunkStep, Framing, RequestHead},
};

use super::{TOGETHER, upload::put_chunk};

/// Writes the head into `to_app`, with the part of the body that has arrived. Returns how the request is sent.
/// `reads_bodies`: see [`crate::forward::Settings`].
pub(super) fn open(
    down: &mut Downstream,
    head: &RequestHead,
    outgoing: &Outgoing<'_>,
    reads_bodies: bool,
) -> Result<Hop, BodyError> {
    // The buffers are shared by all requests of the connection.
    down.scratch.to_client.clear();
    down.scratch.from_app.clear();
    down.scratch.to_app.clear();
    let chunk = if outgoing.body.is_none() { first_chunk(down)? } else { Chunk::default() };
    let framing = match (outgoing.body, &down.incoming, head.framing()) {
        (Some(body), ..) => Framing::Length(body.len() as u64),
        // The chunked body was empty. It is sent without a framing that an app could misread.
        (None, Incoming::Done, Framing::Chunked) if defines_body(head.method()) => Framing::Length(0),
        (None, Incoming::Done, Framing::Chunked) => Framing::Empty,
        (None, _, framing) => framing,
    };
    // A server without chunked coding leaves the chunks on the connection, and answers them to the next client.
    let shares = match framing {
        Framing::Empty | Framing::Length(0) => true,
        Framing::Length(_) => reads_bodies && defines_body(head.method()),
        Framing::Chunked | Framing::UntilClose => false,
    };
    // Some servers send a body in the answer to HEAD, which would become the next client's answer.
    let hop = Hop { framing, alone: !shares || head.method() == "HEAD" };
    headers::write_request(&mut down.scratch.to_app, head, outgoing, hop);
    match outgoing.body {
        Some(body) => down.scratch.to_app.extend_from_slice(body),
        None => write_piece(down, &chunk)?,
    }
    Ok(hop)
}

/// The received part of a chunked body, up to the end of its first piece of data.
#[derive(Default)]
struct Chunk {
    /// Bytes of the input.
    used: usize,
    /// The number of data bytes at their end.
    data: usize,
}

/// Decodes a chunked body until it is known whether it is empty.
fn first_chunk(down: &mut Downstream) -> Result<Chunk, BodyError> {
    let Incoming::Chunked(decoder) = &mut down.incoming else { return Ok(Chunk::default()) };
    let (used, step) = decoder.decode(down.scratch.input.filled()).map_err(BodyError::Broken)?;
    match step {
        ChunkStep::Data(data) => Ok(Chunk { used, data: data.len() }),
        ChunkStep::More => Ok(Chunk { used, data: 0 }),
        ChunkStep::Done => {
            down.incoming = Incoming::Done;
            Ok(Chunk { used, data: 0 })
        }
    }
}

/// Moves the first piece of a body behind the head, so that both are sent in one write.
fn write_piece(down: &mut Downstream, chunk: &Chunk) -> Result<(), BodyError> {
    let (used, data) = match down.incoming {
        Incoming::Length(left) => {
            let come = down.scratch.input.len().min(TOGETHER);
            let count = come.min(usize::try_from(left).unwrap_or(usize::MAX));
            // Before it is copied: a piece with a finding must not reach the app.
            down.look_ahead(count)?;
            if let Some(watch) = &mut down.watch {
                watch.gone_on(count);
            }
            let left = left.saturating_sub(count as u64);
            down.incoming = if left == 0 { Incoming::Done } else { Incoming::Length(left) };
            let scratch = &mut *down.scratch;
            scratch.to_app.extend_from_slice(scratch.input.filled().get(..count).unwrap_or_default());
            (count, count)
        }
        Incoming::Done | Incoming::Chunked(_) => {
            let scratch = &mut *down.scratch;
            let piece = chunk.used - chunk.data..chunk.used;
            let data = scratch.input.filled().get(piece).unwrap_or_default();
            if down.watch.as_mut().is_some_and(|watch| watch.finds(data)) {
                return Err(BodyError::MethodOverride);
            }
            put_chunk(&mut scratch.to_app, data);
            (chunk.used, chunk.data)
        }
    };
    // A client that already sends its body does not wait for `100 Continue`.
    down.continue_wanted &= used == 0;
    down.scratch.input.consume(used);
    down.bytes_in += data as u64;
    Ok(())
}

/// Replaces the host in a head at the front of `out`. `Host` is its first field.
pub(super) fn set_host(out: &mut Vec<u8>, host: &str) {
    const BEFORE: &[u8] = b"\r\nHost: ";
    let Some(at) = memmem::find(out, BEFORE).map(|at| at + BEFORE.len()) else { return };
    let len = out.get(at..).and_then(|rest| memchr(b'\r', rest)).unwrap_or_default();
    out.splice(at..at + len, host.bytes());
}

/// Adds to a head at the front of `out` that trailers are accepted. HTTP/1.1 does not say so on a connection that is closed
/// afterwards.
pub(super) fn accept_trailers(out: &mut Vec<u8>) {
    const LINE: &[u8] = b"\r\nTE: trailers";
    let end = memmem::find(out, b"\r\n\r\n").unwrap_or_default();
    if memmem::find(out.get(..end).unwrap_or_default(), LINE).is_none()
        && let Some(line) = memchr(b'\r', out)
    {
        out.splice(line..line, LINE.iter().copied());
    }
}

/// Whether servers reliably read a request body of this method. They need not for other methods (RFC 9110
/// section 9.3.1), and an unread body would be parsed as the next request. The connection of such a request is
/// not reused, also for methods that few apps know, such as those of WebDAV: that costs a connection and
/// nothing else.
fn defines_body(method: &str) -> bool {
    // RFC 9110 section 9.3, RFC 5789.
    matches!(method, "POST" | "PUT" | "PATCH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b3_only_methods_with_a_body_in_every_app_share_a_connection() {
        for method in ["POST", "PUT", "PATCH"] {
            assert!(defines_body(method), "{method}");
        }
        for method in "GET HEAD DELETE OPTIONS PURGE COPY MOVE UNLOCK QUERY PROPFIND PROPPATCH MKCOL LOCK REPORT SEARCH X post"
            .split(' ')
        {
            assert!(!defines_body(method), "{method}");
        }
    }
}
