//! Counts the frames of a client, by their first nine bytes (RFC 9113 section 4.1).
//!
//! A frame without content costs the client nothing and the gate something: PING and SETTINGS are answered, WINDOW_UPDATE,
//! PRIORITY, CONTINUATION and empty DATA are read. Such frames have a budget. What they are good for pays for them: each
//! request, and content in either direction.

use crate::wire::{
    Reject,
    http2::{ListError, Lists},
};

/// The frames that have arrived on a connection.
#[derive(Debug)]
pub(super) struct Frames {
    head: [u8; 9],
    /// Bytes of the head so far.
    known: usize,
    /// Bytes until the next head.
    left: usize,
    lists: Lists,
    /// The list whose end has not arrived.
    list: Vec<u8>,
    /// Since when it is incomplete, in ms of the core's coarse time.
    list_since: Option<u64>,
    overhead: Budget,
    resets: Budget,
    refusals: Budget,
    /// Bytes of content that have not paid for a frame yet.
    unspent: usize,
    /// Frames without content so far.
    empty: u64,
    error: Option<Error>,
}

/// Why the connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// The client has sent more than its budget.
    Flood,
    /// A list of fields is malformed.
    List(ListError),
}

/// A budget that fills up again with the time.
#[derive(Debug)]
struct Budget {
    left: u64,
    most: u64,
    per_second: u64,
    /// The time up to which it has been filled.
    filled: u64,
}

/// Bytes of the preface, which precedes the first frame (RFC 9113 section 3.4).
const PREFACE: usize = 24;
/// Frames without content at once, and for each second.
const MOST_EMPTY: u64 = 1000;
const EMPTY_PER_SECOND: u64 = 100;
/// Resets of streams at once: a browser resets all streams of a page that it leaves. And for each second: nghttp2's rate
/// (CVE-2023-44487). The same for streams that are refused: a client that goes on in spite of it pays for them as for its own.
const MOST_RESETS: u64 = 200;
const RESETS_PER_SECOND: u64 = 33;
/// The bytes of content that pay for a frame without.
const BYTES_PER_EMPTY: usize = 512;
/// The frames without content that a request pays for.
const EMPTY_PER_REQUEST: u64 = 2;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;
/// Memory that is kept from list to list.
const USUAL_LIST: usize = 4096;

impl Frames {
    /// `now`: in ms of the core's coarse time.
    pub(super) fn new(now: u64) -> Self {
        Self {
            head: [0; 9],
            known: 0,
            left: PREFACE,
            lists: Lists::default(),
            list: Vec::new(),
            list_since: None,
            overhead: Budget::new(MOST_EMPTY, EMPTY_PER_SECOND, now),
            resets: Budget::new(MOST_RESETS, RESETS_PER_SECOND, now),
            refusals: Budget::new(MOST_RESETS, RESETS_PER_SECOND, now),
            unspent: 0,
            empty: 0,
            error: None,
        }
    }

    /// Counts received bytes.
    pub(super) fn received(&mut self, mut bytes: &[u8], now: u64) {
        while !bytes.is_empty() && self.error.is_none() {
            if self.left > 0 {
                let (payload, rest) = bytes.split_at_checked(self.left).unwrap_or((bytes, b""));
                if self.list_since.is_some() {
                    self.list.extend_from_slice(payload);
                }
                self.left -= payload.len();
                bytes = rest;
            } else {
                let wanted = (self.head.len() - self.known).min(bytes.len());
                let (next, rest) = bytes.split_at_checked(wanted).unwrap_or_default();
                if let Some(to) = self.head.get_mut(self.known..self.known + wanted) {
                    to.copy_from_slice(next);
                }
                bytes = rest;
                self.known += wanted;
                if self.known < self.head.len() {
                    return;
                }
                self.known = 0;
                self.begin(now);
            }
            if self.left == 0 {
                self.end();
            }
        }
    }

    /// Counts the frame whose head is complete.
    fn begin(&mut self, now: u64) {
        let [high, middle, low, kind, flags, ..] = self.head;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.left = length;
        match kind {
            DATA if length > 0 => self.pay(length),
            DATA if flags & END_STREAM != 0 => {}
            HEADERS => {
                self.overhead.add(EMPTY_PER_REQUEST);
                self.list_since = Some(now);
            }
            RST_STREAM if self.resets.take(now) => {}
            RST_STREAM => self.error = Some(Error::Flood),
            _ => {
                self.empty += 1;
                if !self.overhead.take(now) {
                    self.error = Some(Error::Flood);
                }
            }
        }
    }

    /// Reads the list of fields that a frame has completed.
    fn end(&mut self) {
        let [_, _, _, kind, flags, stream @ ..] = self.head;
        if self.list_since.is_none() || !matches!(kind, HEADERS | CONTINUATION) {
            return;
        }
        if kind == HEADERS {
            // Padding and priority (RFC 9113 section 6.2). What is wrong with them h2 finds.
            let padding = if flags & PADDED == 0 { None } else { self.list.first().copied() };
            let before = usize::from(padding.is_some()) + if flags & PRIORITY == 0 { 0 } else { 5 };
            self.list.drain(..before.min(self.list.len()));
            self.list.truncate(self.list.len().saturating_sub(padding.unwrap_or(0).into()));
        }
        if flags & END_HEADERS != 0 {
            self.list_since = None;
            let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
            if let Err(error) = self.lists.read(stream, &self.list) {
                self.error = Some(Error::List(error));
            }
            self.list.clear();
            self.list.shrink_to(USUAL_LIST);
        }
    }

    /// Counts sent bytes.
    pub(super) fn sent(&mut self, count: usize) {
        self.pay(count);
    }

    /// Counts streams that have been refused.
    pub(super) fn refused(&mut self, count: u64, now: u64) {
        for _ in 0..count {
            if !self.refusals.take(now) {
                self.error.get_or_insert(Error::Flood);
            }
        }
    }

    fn pay(&mut self, bytes: usize) {
        self.unspent += bytes;
        self.overhead.add((self.unspent / BYTES_PER_EMPTY) as u64);
        self.unspent %= BYTES_PER_EMPTY;
    }

    /// Why the connection has to end.
    pub(super) fn error(&self) -> Option<Error> {
        self.error
    }

    /// As [`Lists::take`].
    pub(super) fn reject(&mut self, stream: u32) -> Option<Reject> {
        self.lists.take(stream)
    }

    /// As [`Lists::is_for_http1`].
    pub(super) fn is_for_http1(&self, stream: u32) -> bool {
        self.lists.is_for_http1(stream)
    }

    /// As [`Lists::has_for_http1`].
    pub(super) fn has_for_http1(&self) -> bool {
        self.lists.has_for_http1()
    }

    /// As [`Lists::forget`].
    pub(super) fn forget(&mut self, stream: u32) {
        self.lists.forget(stream);
    }

    /// Frames without content so far. Most of them make the gate send something.
    pub(super) fn empty(&self) -> u64 {
        self.empty
    }

    /// Since when a list of fields is incomplete.
    pub(super) fn list_since(&self) -> Option<u64> {
        self.list_since
    }
}

impl Budget {
    fn new(most: u64, per_second: u64, now: u64) -> Self {
        Self { left: most, most, per_second, filled: now }
    }

    fn add(&mut self, count: u64) {
        self.left = (self.left + count).min(self.most);
    }

    /// Takes one. `false` if there is none.
    fn take(&mut self, now: u64) -> bool {
        let earned = now.saturating_sub(self.filled) * self.per_second / 1000;
        if earned > 0 {
            self.add(earned);
            self.filled = now;
        }
        let has_one = self.left > 0;
        self.left = self.left.saturating_sub(1);
        has_one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![0, (length >> 8) as u8, length as u8, kind, flags, 0, 0, 0, 1];
        // In a list: an index of the static table.
        frame.resize(9 + length, 0x90);
        frame
    }

    fn begun() -> Frames {
        let mut frames = Frames::new(0);
        frames.received(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0);
        frames
    }

    /// How many of these frames pass.
    fn passed(frames: &mut Frames, frame: &[u8], now: u64) -> u64 {
        let fits = |_: &u64| {
            frames.received(frame, now);
            frames.error() != Some(Error::Flood)
        };
        (1..10_000).take_while(fits).last().unwrap_or(0)
    }

    #[test]
    fn each_frame_without_content_has_a_budget() {
        // DATA, PRIORITY, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION, and one that nothing defines.
        for (kind, length) in [(0, 0), (2, 5), (4, 0), (6, 8), (8, 4), (9, 0), (0x2a, 3)] {
            let most = passed(&mut begun(), &frame(kind, 0, length), 0);
            assert_eq!(most, MOST_EMPTY, "{kind}");
        }
        assert_eq!(passed(&mut begun(), &frame(RST_STREAM, 0, 4), 0), MOST_RESETS);
        let most = passed(&mut begun(), &[frame(HEADERS, 4, 20), frame(RST_STREAM, 0, 4)].concat(), 0);
        assert_eq!(most, MOST_RESETS, "a request does not pay for its reset");
    }

    #[test]
    fn refusals_have_a_budget_that_time_fills() {
        let mut frames = begun();
        frames.refused(MOST_RESETS, 0);
        frames.refused(RESETS_PER_SECOND, 1000);
        assert_eq!(frames.error(), None);
        frames.refused(1, 1000);
        assert_eq!(frames.error(), Some(Error::Flood));
    }

    #[test]
    fn time_and_content_pay() {
        let ping = frame(6, 0, 8);
        let mut frames = begun();
        for second in 0..100 {
            for _ in 0..EMPTY_PER_SECOND {
                frames.received(&ping, second * 1000);
            }
        }
        assert_eq!(frames.error(), None);
        let mut frames = begun();
        for _ in 0..100_000 {
            frames.received(&ping, 0);
            frames.sent(BYTES_PER_EMPTY / 2);
            frames.received(&frame(DATA, 0, BYTES_PER_EMPTY / 2), 0);
        }
        assert_eq!(frames.error(), None);
    }

    #[test]
    fn heads_are_found_however_the_bytes_come() {
        let wire: Vec<u8> = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frame(4, 0, 18),
            frame(HEADERS, 0, 300),
            frame(CONTINUATION, 0, 0),
        ]
        .concat();
        for size in [1, 2, 9, 10, 400] {
            let mut frames = Frames::new(0);
            wire.chunks(size).for_each(|piece| frames.received(piece, 7));
            assert_eq!((frames.empty(), frames.list_since()), (2, Some(7)), "{size}");
            frames.received(&frame(CONTINUATION, END_HEADERS, 1), 9);
            assert_eq!((frames.list_since(), frames.error()), (None, None));
        }
    }

    proptest::proptest! {
        /// Frames are the same however their bytes come.
        #[test]
        fn pieces_make_no_difference(
            bytes in proptest::collection::vec(0_u8..16, 0..600),
            size in 1_usize..40,
        ) {
            let (mut whole, mut pieces) = (begun(), begun());
            whole.received(&bytes, 1);
            bytes.chunks(size).for_each(|piece| pieces.received(piece, 1));
            let state = |frames: &Frames| {
                (frames.error(), frames.empty(), frames.list_since(), frames.left, frames.overhead.left)
            };
            assert_eq!(state(&whole), state(&pieces));
        }
    }

    #[test]
    fn lists_are_read_whatever_is_around_them() {
        let list = [&[0x82, 0x87, 0x04, 5][..], b"/a#b!"].concat();
        let wire = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
            let head = [0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
            [&head[..], payload].concat()
        };
        let padded = [&[3][..], &list, &[0; 3]].concat();
        let with_priority = [&[0, 0, 0, 0, 16][..], &list].concat();
        let both = [&[3, 0, 0, 0, 0, 16][..], &list, &[0; 3]].concat();
        for (flags, payload) in
            [(0, &list), (PADDED, &padded), (PRIORITY, &with_priority), (PADDED | PRIORITY, &both)]
        {
            let mut frames = begun();
            frames.received(&wire(HEADERS, flags | END_HEADERS | END_STREAM, 1, payload), 0);
            assert_eq!(frames.error(), None, "{flags}");
            assert_eq!(frames.reject(1), Some(Reject::Fragment), "{flags}");
            assert_eq!(frames.reject(3), None);
        }
        let mut frames = begun();
        frames.received(&wire(HEADERS, 0, 1, &list[..2]), 0);
        frames.received(&wire(CONTINUATION, 0, 1, &list[2..6]), 0);
        frames.received(&wire(CONTINUATION, END_HEADERS, 1, &list[6..]), 0);
        assert_eq!(frames.reject(1), Some(Reject::Fragment));
        // Trailers, once with a field and once with a pseudo-header field.
        frames.received(&wire(HEADERS, END_HEADERS | END_STREAM, 1, &[0x90]), 0);
        assert_eq!(frames.error(), None);
        frames.received(&wire(HEADERS, END_HEADERS | END_STREAM, 1, &[0x84]), 0);
        assert_eq!(frames.error(), Some(Error::List(ListError::Trailers)));
    }
}
