//! A byte buffer that is filled at the end and emptied at the front.

/// A buffer begins with room for a head and a small body: most need no more, and what is zeroed for each costs.
const SMALL: usize = 4 * 1024;
/// How many bytes one read may bring: large enough that a big body costs few calls.
const FULL: usize = 32 * 1024;

/// A buffer that is zeroed once, so that it can be lent to a read without being cleared again.
#[derive(Debug)]
pub struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// An empty buffer that holds `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity].into_boxed_slice(), start: 0, end: 0 }
    }

    /// What has been read and not been used.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// How much that is.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes `count` bytes from the front.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.clear();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// The free room at the end; what is held moves to the front when the end is reached.
    pub fn space(&mut self) -> &mut [u8] {
        if self.end == self.bytes.len() && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// `count` bytes have been written into [`Buffer::space`]. A read that leaves no room is followed by more, which
    /// then comes in large pieces.
    pub fn advance(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
        if self.end == self.bytes.len() && self.bytes.len() < FULL {
            self.grow(FULL);
        }
    }

    /// Makes room for at least `capacity` bytes in all.
    pub fn grow(&mut self, capacity: usize) {
        if capacity > self.bytes.len() {
            let mut bytes = vec![0; capacity].into_boxed_slice();
            let held = self.len();
            if let (Some(to), Some(from)) = (bytes.get_mut(..held), self.bytes.get(self.start..self.end)) {
                to.copy_from_slice(from);
            }
            *self = Self { bytes, start: 0, end: held };
        }
    }

    /// How many bytes fit in all.
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
    fn a_read_that_fills_it_makes_room_for_large_ones() {
        let mut buffer = Buffer::default();
        put(&mut buffer, &[b'a'; SMALL - 1]);
        assert_eq!(buffer.capacity(), SMALL);
        put(&mut buffer, b"b");
        assert_eq!((buffer.capacity(), buffer.len()), (FULL, SMALL));
        assert!(buffer.filled().ends_with(b"ab"));
    }
}
