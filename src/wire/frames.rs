//! Tracks frame boundaries of a relayed WebSocket stream, because the gate may insert its close frame only
//! between two frames (RFC 6455 section 5.2).

/// The position in a stream of frames. The content is not read.
#[derive(Debug, Default)]
pub struct Frames {
    // 2 bytes, a length of up to 8 and a mask of 4 (RFC 6455 section 5.2).
    head: [u8; 14],
    have: usize,
    /// Bytes left of the payload.
    left: u64,
    closed: bool,
}

const CLOSE: u8 = 8;

impl Frames {
    /// Advances over relayed bytes.
    pub fn pass(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            // The payload is skipped as a whole.
            if self.left > 0 {
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                self.left -= count as u64;
                rest = rest.get(count..).unwrap_or_default();
                continue;
            }
            if let Some(place) = self.head.get_mut(self.have) {
                *place = byte;
            }
            self.have += 1;
            if self.have >= self.head_len() {
                self.left = self.payload();
                self.closed |= self.first() & 15 == CLOSE;
                self.have = 0;
            }
            rest = after;
        }
    }

    /// Bytes missing to the end of the frame, as far as its length is known; 0 = between two frames.
    #[must_use]
    pub fn missing(&self) -> u64 {
        match (self.left, self.have) {
            (0, 0) => 0,
            (0, have) => (self.head_len() - have) as u64,
            (left, _) => left,
        }
    }

    /// Whether a close frame has been relayed. Nothing may follow it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The length of the current frame's head: two bytes, a longer length, and a mask.
    fn head_len(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let length = match self.second() & 127 {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + if self.second() & 128 == 0 { 0 } else { 4 }
    }

    fn payload(&self) -> u64 {
        let big_endian = |count: usize| {
            self.head.iter().skip(2).take(count).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte))
        };
        match self.second() & 127 {
            126 => big_endian(2),
            127 => big_endian(8),
            short => u64::from(short),
        }
    }

    fn first(&self) -> u8 {
        let [first, ..] = self.head;
        first
    }

    fn second(&self) -> u8 {
        let [_, second, ..] = self.head;
        second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, masked: bool, payload: usize) -> Vec<u8> {
        let mask = if masked { 128 } else { 0 };
        let mut frame = match payload {
            0..126 => vec![first, mask | payload as u8],
            126..65_536 => [&[first, mask | 126][..], &(payload as u16).to_be_bytes()].concat(),
            _ => [&[first, mask | 127][..], &(payload as u64).to_be_bytes()].concat(),
        };
        frame.extend_from_slice(if masked { &[1, 2, 3, 4] } else { &[] });
        frame.resize(frame.len() + payload, b'x');
        frame
    }

    #[test]
    fn c4_the_end_of_each_frame_is_known_however_it_comes() {
        for masked in [false, true] {
            for payload in [0, 1, 125, 126, 127, 65_535, 65_536] {
                let bytes = frame(0x82, masked, payload);
                for step in [1, 3, 7, bytes.len()] {
                    let mut frames = Frames::default();
                    for piece in bytes.chunks(step) {
                        frames.pass(piece);
                    }
                    assert_eq!(frames.missing(), 0, "{payload} by {step}");
                }
                for cut in (1..bytes.len().min(20)).chain([bytes.len() - 1]) {
                    let mut frames = Frames::default();
                    frames.pass(&bytes[..cut]);
                    let missing = usize::try_from(frames.missing()).unwrap();
                    assert!(missing > 0 && missing <= bytes.len() - cut, "{payload} cut at {cut}: {missing}");
                }
            }
        }
    }

    #[test]
    fn c4_a_close_is_seen_among_others_and_only_a_close() {
        let mut frames = Frames::default();
        frames.pass(&[frame(0x01, false, 5), frame(0x89, false, 2), frame(0x80, false, 300)].concat());
        assert!(!frames.is_closed());
        frames.pass(&frame(0x88, false, 2));
        assert!(frames.is_closed() && frames.missing() == 0);
    }
}
