//! GET requests of the gate itself to the app, which look up the owner of a row.

use std::{
    future::poll_fn,
    io::{self, Read as _},
    task::Poll,
};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::{
    connection::{Buffer, Deadline},
    wire::{ChunkDecoder, ChunkStep, Framing, ResponseHead, Scan, SwitchError},
};

use super::{
    ForwardError, Forwarder, HostName,
    exchange::{MOST_INTERIM, kept_for},
    pool::{Attempt, Connected, Connection, Server},
    sender::Sender,
};

/// The parts of a request besides its target that may select the app's resource. An owner look-up repeats them.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'r> {
    /// The client's `Host`.
    pub host: &'r str,
    /// The host from a trusted proxy, else the same.
    pub forwarded: &'r str,
    /// The scheme from a trusted proxy, else that of the connection.
    pub scheme: &'r str,
    /// Header lines, as [`super::naming_fields`] writes them.
    pub fields: &'r [u8],
}

/// The app's answer to a look-up.
#[derive(Debug)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The value of the wanted header, if the answer has it.
    pub header: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// A look-up.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'r> {
    /// The target of the GET.
    pub target: &'r str,
    /// The only response header that is needed.
    pub header: Option<&'r str>,
    /// `None` = the look-up belongs to no request; it is sent with the server's own host.
    pub naming: Option<Naming<'r>>,
    /// The id of the request that the look-up belongs to.
    pub request_id: &'r str,
}

/// The largest size of a row that a decision needs, in bytes.
const LARGEST_ROW: usize = 1024 * 1024;

impl Forwarder {
    /// Sends the look-up, without credentials of the client, and marked as such (docs/what-rules-see.md, "Owner
    /// look-ups").
    ///
    /// # Errors
    /// [`ForwardError`]; the caller must refuse the request.
    pub async fn fetch(&self, wanted: &Wanted<'_>) -> Result<Fetched, ForwardError> {
        let deadline = self.deadlines.deadline();
        let mut attempt = Attempt::default();
        loop {
            let Connected { server, connection, reused, active: _active } =
                self.open(Sender::Gate, &deadline, &mut attempt).await?;
            let request = self.look_up(wanted, server);
            // One deadline for the whole row, because a decision waits for it.
            deadline.set(self.settings.response_timeout);
            let mut lookup = Lookup::new(connection, &deadline);
            // A GET is idempotent, so it may be sent twice.
            let answer = match lookup.write(&request).await {
                Ok(()) => lookup.read(self, server, wanted.header).await,
                Err(_) if lookup.connection.socket.is_unsendable() => return Err(ForwardError::Unsendable),
                Err(error) => Err(error),
            };
            match answer {
                Err(ForwardError::Cut) if reused => attempt.repeat(),
                Err(ForwardError::Cut) if attempt.avoid.is_none() && self.pool.size() > 1 => {
                    server.unanswered();
                    attempt.avoid = Some(server);
                }
                Err(error) => {
                    server.failed(&error);
                    return Err(error);
                }
                Ok(fetched) => {
                    server.answered();
                    return Ok(fetched);
                }
            }
        }
    }
}

impl Forwarder {
    /// The head of the look-up.
    fn look_up(&self, wanted: &Wanted<'_>, server: &Server) -> Vec<u8> {
        let Wanted { target, naming, request_id, .. } = *wanted;
        let client = naming.map_or(server.host(), |naming| naming.host);
        let host = if self.settings.host == HostName::Server { server.host() } else { client };
        let mut request = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n\
             X-Portcullis-Lookup: owner\r\nX-Request-Id: {request_id}\r\n"
        )
        .into_bytes();
        if let Some(Naming { forwarded, scheme, fields, .. }) = naming {
            let hosts = format!("X-Forwarded-Host: {forwarded}\r\nX-Forwarded-Proto: {scheme}\r\n");
            request.extend_from_slice(hosts.as_bytes());
            request.extend_from_slice(fields);
        }
        // Marked like a forwarded request, so that a loop is detected here, too.
        self.settings.instance.write(&mut request, None);
        request.extend_from_slice(b"\r\n");
        request
    }
}

/// A GET and its answer on one connection.
pub(super) struct Lookup<'l> {
    connection: Connection,
    deadline: &'l Deadline,
    input: Buffer,
    response: ResponseHead,
}

impl<'l> Lookup<'l> {
    pub(super) fn new(connection: Connection, deadline: &'l Deadline) -> Self {
        Self { connection, deadline, input: Buffer::default(), response: ResponseHead::default() }
    }

    /// Sends the request.
    pub(super) async fn write(&mut self, mut rest: &[u8]) -> Result<(), ForwardError> {
        while !rest.is_empty() {
            let written = poll_fn(|cx| match self.connection.socket.poll_write(cx, rest) {
                Poll::Pending if self.deadline.passed(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                other => other,
            });
            match written.await {
                Ok(count) if count > 0 => rest = rest.get(count..).unwrap_or_default(),
                _ => return Err(ForwardError::Cut),
            }
        }
        Ok(())
    }

    /// Reads the answer, and returns the connection to the pool if it has no unread bytes.
    pub(super) async fn read(
        mut self,
        forwarder: &Forwarder,
        server: &Server,
        header: Option<&str>,
    ) -> Result<Fetched, ForwardError> {
        let mut interim = 0;
        loop {
            let limits = &forwarder.settings.response_head;
            match self.response.scan(self.input.filled(), limits, "GET").map_err(ForwardError::Broken)? {
                Scan::Partial => {
                    if self.fill().await? == 0 {
                        return Err(ForwardError::Cut);
                    }
                }
                Scan::Complete(count) => {
                    self.input.consume(count);
                    match self.response.status() {
                        101 => return Err(ForwardError::Switched(SwitchError::Unasked)),
                        100..200 if interim == MOST_INTERIM => return Err(ForwardError::Interim),
                        100..200 => interim += 1,
                        _ => break,
                    }
                }
            }
        }
        let body = decoded(self.body().await?, self.response.field("content-encoding"))?;
        let header = header
            .and_then(|name| self.response.field(name))
            .map(|value| String::from_utf8_lossy(value).into_owned());
        let status = self.response.status();
        // Unread bytes would be taken for the answer to the next request.
        if self.response.keep_alive() && self.input.is_empty() {
            server.give(
                self.connection,
                kept_for(self.response.keep_alive_field()),
                forwarder.deadlines.now(),
            );
        }
        Ok(Fetched { status, header, body })
    }

    async fn body(&mut self) -> Result<Vec<u8>, ForwardError> {
        let mut body = Vec::new();
        let mut decoder = ChunkDecoder::default();
        let framing = self.response.framing();
        loop {
            let filled = self.input.filled();
            match framing {
                Framing::Empty => return Ok(body),
                Framing::Length(count) => {
                    let missing = usize::try_from(count)
                        .map_err(|_| ForwardError::RowTooLarge)?
                        .saturating_sub(body.len());
                    let piece = filled.get(..filled.len().min(missing)).unwrap_or_default();
                    body.extend_from_slice(piece);
                    let (used, done) = (piece.len(), piece.len() == missing);
                    self.input.consume(used);
                    if done {
                        return Ok(body);
                    }
                }
                Framing::UntilClose => {
                    body.extend_from_slice(filled);
                    self.input.clear();
                }
                Framing::Chunked => {
                    let (used, step) = decoder.decode(filled).map_err(ForwardError::Broken)?;
                    let (mut done, mut more) = (false, false);
                    match step {
                        ChunkStep::Data(data) => body.extend_from_slice(data),
                        ChunkStep::Done => done = true,
                        ChunkStep::More => more = true,
                    }
                    self.input.consume(used);
                    if done {
                        return Ok(body);
                    }
                    if !more {
                        continue;
                    }
                }
            }
            // While it is read, because a length may be missing or wrong.
            if body.len() > LARGEST_ROW {
                return Err(ForwardError::RowTooLarge);
            }
            if self.fill().await? == 0 {
                return if framing == Framing::UntilClose { Ok(body) } else { Err(ForwardError::Cut) };
            }
        }
    }

    async fn fill(&mut self) -> Result<usize, ForwardError> {
        if self.input.space().is_empty() {
            let wanted = self.input.capacity() * 2;
            self.input.grow(wanted);
        }
        // Only once the answer has begun: before, there is nothing to acknowledge.
        let mut acknowledged = self.response.status() == 0;
        let filled = poll_fn(|cx| match self.connection.socket.poll_fill(cx, &mut self.input) {
            Poll::Pending if self.deadline.passed(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending if !std::mem::replace(&mut acknowledged, true) => {
                self.connection.socket.acknowledge();
                Poll::Pending
            }
            other => other,
        });
        match filled.await {
            Ok(count) => Ok(count),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(ForwardError::ResponseTimeout),
            Err(_) => Err(ForwardError::Cut),
        }
    }
}

/// A body without its content coding (RFC 9110 section 8.4). Some apps compress although only `identity` is
/// accepted.
fn decoded(body: Vec<u8>, coding: Option<&[u8]>) -> Result<Vec<u8>, ForwardError> {
    let coding =
        coding.map(|coding| String::from_utf8_lossy(coding).to_ascii_lowercase()).unwrap_or_default();
    let mut plain = Vec::new();
    // One byte more than the limit, so that a larger row is noticed: a few bytes may decompress to gigabytes.
    let mut read = |from: &mut dyn io::Read| from.take(LARGEST_ROW as u64 + 1).read_to_end(&mut plain);
    let read = match &*coding {
        "" | "identity" => return Ok(body),
        _ if body.is_empty() => return Ok(body),
        "gzip" | "x-gzip" => read(&mut MultiGzDecoder::new(&*body)),
        // RFC 9110 means the zlib format, but some servers send raw deflate.
        "deflate" if is_zlib(&body) => read(&mut ZlibDecoder::new(&*body)),
        "deflate" => read(&mut DeflateDecoder::new(&*body)),
        _ => return Err(ForwardError::Coding(coding)),
    };
    match read {
        Ok(count) if count > LARGEST_ROW => Err(ForwardError::RowTooLarge),
        Ok(_) => Ok(plain),
        Err(_) => Err(ForwardError::Coding(format!("{coding}, broken"))),
    }
}

/// Whether a body has a zlib header (RFC 1950 section 2.2): the method is 8, and the two bytes are a multiple
/// of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [first, second, ..] if first & 15 == 8 && (u32::from(*first) * 256 + u32::from(*second)) % 31 == 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };

    use super::*;

    #[test]
    fn e9_a_coded_row_is_read_and_an_unknown_coding_is_named() {
        let row = br#"{"ownerId": 1}"#;
        let level = Compression::default();
        let mut gzip = GzEncoder::new(Vec::new(), level);
        let mut zlib = ZlibEncoder::new(Vec::new(), level);
        let mut bare = DeflateEncoder::new(Vec::new(), level);
        gzip.write_all(row).unwrap();
        zlib.write_all(row).unwrap();
        bare.write_all(row).unwrap();
        for (coding, body) in [
            ("gzip", gzip.finish().unwrap()),
            ("deflate", zlib.finish().unwrap()),
            ("Deflate", bare.finish().unwrap()),
            ("identity", row.to_vec()),
        ] {
            assert_eq!(decoded(body, Some(coding.as_bytes())).unwrap(), row, "{coding}");
        }
        assert_eq!(decoded(row.to_vec(), None).unwrap(), row);
        for (coding, named) in [("br", "`br`"), ("gzip", "`gzip, broken`"), ("gzip, gzip", "`gzip, gzip`")] {
            let error = decoded(row.to_vec(), Some(coding.as_bytes())).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn e9_a_row_that_unpacks_to_too_much_is_refused() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&vec![b' '; LARGEST_ROW + 1]).unwrap();
        let error = decoded(gzip.finish().unwrap(), Some(b"gzip")).unwrap_err();
        assert!(matches!(error, ForwardError::RowTooLarge), "{error}");
    }
}
