//! Finds the resets of streams among the frames that `h2` sends: counts refusals, and changes one error code.
//!
//! `h2` refuses a path that it cannot hold, such as one with `"` in its query, with PROTOCOL_ERROR. LoopBack's clients send
//! such paths, and HTTP/1.1 takes them: HTTP_1_1_REQUIRED (RFC 9113 section 7) makes a client such as curl ask again over
//! HTTP/1.1.

/// The position among the frames that are sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outgoing {
    head: [u8; 9],
    /// Bytes of the head so far.
    known: usize,
    /// Bytes until the next head.
    left: usize,
    /// Whether these bytes are a code that is replaced.
    is_replaced: bool,
    /// The code of a reset, as far as it has passed.
    code: u32,
}

/// What a part of a frame was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    /// The stream whose code has been replaced.
    pub(super) replaced: Option<u32>,
    /// Streams that were refused (`REFUSED_STREAM`).
    pub(super) refused: u64,
}

/// What may be written next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// So many of the bytes, as they are.
    AsIs(usize),
    /// These in place of as many.
    Instead(&'static [u8]),
}

const RST_STREAM: u8 = 3;
const REFUSED_STREAM: u32 = 7;
/// HTTP_1_1_REQUIRED.
const CODE: &[u8] = &[0, 0, 0, 0xd];

impl Outgoing {
    /// What of `bytes` may be written next. `is_noted`: whether the code of a stream's reset is replaced.
    pub(super) fn next(&self, bytes: &[u8], is_noted: impl Fn(u32) -> bool) -> Next {
        let mut ahead = *self;
        let mut passed = 0;
        while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
            if ahead.is_replaced {
                let code = CODE.get(CODE.len() - ahead.left.min(CODE.len())..).unwrap_or_default();
                let code = code.get(..rest.len().min(code.len())).unwrap_or_default();
                return if passed > 0 { Next::AsIs(passed) } else { Next::Instead(code) };
            }
            passed += ahead.step(rest, &is_noted, &mut Passed::default());
        }
        Next::AsIs(bytes.len())
    }

    /// Moves on behind bytes that have been written.
    pub(super) fn moved(&mut self, mut bytes: &[u8], is_noted: impl Fn(u32) -> bool) -> Passed {
        let mut passed = Passed::default();
        while !bytes.is_empty() {
            let count = self.step(bytes, &is_noted, &mut passed);
            bytes = bytes.get(count..).unwrap_or_default();
        }
        passed
    }

    /// Moves on by a part of a frame. Returns the number of its bytes.
    fn step(&mut self, bytes: &[u8], is_noted: &impl Fn(u32) -> bool, passed: &mut Passed) -> usize {
        if self.left > 0 {
            let count = self.left.min(bytes.len());
            self.left -= count;
            if self.kind() == RST_STREAM {
                let payload = bytes.get(..count).unwrap_or_default();
                self.code = payload.iter().fold(self.code, |code, byte| code << 8 | u32::from(*byte));
                if self.left == 0 {
                    self.end_reset(passed);
                }
            }
            return count;
        }
        let count = (self.head.len() - self.known).min(bytes.len());
        if let (Some(to), Some(from)) =
            (self.head.get_mut(self.known..self.known + count), bytes.get(..count))
        {
            to.copy_from_slice(from);
        }
        self.known += count;
        if self.known == self.head.len() {
            let [high, middle, low, kind, ..] = self.head;
            self.known = 0;
            self.left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            self.is_replaced = kind == RST_STREAM && self.left == CODE.len() && is_noted(self.stream());
        }
        count
    }

    fn end_reset(&mut self, passed: &mut Passed) {
        if std::mem::take(&mut self.is_replaced) {
            passed.replaced = passed.replaced.or(Some(self.stream()));
        } else if self.code == REFUSED_STREAM {
            passed.refused += 1;
        }
    }

    fn kind(&self) -> u8 {
        let [_, _, _, kind, ..] = self.head;
        kind
    }

    /// The stream of the frame.
    fn stream(&self) -> u32 {
        let [_, _, _, _, _, stream @ ..] = self.head;
        u32::from_be_bytes(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reset(stream: u8, code: u8) -> Vec<u8> {
        vec![0, 0, 4, RST_STREAM, 0, 0, 0, 0, stream, 0, 0, 0, code]
    }

    /// What arrives of `sent` if the socket takes so many bytes at a time, the streams whose code was replaced, and the
    /// number of those that were refused.
    fn arrived(sent: &[u8], size: usize) -> (Vec<u8>, Vec<u32>, u64) {
        let mut outgoing = Outgoing::default();
        let (mut arrived, mut replaced, mut refused, mut rest) = (Vec::new(), Vec::new(), 0, sent);
        while !rest.is_empty() {
            // h2 may offer less than it has as well.
            let offered = &rest[..rest.len().min(3 * size)];
            let is_noted = |stream| stream == 5 && replaced.is_empty();
            let count = match outgoing.next(offered, is_noted) {
                Next::AsIs(most) => {
                    let count = most.min(size);
                    arrived.extend_from_slice(&offered[..count]);
                    count
                }
                Next::Instead(bytes) => {
                    let count = bytes.len().min(size);
                    arrived.extend_from_slice(&bytes[..count]);
                    count
                }
            };
            let passed = outgoing.moved(&offered[..count], is_noted);
            replaced.extend(passed.replaced);
            refused += passed.refused;
            rest = &rest[count..];
        }
        (arrived, replaced, refused)
    }

    #[test]
    fn the_code_of_a_noted_stream_is_replaced_once_however_it_is_written() {
        // DATA that looks like a reset, in between.
        let data = [&[0, 0, 13, 0, 0, 0, 0, 0, 5][..], &reset(5, 1)].concat();
        let end = vec![0, 0, 0, 4, 1, 0, 0, 0, 0];
        let sent = [reset(3, 1), data.clone(), reset(5, 1), reset(5, 1), end.clone()].concat();
        let expected = [reset(3, 1), data, reset(5, 0xd), reset(5, 1), end].concat();
        for size in 1..60 {
            assert_eq!(arrived(&sent, size), (expected.clone(), vec![5], 0), "{size}");
        }
    }

    #[test]
    fn refusals_are_counted_and_no_other_reset() {
        let data = [&[0, 0, 13, 0, 0, 0, 0, 0, 1][..], &reset(1, 7)].concat();
        let sent = [reset(1, 7), data, reset(3, 8), reset(5, 7), reset(7, 7)].concat();
        for size in 1..60 {
            let (same, replaced, refused) = arrived(&sent, size);
            assert_eq!((same.len(), &replaced[..], refused), (sent.len(), &[5][..], 2), "{size}");
        }
    }
}
