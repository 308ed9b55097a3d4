//! A byte buffer that is filled at the end and emptied at the front.

/// How many bytes one read may bring: large enough that a big body costs few calls.
const CAPACITY: usize = 32 * 1024;

/// A buffer of fixed size, zeroed once, so that it can be lent to a read without being cleared again.
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

    /// `count` bytes have been written into [`Buffer::space`].
    pub fn advance(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
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
        Self::with_capacity(CAPACITY)
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
        let mut buffer = Buffer::with_capacity(8);
        put(&mut buffer, b"abcdef");
        buffer.consume(4);
        assert_eq!(buffer.filled(), b"ef");
        put(&mut buffer, b"gh");
        assert_eq!(buffer.filled(), b"efgh");
        assert_eq!(buffer.space().len(), 4, "the front is used again");
        put(&mut buffer, b"ijkl");
        assert_eq!(buffer.filled(), b"efghijkl");
        assert!(buffer.space().is_empty(), "full");
        buffer.grow(16);
        put(&mut buffer, b"m");
        assert_eq!(buffer.filled(), b"efghijklm");
        buffer.consume(99);
        assert!(buffer.is_empty());
    }
}
