//! A byte buffer that is filled at the end and consumed at the front.

use super::allowance::Share;

/// The initial capacity: enough for a head and a small body. Most requests need no more, and zeroing costs
/// time.
const SMALL: usize = 4 * 1024;
/// The capacity of a buffer that a read has filled: large enough that a big body needs few reads.
const FULL: usize = 32 * 1024;

/// A byte buffer. Its memory is zeroed once, so that it can be passed to a read without being cleared again.
#[derive(Debug)]
pub struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    /// What it takes of the core's allowance: all beyond the initial capacity.
    _share: Share,
}

impl Buffer {
    /// An empty buffer with a capacity in bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let share = Share::force(capacity.saturating_sub(SMALL));
        Self { bytes: vec![0; capacity].into_boxed_slice(), start: 0, end: 0, _share: share }
    }

    /// The bytes that have been read and not consumed.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The number of these bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether all bytes have been consumed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Removes `count` bytes from the front.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        // An empty buffer starts at the front again, so that bytes rarely have to move.
        if self.start == self.end {
            self.clear();
        }
    }

    /// Removes all bytes.
    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// The free space at the end. If there is none, unconsumed bytes move to the front.
    pub fn space(&mut self) -> &mut [u8] {
        // Only when the end is reached: moving at each call would copy the same bytes again and again.
        if self.end == self.bytes.len() && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// Adds the `count` bytes that were written into [`Buffer::space`]. A read that fills the buffer makes it
    /// grow, because more will follow. If the core's allowance is used up, it stays small and needs more reads.
    pub fn advance(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
        if self.end == self.bytes.len() && self.bytes.len() < FULL {
            let _ = self.may_grow(FULL);
        }
    }

    /// Adds as many of `bytes` as there is space for, and returns how many.
    pub fn fit(&mut self, bytes: &[u8]) -> usize {
        let space = self.space();
        let count = space.len().min(bytes.len());
        if let (Some(to), Some(from)) = (space.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        self.advance(count);
        count
    }

    /// Adds all of `bytes`. `false` if the core's allowance is used up.
    #[must_use]
    pub fn put(&mut self, bytes: &[u8]) -> bool {
        // Never full afterwards, which means to a scanner that more will follow.
        if !self.may_grow((self.len() + bytes.len() + 1).next_power_of_two()) {
            return false;
        }
        if self.bytes.len() - self.end < bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.fit(bytes) == bytes.len()
    }

    /// Grows the buffer to at least `capacity` bytes, also if the core's allowance is used up.
    pub fn grow(&mut self, capacity: usize) {
        if capacity > self.bytes.len() {
            self.move_to(capacity, Share::force(capacity.saturating_sub(SMALL)));
        }
    }

    /// Grows the buffer to at least `capacity` bytes. `false` if the core's allowance is used up.
    #[must_use]
    pub fn may_grow(&mut self, capacity: usize) -> bool {
        if capacity <= self.bytes.len() {
            return true;
        }
        // Both exist while the bytes are copied.
        let Some(share) = Share::take(capacity.saturating_sub(SMALL)) else { return false };
        self.move_to(capacity, share);
        true
    }

    fn move_to(&mut self, capacity: usize, share: Share) {
        let mut bytes = vec![0; capacity].into_boxed_slice();
        let held = self.len();
        if let (Some(to), Some(from)) = (bytes.get_mut(..held), self.bytes.get(self.start..self.end)) {
            to.copy_from_slice(from);
        }
        *self = Self { bytes, start: 0, end: held, _share: share };
    }

    /// Whether it has a larger capacity than a new one.
    #[must_use]
    pub fn has_grown(&self) -> bool {
        self.bytes.len() > SMALL
    }

    /// The capacity in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::with_capacity(SMALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::set_allowance;

    fn put(buffer: &mut Buffer, text: &[u8]) {
        buffer.space()[..text.len()].copy_from_slice(text);
        buffer.advance(text.len());
    }

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let mut buffer = Buffer::with_capacity(FULL);
        put(&mut buffer, &vec![b'a'; FULL - 2]);
        buffer.consume(FULL - 4);
        assert_eq!(buffer.filled(), b"aa");
        put(&mut buffer, b"bc");
        assert_eq!(buffer.filled(), b"aabc");
        assert_eq!(buffer.space().len(), FULL - 4, "the front is used again");
        put(&mut buffer, &vec![b'd'; FULL - 4]);
        assert!(buffer.filled().starts_with(b"aabcd"));
        assert!(buffer.space().is_empty(), "full");
        buffer.grow(2 * FULL);
        put(&mut buffer, b"e");
        assert_eq!(buffer.len(), FULL + 1);
        buffer.consume(2 * FULL);
        assert!(buffer.is_empty());
    }

    #[test]
    fn what_is_put_is_put_whole() {
        let mut buffer = Buffer::with_capacity(SMALL);
        put(&mut buffer, &[b'a'; SMALL - 96]);
        buffer.consume(SMALL - 98);
        assert!(buffer.put(&[b'b'; 200]), "behind what is left, at the front");
        assert_eq!((buffer.capacity(), buffer.len()), (SMALL, 202));
        assert!(buffer.filled().starts_with(b"aab") && buffer.filled().ends_with(b"bb"));
    }

    #[test]
    fn without_an_allowance_it_stays_small_and_works() {
        set_allowance(FULL);
        let mut first = Buffer::default();
        put(&mut first, &[b'a'; SMALL]);
        assert_eq!(first.capacity(), FULL);
        let mut second = Buffer::default();
        put(&mut second, &[b'b'; SMALL]);
        assert_eq!((second.capacity(), second.space().len()), (SMALL, 0));
        assert!(!second.may_grow(2 * SMALL + 1));
        second.consume(SMALL);
        put(&mut second, b"c");
        assert_eq!(second.filled(), b"c");
        second.grow(2 * SMALL);
        assert_eq!(second.capacity(), 2 * SMALL, "an answer of the app is read all the same");
        drop(first);
        assert!(second.may_grow(FULL));
    }

    #[test]
    fn a_read_that_fills_it_makes_room_for_large_ones() {
        let mut buffer = Buffer::default();
        put(&mut buffer, &[b'a'; SMALL - 1]);
        assert_eq!(buffer.capacity(), SMALL);
        put(&mut buffer, b"b");
        assert_eq!((buffer.capacity(), buffer.len()), (FULL, SMALL));
        assert!(buffer.filled().ends_with(b"ab"));
    }
}
