//! What is refused in a list of fields although `h2` accepts it.

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
}

/// An error that ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListError {
    /// A list that cannot be decoded.
    Broken,
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
        let (mut has_pseudo, mut path_seen, mut reject) = (false, false, None);
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
                b":scheme" if value != b"https" => reject = Some(Reject::Scheme),
                _ => {}
            }
        })?;
        if stream <= self.last {
            return if has_pseudo { Err(ListError::Trailers) } else { Ok(()) };
        }
        self.last = stream;
        if let Some(reject) = reject {
            self.refused.push((stream, reject));
        }
        Ok(())
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
