//! What is refused in a list of fields although `h2` accepts it.

use http::uri::PathAndQuery;

use super::{BrokenList, Decoder};
use crate::wire::Reject;

/// The lists of a client's connection.
#[derive(Debug, Default)]
pub struct Lists {
    decoder: Decoder,
    /// The last stream that was opened.
    last: u32,
    /// Streams whose request must be refused, and why. h2 may have refused some of them already.
    refused: Vec<(u32, Reject)>,
    /// Streams that h2 refuses because of their path, although HTTP/1.1 may take it.
    for_http1: Vec<u32>,
}

/// Streams whose requests are to be refused at once. More than a connection can have.
const MAX_REFUSED: usize = 512;
/// Streams that are remembered for [`Lists::is_for_http1`].
const MAX_FOR_HTTP1: usize = 255;

/// Whether h2 refuses a path that HTTP/1.1 may take: LoopBack's clients send filters as they are written.
fn is_for_http1(path: &[u8]) -> bool {
    path.iter().any(|byte| matches!(byte, b'"' | b'<' | b'>' | b'`')) && PathAndQuery::try_from(path).is_err()
}

/// An error that ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListError {
    /// A list that cannot be decoded.
    Broken,
    /// More requests to refuse than h2 has reported: it has ended their streams for another reason.
    Flood,
    /// A pseudo-header field among the trailers (RFC 9113 section 8.1), which make a request malformed that may have been
    /// forwarded already.
    Trailers,
}

impl Lists {
    /// Reads the list of a stream's HEADERS.
    ///
    /// # Errors
    /// A [`ListError`].
    pub fn read(&mut self, stream: u32, list: &[u8]) -> Result<(), ListError> {
        let (mut has_pseudo, mut path_seen, mut reject, mut for_http1) = (false, false, None, false);
        self.decoder.read(list, |name, value| {
            if name.first() != Some(&b':') {
                return;
            }
            has_pseudo = true;
            match name {
                // Of several, h2 refuses the request.
                b":path" if !std::mem::replace(&mut path_seen, true) && value.contains(&b'#') => {
                    reject = Some(Reject::Fragment);
                }
                b":path" => for_http1 |= is_for_http1(value),
                b":scheme" if value != b"https" => reject = Some(Reject::Scheme),
                _ => {}
            }
        })?;
        if stream <= self.last {
            return if has_pseudo { Err(ListError::Trailers) } else { Ok(()) };
        }
        self.last = stream;
        if let Some(reject) = reject {
            if self.refused.len() == MAX_REFUSED {
                return Err(ListError::Flood);
            }
            self.refused.push((stream, reject));
        }
        if for_http1 {
            // h2 ends the connection before it has refused so many.
            self.for_http1.truncate(MAX_FOR_HTTP1);
            self.for_http1.push(stream);
        }
        Ok(())
    }

    /// Whether a stream's request is refused here for a path that HTTP/1.1 may take.
    #[must_use]
    pub fn is_for_http1(&self, stream: u32) -> bool {
        self.for_http1.contains(&stream)
    }

    /// Whether there is such a stream.
    #[must_use]
    pub fn has_for_http1(&self) -> bool {
        !self.for_http1.is_empty()
    }

    /// Forgets a stream for which [`Lists::is_for_http1`] was true.
    pub fn forget(&mut self, stream: u32) {
        self.for_http1.retain(|other| *other != stream);
    }

    /// Why the request of a stream must be refused. Asked once for each stream, in their order.
    pub fn take(&mut self, stream: u32) -> Option<Reject> {
        // The common case.
        if self.refused.is_empty() {
            return None;
        }
        let found =
            self.refused.iter().find(|(refused, _)| *refused == stream).map(|(_, reject)| reject.clone());
        self.refused.retain(|(refused, _)| *refused > stream);
        found
    }
}

impl From<BrokenList> for ListError {
    fn from(_: BrokenList) -> Self {
        Self::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_h2_does_not_report_have_a_bound() {
        // GET, `:scheme http`, `/`.
        let list = [0x82, 0x86, 0x84];
        let mut lists = Lists::default();
        for stream in 0..MAX_REFUSED as u32 {
            assert_eq!(lists.read(2 * stream + 1, &list), Ok(()));
        }
        assert_eq!(lists.read(2 * MAX_REFUSED as u32 + 1, &list), Err(ListError::Flood));
        // One that is reported makes room: those before it have ended.
        let mut lists = Lists::default();
        for stream in 0..10 * MAX_REFUSED as u32 {
            assert_eq!(lists.read(2 * stream + 1, &list), Ok(()));
            assert_eq!(lists.take(2 * stream + 1), Some(Reject::Scheme));
        }
    }

    #[test]
    fn only_a_path_that_h2_refuses_is_for_http1() {
        for (path, expected) in [
            ("/a?\"", true),
            ("/a?<", true),
            ("/>", true),
            ("/a", false),
            ("/a?b={c}", false),
            ("/a b", false),
        ] {
            assert_eq!(is_for_http1(path.as_bytes()), expected, "{path}");
        }
    }
}
